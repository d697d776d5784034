"""What requests add up to: counters by dimensions, per day and hour (UTC)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
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
    """Sums. Tokens as in `core.events.Usage`; money in nano-USD. `latency` and `first_token`: bucket -> requests."""

    requests: int = 0
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
    saved: int = 0
    errors: int = 0
    throttles: int = 0
    unpriced: int = 0
    unsettled: int = 0
    short: int = 0
    cache_hits: int = 0
    latency: dict[int, int] = field(default_factory=dict)
    first_token: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One day of one set of dimensions. `day`: `2026-11-21`. Hours hold requests, tokens and cost only."""

    day: str
    dimensions: Dimensions
    total: Counters
    hours: Mapping[int, Counters]


class UsageSource(Protocol):
    def rows(self, first_day: str, last_day: str) -> AsyncIterator[UsageRow]:
        """The rows of these days, both inclusive, by day. Raises TableUnavailable."""
        ...
