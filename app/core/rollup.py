"""What requests add up to: counters by dimensions, per day and hour (UTC)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Whose usage, and of what. `kind` is OpenAI's name of the usage route (`completions`, `embeddings`, ...).

    `model`: what was called, as it may be shown; `asked`: the alias that led there, empty where the model was named
    itself. `tier`: the service tier used, `default` where none was told; `traffic`: realtime, flex or batch. `tag`: the
    metered tags as `name=value,name=value`.
    """

    kind: str
    project: str
    key: str
    user: str
    model: str
    asked: str = ""
    tier: str = "default"
    traffic: str = "realtime"
    tag: str = ""


@dataclass(slots=True)
class Counters:
    """Sums. Tokens as in `core.events.Usage`; money in nano-USD. `latency` and `first_token`: bucket -> requests.

    `requests`: all of them; `refused`: those among them that failed and took no tokens, so that no model worked for them.
    `short`: good answers of less than `counting.SHORT` output tokens, and `cost_short` what they cost.
    """

    requests: int = 0
    refused: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost: int = 0
    cost_input: int = 0
    cost_output: int = 0
    cost_cache_read: int = 0
    cost_cache_write: int = 0
    cost_other: int = 0
    cost_short: int = 0
    saved: int = 0
    errors: int = 0
    throttles: int = 0
    unpriced: int = 0
    unsettled: int = 0
    short: int = 0
    cache_hits: int = 0
    latency: dict[int, int] = field(default_factory=dict)
    first_token: dict[int, int] = field(default_factory=dict)

    def add(self, more: Counters) -> None:
        for name in SUMS:
            value = getattr(more, name)
            if value:
                setattr(self, name, getattr(self, name) + value)
        for own, others in ((self.latency, more.latency), (self.first_token, more.first_token)):
            for bucket, count in others.items():
                own[bucket] = own.get(bucket, 0) + count

    @property
    def tokens(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write


SUMS = tuple(each.name for each in fields(Counters) if each.name not in ("latency", "first_token"))
"""The counters that are plain numbers."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One day of one set of dimensions. `day`: `2026-11-21`. Hours hold requests, refused, tokens and cost only.

    `counted`: `counting.counted_in` -> nano-USD that such a ledger has counted; `known`: requests of which that is known.
    """

    day: str
    dimensions: Dimensions
    total: Counters
    hours: Mapping[int, Counters]
    counted: Mapping[str, int] = field(default_factory=dict)
    known: int = 0


class UsageSource(Protocol):
    def rows(self, first_day: str, last_day: str) -> AsyncIterator[UsageRow]:
        """The rows of these days, both inclusive, by day. Raises TableUnavailable."""
        ...
