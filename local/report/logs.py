"""Usage out of the gateway's log lines alone, added up as the table would have it."""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any, cast

from pydantic_core import from_json

from app.core.books import UsageRecord
from app.core.counting import UNKNOWN, UNSETTLED
from app.core.rollup import UsageRow
from app.core.windows import DAY, HOUR, day_of
from app.meter.lines import LONGEST, line_of, record_of
from app.stores.rollup_items import PREFIX, adds_of, kind_of, sk_of, tag_of, unsettled_adds
from app.stores.rollup_rows import dimensions_of, row_of

_GZIP = b"\x1f\x8b"
_ENVELOPES = ("message", "@message", "log")
_NO_MODEL = frozenset({"model_not_found"})


class Unreadable(Exception):
    """A file can't be read; the text names it."""


def lines_of(names: Sequence[str]) -> Iterator[str]:
    """The lines of files, gzipped or not; of all files in a folder; `-` is standard input. Raises Unreadable."""
    for name in names:
        if name == "-":
            yield from _lines(sys.stdin.buffer)
            continue
        path = Path(name)
        for file in sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]:
            try:
                with closing(_opened(file)) as stream:
                    yield from _lines(stream)
            except (OSError, EOFError) as problem:
                reason = getattr(problem, "strerror", None) or "the file is damaged"
                raise Unreadable(f"{file}: {reason}") from None


def _opened(file: Path) -> IO[bytes]:
    stream = file.open("rb")
    if stream.peek(2)[:2] != _GZIP:
        return stream
    stream.close()
    return cast(IO[bytes], gzip.open(file, "rb"))


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Lines without end come in pieces, which are no lines of ours."""
    while line := stream.readline(2 * LONGEST):
        yield line.decode("utf-8", "replace")


class Logged:
    """What log lines add up to. `names`: of keys, by id; `seen`: how many lines there were of each sort."""

    def __init__(self, metered_tags: Sequence[str]) -> None:
        self.names: dict[str, str] = {}
        self.seen: Counter[str] = Counter()
        self._tags = tuple(metered_tags)
        self._items: dict[tuple[str, str], Counter[str]] = {}
        self._known: set[str] = set()
        self._unstored: list[Mapping[str, Any]] = []

    def read(self, lines: Iterable[str]) -> None:
        """Lines come in any order; each request counts once."""
        for text in lines:
            self.seen["lines"] += 1
            found = line_of(text)
            record = None if found is None else record_of(found)
            if record is not None:
                self._add_record(record)
            elif not self._add_other(text):
                self.seen["other"] += 1
        for line in self._unstored:
            self._make_up(line)
        self._unstored.clear()

    def rows(self, first_day: str = "", last_day: str = "9999") -> list[UsageRow]:
        """By day, both inclusive."""
        kept = sorted((day, sk) for day, sk in self._items if first_day <= day <= last_day)
        found = (row_of(day, {"sk": sk, **self._items[day, sk]}) for day, sk in kept)
        return [row for row in found if row is not None]

    def _add_record(self, record: UsageRecord) -> None:
        call = record.call
        if call.request_id in self._known:
            self.seen["duplicate"] += 1
            return
        if not record.ended:
            self.seen["undated"] += 1
            return
        self._known.add(call.request_id)
        self.seen["usage"] += 1
        caller = call.caller
        if caller.name:
            self.names[caller.key_id] = caller.name
        sk = sk_of(
            kind_of(call.endpoint),
            caller.project,
            caller.key_id,
            caller.user,
            UNKNOWN if record.error_code in _NO_MODEL else call.receipt.model or UNKNOWN,
            call.receipt.route,
            record.tier or "default",
            call.traffic,
            tag_of(self._tags, caller.tags, {}),
        )
        self._add(day_of(record.ended), sk, adds_of(record, int(record.ended % DAY // HOUR)))

    def _add_other(self, text: str) -> bool:
        """The lines of `stores/unstored.py`."""
        line = _event(text) if "usage_un" in text else None
        if line is None:
            return False
        if line.get("event") == "usage_unstored":
            self._unstored.append(line)
            self.seen["unstored"] += 1
            return True
        sk, cost, at = line.get("sk"), line.get("cost"), line.get("at")
        mark = f"unsettled {line.get('timestamp')} {sk} {cost} {line.get('request_id')}"
        if line.get("event") != "usage_unsettled" or not isinstance(sk, str) or type(cost) is not int:
            return False
        if type(at) is not int or not 0 < at < 10**11:
            return False
        if mark in self._known:
            self.seen["duplicate"] += 1
        else:
            self._known.add(mark)
            self.seen["unsettled"] += 1
            self._add(day_of(at), sk, unsettled_adds(cost, at % DAY // HOUR))
        return True

    def _make_up(self, line: Mapping[str, Any]) -> None:
        """For requests whose own lines are missing, because LOG_LEVEL keeps them back or they were cut off."""
        pk, sk, counters, ids = (line.get(name) for name in ("pk", "sk", "counters", "request_ids"))
        if not (isinstance(pk, str) and isinstance(sk, str) and isinstance(counters, dict) and isinstance(ids, list)):
            return
        known = {str(each) for each in ids}
        dimensions = dimensions_of(sk)
        if not known or known & self._known or dimensions is None or dimensions.model == UNSETTLED:
            return
        self._known |= known
        self.seen["made up"] += len(known)
        adds = {str(name): value for name, value in counters.items() if type(value) is int}
        self._add(pk.removeprefix(PREFIX)[:10], sk, adds)

    def _add(self, day: str, sk: str, adds: Mapping[str, int]) -> None:
        self._items.setdefault((day, sk), Counter()).update(adds)


def _event(text: str, depth: int = 3) -> Mapping[str, Any] | None:
    """The object that has an `event`, in a line or in what CloudWatch put around it."""
    if len(text) > LONGEST or (begin := text.find("{")) < 0:
        return None
    try:
        found = from_json(text[begin:].strip().rstrip(","))
    except ValueError:
        return None
    while isinstance(found, dict) and "event" not in found and depth:
        inner = next((found[name] for name in _ENVELOPES if name in found), None)
        if isinstance(inner, str):
            return _event(inner, depth - 1)
        found, depth = inner, depth - 1
    return found if isinstance(found, dict) else None
