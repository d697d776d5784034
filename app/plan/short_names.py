"""Names of Bedrock's models as other platforms write them: without vendor, region, date or version. Pure.

    claude-haiku-4-5-20251001, claude-haiku-4-5, anthropic/claude-haiku-4.5    anthropic.claude-haiku-4-5-20251001-v1:0
    claude-opus-4-5@20251101 (Vertex AI)                                       anthropic.claude-opus-4-5-20251101-v1:0
    claude-3-5-haiku-latest (Anthropic)                                        the newest of its dates
    gpt-oss-120b                                                               openai.gpt-oss-120b-1:0

A name with a date or a version fits these only; a name without fits the newest active model of the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from app.core.ports import ModelEntry
from app.plan import model_id

MAX_LENGTH = 128
"""Characters. Longer names are not looked up: no model's name is half as long."""
_VERSION = re.compile(r"-v?(\d+):\d+$|-v(\d+)$|:\d+$")
_DATE = re.compile(r"-(20\d{6})$")
_NEWEST = re.compile(r"[-@:](?:latest|default)$")
_REGION = re.compile(r"(us-gov|us|eu|eusc|apac|jp|au|in|ca|sa|mx|global)\.(?=\D)")
_DECIMAL = re.compile(r"(?<=\d)\.(?=\d)")


class ShortName(NamedTuple):
    """A name taken apart. `geography`, `date` and `version` are empty where the name has none."""

    geography: str
    name: str
    date: str
    version: str


class ShortNames:
    """An index over the foundation models of a list: from any spelling to a base id."""

    def __init__(self, entries: Iterable[ModelEntry]) -> None:
        bases: dict[str, ModelEntry] = {}
        for entry in entries:
            if entry.kind in ("foundation", "profile") and (entry.base_id not in bases or entry.kind == "foundation"):
                bases[entry.base_id] = entry
        self._by_name: dict[str, str] = {}
        self._exact: dict[tuple[str, str, str], str] = {}
        for base in sorted(bases, key=lambda base: _age(base, bases[base])):  # the newest active one comes last
            _, name, date, version = parse(base)
            self._by_name[name] = base
            for known in ((name, date, version), (name, date, ""), (name, "", version)):
                self._exact[known] = base

    def find(self, short: ShortName) -> str | None:
        """The base id, None for no model of this name, or none of this date or version."""
        if short.date or short.version:
            return self._exact.get((short.name, short.date, short.version))
        return self._by_name.get(short.name)

    def nearest(self, name: str) -> str | None:
        """The base id whose short name is most like this one; None where none is like it."""
        from difflib import get_close_matches  # only for an error

        wanted = parse(name[:MAX_LENGTH]).name
        close = get_close_matches(wanted, self._by_name, n=1, cutoff=0.7)
        return self._by_name[close[0]] if close else None


def parse(name: str) -> ShortName:
    """Takes a name apart, in lower case.

    >>> parse("us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    ShortName(geography='us', name='claude-sonnet-4-5', date='20250929', version='1')
    >>> parse("anthropic/claude-sonnet-4.5").name
    'claude-sonnet-4-5'
    """
    rest = name.strip().lower()
    vendor, slash, behind = rest.rpartition("/")
    if slash and vendor in model_id.PROVIDERS:
        rest = behind
    geography = ""
    if region := _REGION.match(rest):
        geography, rest = region[1], rest[region.end() :]
    vendor, dot, behind = rest.partition(".")
    if dot and vendor in model_id.PROVIDERS:
        rest = behind
    rest = _NEWEST.sub("", rest)
    version = _VERSION.search(rest)
    rest = _VERSION.sub("", rest).replace("@", "-")
    date = _DATE.search(rest)
    rest = _DATE.sub("", rest)
    number = (version[1] or version[2] or "") if version else ""
    return ShortName(geography, _DECIMAL.sub("-", rest), date[1] if date else "", number)


def _age(base: str, entry: ModelEntry) -> tuple[bool, str, int, str]:
    short = parse(base)
    return entry.lifecycle == "ACTIVE", short.date, int(short.version or 0), base
