"""Output limits and model options that a client can put among the model's own request fields. Pure.

Fields reach a model as they are (`additional_model_request_fields`, a literal `extra_body`), so a limit among them would
replace the one that the gateway sends and reserves money for. `split_fields` is the only code that reads such limits.

Names are those of the models' native bodies (AWS's inference-parameter pages, 2026-11), compared in lower case without `_`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.prompt import Prompt

LIMITS = frozenset(
    {
        "maxtokens",
        "maxtokenstosample",
        "maxcompletiontokens",
        "maxoutputtokens",
        "maxnewtokens",
        "maxtokencount",
        "maxgenlen",
        "maxdecodelen",
        "numpredict",
    }
)
"""Names for the number of tokens that an answer may have."""
_COUNTS = frozenset({"n", "numgenerations", "numreturnsequences", "numresults", "numcompletions", "bestof"})
"""Names for the number of answers. Converse returns one, and a model that makes more of them charges for all."""
_TIERS = frozenset({"servicetier"})
"""The tier decides the price, so only the request's own `service_tier` sets it."""
_NOT_OPTIONS = frozenset(
    {"tools", "toolconfig", "schema", "inputschema", "jsonschema", "properties", "metadata", "thinking", "reasoning"}
)
"""Objects whose members are data of the client, or limits of thinking and not of the answer."""
MAX_DEPTH = 8
MAX_REPORTED = 20
PREFIX = "additional_model_request_fields."
"""Where an ignored field is reported, by whichever name the client sent it."""


@dataclass(frozen=True, slots=True)
class ModelFields:
    """The fields without limits, the limits by reported name (the smallest of each), and the names of what is dropped."""

    fields: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, None] = field(default_factory=dict)

    @property
    def limit(self) -> int | None:
        return min(self.limits.values(), default=None)

    def above(self, limit: int) -> Iterable[str]:
        """The names of the limits that are larger than `limit`."""
        return [name for name, value in self.limits.items() if value > limit]


def split_fields(fields: Mapping[str, Any]) -> ModelFields:
    """Takes limits and options out of model fields, also out of objects within them; the client's objects are not changed.

    >>> split_fields({"top_k": 5, "inferenceConfig": {"maxTokens": 9}}).limits
    {'additional_model_request_fields.maxTokens': 9}
    """
    found = ModelFields()
    _split(fields, found.fields, found, 0)
    return found


def client_limit(prompt: Prompt) -> int | None:
    """The smallest output limit that the client named, wherever it named one; None where it named none."""
    limits = [prompt.sampling.max_tokens]
    if prompt.extra_fields:
        limits.append(split_fields(prompt.extra_fields).limit)
    return min((limit for limit in limits if limit is not None), default=None)


def _split(fields: Mapping[str, Any], rest: dict[str, Any], found: ModelFields, depth: int) -> None:
    for name, value in fields.items():
        word = name.replace("_", "").replace("-", "").lower()
        if word in LIMITS:
            _take(found, PREFIX + name[:40], value)
        elif word in _TIERS or (word in _COUNTS and (_number(value) or 1) > 1):
            _drop(found, PREFIX + name[:40])
        elif isinstance(value, Mapping) and depth < MAX_DEPTH and word not in _NOT_OPTIONS:
            inner: dict[str, Any] = {}
            _split(value, inner, found, depth + 1)
            if inner or not value:  # an object that held nothing else is dropped whole
                rest[name] = inner
        else:
            rest[name] = value


def _take(found: ModelFields, name: str, value: object) -> None:
    limit = _number(value)
    if limit is None:
        if value is not None:  # null is no limit
            _drop(found, name)
        return
    if len(found.limits) >= MAX_REPORTED:
        name = PREFIX + "max_tokens"
    known = found.limits.get(name, limit)
    if known != limit:
        _drop(found, name)
    found.limits[name] = min(known, limit)


def _drop(found: ModelFields, name: str) -> None:
    if len(found.dropped) < MAX_REPORTED:
        found.dropped[name] = None


def _number(value: object) -> int | None:
    """A whole number from 1 on, also as text or with a fraction of zero, as models may read it; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None
