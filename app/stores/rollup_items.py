"""Usage as it is written to the table: one item per day and set of dimensions. Pure; `rollup_rows` reads it, docs/usage.md
has the layout.

    pk="usage#2026-11-21"
    sk="completions|proj_default|key_1|ann|<model>|fast|default|realtime|team=search"      the dimensions, in this order
    n13 q13 i13 o13 r13 w13 c13     of the hour from 13:00 (UTC): requests, refused ones, tokens of input, output, cache
                                    read and cache write, cost; the day's are their sums, and so agree by nature
    ci co cr cw cx                  the day's cost by kind: input, output, cache read, cache write, other
    v                               requests that say which ledgers counted them:
    kd kw km pd pw pm od ow om      the cost that the key's, project's and organization's ledger of a day, week, month counted
    e t u x h ch k s                errors, throttles, unpriced, unsettled, short answers and their cost, cache hits, saved
    l30 f12                         requests by latency and by time to first token: buckets of core/counting.py
    expires_at                      400 days after the day's end

What is zero is left out, and all of it is only ever added to. Money is in nano-USD.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from app.core.books import UsageRecord
from app.core.counting import SHORT, bucket_of
from app.core.windows import DAY, day_of

KEPT_DAYS = 400
PREFIX = "usage#"

_KINDS = {"embeddings": "embeddings", "moderations": "moderations"}
"""Endpoint -> usage route; all others are completions (chat, completions, responses, messages)."""


def kind_of(endpoint: str) -> str:
    return _KINDS.get(endpoint, "completions")


def adds_of(record: UsageRecord, hour: int, counted: Iterable[str] = ()) -> dict[str, int]:
    """What a request adds to its item. `counted`: the ledgers that count it, as `counting.counted_in` has them."""
    usage, cost, call = record.usage, record.cost, record.call
    total = cost.total
    failed = record.outcome == "error" or (record.status >= 400 and record.outcome != "disconnected")
    tokens = usage.input + usage.output + usage.cache_read + usage.cache_write
    refused = failed and not tokens and not total
    short = record.outcome == "ok" and 0 < usage.output < SHORT * record.choices and call.endpoint not in _KINDS
    adds = {
        f"n{hour}": 1,
        f"q{hour}": refused,
        f"i{hour}": usage.input,
        f"o{hour}": usage.output,
        f"r{hour}": usage.cache_read,
        f"w{hour}": usage.cache_write,
        f"c{hour}": total,
        "ci": cost.input,
        "co": cost.output,
        "cr": cost.cache_read,
        "cw": cost.cache_write,
        "cx": cost.other,
        "ch": total if short else 0,
        "s": record.saved,
        "e": failed,
        "t": failed and _throttled(record),
        "u": not cost.priced,
        "h": short,
        "k": call.receipt.cache == "hit",
        f"l{bucket_of(record.total_ms)}": not refused,  # a refusal takes no time, and is no answer
        "v": 1,
    }
    adds |= dict.fromkeys(counted, total)
    if record.first_token_ms is not None:
        adds[f"f{bucket_of(record.first_token_ms)}"] = 1
    return {name: int(value) for name, value in adds.items() if value}


def unsettled_adds(nanos: int, hour: int, counted: Iterable[str] = ()) -> dict[str, int]:
    """What a reservation adds that was never settled: money, and no request. Below 0 it takes such a charge back."""
    return {f"c{hour}": nanos, "cx": nanos, "x": 1 if nanos >= 0 else -1, **dict.fromkeys(counted, nanos)}


def _throttled(record: UsageRecord) -> bool:
    """By Bedrock, or by a rate limit of ours; a spent budget is none."""
    return record.error_code == "rate_limit_exceeded" or (
        record.status == 429 and record.error_code != "insufficient_quota"
    )


def pk_of(day: int) -> str:
    """`day`: days since the epoch."""
    return PREFIX + day_of(day * DAY)


def expiry_of(day: int) -> int:
    return (day + 1 + KEPT_DAYS) * DAY


# Dimensions as a sort key

LIMITS = (24, 48, 48, 128, 160, 96, 16, 12)
"""Bytes per field but the tag, escapes included. With TAG and the separators at most 1020; DynamoDB takes 1024."""
TAG = 480
_RESERVED = re.compile(r"[%|\x00-\x1f\x7f]")
_RESERVED_IN_TAG = re.compile(r"[%|,=\x00-\x1f\x7f]")
_BROKEN_ESCAPE = re.compile(r"%[0-9A-F]?\Z")


@lru_cache(maxsize=4096)
def sk_of(*fields: str) -> str:
    """The fields of Dimensions in order, joined by `|`. Each is clipped to its limit; otherwise nothing is lost.

    `|`, `%` and control characters are escaped as in URLs; half a surrogate pair, which is no text, becomes `?`.
    """
    *others, tag = fields
    names = [_clipped(value, _RESERVED, limit) for value, limit in zip(others, LIMITS, strict=True)]
    return "|".join([*names, _bytes(tag)[:TAG].decode("utf-8", "ignore")])


def tag_of(names: Iterable[str], own: Mapping[str, str], told: Mapping[str, str]) -> str:
    """The metered tags as one text: `own` (the key's) go before `told` (the request's); 64 characters of each value."""
    wanted = list(names)
    pairs = [(name, own.get(name) or told.get(name)) for name in wanted]
    return ",".join([_pair(name, str(value)[:64], max(8, TAG // len(wanted) - 1)) for name, value in pairs if value])


@lru_cache(maxsize=1024)
def _pair(name: str, value: str, limit: int) -> str:
    shown = _clipped(name, _RESERVED_IN_TAG, limit // 2)
    return f"{shown}={_clipped(value, _RESERVED_IN_TAG, limit - len(shown.encode()) - 1)}"


def _clipped(text: str, reserved: re.Pattern[str], limit: int) -> str:
    escaped = reserved.sub(lambda found: f"%{ord(found[0]):02X}", text)
    whole = _bytes(escaped)
    if len(whole) <= limit:
        return whole.decode()
    return _BROKEN_ESCAPE.sub("", whole[:limit].decode("utf-8", "ignore"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
