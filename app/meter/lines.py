"""Reads usage lines back from logs, for reports over what the table never got. What is not a usage line is passed over.

Lines come as they were written, behind a timestamp or a stream's name (`aws logs tail`), or inside the JSON that CloudWatch
Logs puts around them: `{"message": "..."}` (exports, `filter-log-events`, also one pretty-printed line of it) or `@message`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic_core import from_json

from app.core.access import DEFAULT_PROJECT
from app.core.books import Outcome, UsageRecord
from app.core.events import Finished, FinishReason, Usage
from app.core.money import Cost
from app.core.plan import Receipt
from app.core.ports import Call, Caller, Traffic

LONGEST = 1_048_576
"""Characters of a line: CloudWatch Logs takes no longer event."""
_MOST = 10**15
"""No count is above it: sums of such stay exact, and a line that says more is not ours."""
_NESTED = 3
_ENVELOPES = ("message", "@message", "log")

LoggedRecord = UsageRecord
"""A record as a line remembers it: no target, no limits of the caller. Its tags are those of key and request together."""


def records_in(lines: Iterable[str]) -> Iterator[LoggedRecord]:
    """The usage records among lines of any kind, in their order. Lines that were logged twice come twice."""
    for line in lines:
        found = line_of(line)
        record = None if found is None else record_of(found)
        if record is not None:
            yield record


def line_of(text: str) -> Mapping[str, Any] | None:
    """The usage line in a line of a log, None where there is none."""
    text = text.strip()
    if len(text) > LONGEST or "usage" not in text:
        return None
    if text.startswith('"'):  # one line of a pretty-printed answer of CloudWatch's
        return _unwrapped(_json("{" + text.rstrip(",") + "}"), _NESTED)
    begin = text.find("{")
    return None if begin < 0 else _unwrapped(_json(text[begin:].rstrip(",")), _NESTED)


def record_of(line: Mapping[str, Any]) -> LoggedRecord | None:
    """The record that `to_line` wrote; None for anything else. Values that make no sense count as not told."""
    request_id = _text(line, "request_id")
    if line.get("event") != "usage" or not request_id:
        return None
    status = _count(line, "status")
    outcome: Outcome = next((each for each in get_args(Outcome) if each == line.get("outcome")), "error")
    finish = next((each for each in get_args(FinishReason) if each == line.get("finish_reason")), None)
    first = line.get("first_token_ms")
    return UsageRecord(
        call=_call(line, request_id),
        outcome=outcome,
        status=status or (200 if outcome == "ok" else 500),
        error_code=_text(line, "error_code") or None,
        usage=_usage(line),
        tier=_text(line, "service_tier"),
        finish=Finished(finish) if finish else None,
        streamed=line.get("streamed") is True,
        choices=max(1, _count(line, "choices")),
        first_token_ms=None if first is None else _count(line, "first_token_ms"),
        total_ms=_count(line, "total_ms"),
        cost=_cost(line),
        estimated=line.get("estimated") is True,
        saved=_count(line, "saved_nanos"),
        ended=_ended(line),
        unsettled=line.get("unsettled") is True,
        malformed_calls=_count(line, "malformed_tool_calls"),
    )


def _call(line: Mapping[str, Any], request_id: str) -> Call:
    tags = line.get("tags")
    caller = Caller(
        key_id=_text(line, "key_id"),
        name=_text(line, "key_name"),
        tags={str(name): str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {},
        project=_text(line, "project") or DEFAULT_PROJECT,
        user=_text(line, "user"),
        stale=line.get("stale_key") is True,
    )
    traffic: Traffic = next((each for each in get_args(Traffic) if each == line.get("traffic")), "realtime")
    receipt = Receipt(
        model=_text(line, "model_called"),
        route=_text(line, "route"),
        cache=_text(line, "cache"),
        repairs=Counter(_counts(line.get("repairs"))),
        retries=_count(line, "retries"),
    )
    ended = _ended(line)
    started = max(0.0, ended - _count(line, "total_ms") / 1000)
    return Call(
        request_id, caller, _text(line, "endpoint"), _text(line, "model"), started, receipt=receipt, traffic=traffic
    )


def _usage(line: Mapping[str, Any]) -> Usage:
    read, write = _count(line, "cache_read_tokens"), _count(line, "cache_write_tokens")
    return Usage(
        input=max(0, _count(line, "prompt_tokens") - read - write),
        output=_count(line, "completion_tokens"),
        cache_read=read,
        cache_write=write,
        cache_write_1h=min(write, _count(line, "cache_write_1h_tokens")),
        reasoning=_count(line, "reasoning_tokens") if "reasoning_tokens" in line else None,
    )


def _cost(line: Mapping[str, Any]) -> Cost:
    """By kind; what the kinds don't add up to is `other`, so that the total is the line's."""
    kinds = _counts(line.get("cost_by_kind"))
    known = {kind: kinds.get(kind, 0) for kind in ("input", "output", "cache_read", "cache_write")}
    total = max(_count(line, "cost_nanos"), sum(known.values()))
    return Cost(
        **known,
        other=total - sum(known.values()),
        priced=line.get("unpriced") is not True,
        version=_text(line, "price_version"),
    )


def _ended(line: Mapping[str, Any]) -> float:
    ended = line.get("ended")
    return float(ended) if isinstance(ended, int | float) and 0 < ended < 1e11 else 0.0


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    return value[:512] if isinstance(value, str) else ""


def _count(line: Mapping[str, Any], name: str) -> int:
    value = line.get(name)
    return value if type(value) is int and 0 <= value <= _MOST else 0


def _counts(value: object) -> dict[str, int]:
    return {str(name): _count(value, name) for name in value} if isinstance(value, Mapping) else {}


def _json(text: str) -> object:
    try:
        return from_json(text)
    except (TypeError, ValueError):  # TypeError: half a surrogate pair
        return None


def _unwrapped(found: object, depth: int) -> Mapping[str, Any] | None:
    if not isinstance(found, Mapping) or depth == 0:
        return None
    if found.get("event") == "usage":
        return found
    for name in _ENVELOPES:
        inner = found.get(name)
        if isinstance(inner, str) and (begin := inner.find("{")) >= 0:
            inner = _json(inner[begin:])
        line = _unwrapped(inner, depth - 1)
        if line is not None:
            return line
    return None
