"""The books: what requests come to, and the ports through which they are let in and written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from app.core.events import Finished, Usage
from app.core.money import Cost
from app.core.ports import Call, Caller
from app.errors import GatewayError

Outcome = Literal["ok", "error", "disconnected"]


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one request came to, on success, error and disconnect alike. Times in milliseconds; `ended` epoch seconds.

    `estimated`: the usage was never told and is a guess. `unsettled`: a ledger could not be written. `saved`: what a
    cached answer would have cost, nano-USD.
    """

    call: Call
    outcome: Outcome
    status: int
    error_code: str | None
    usage: Usage
    tier: str
    finish: Finished | None
    streamed: bool
    choices: int
    first_token_ms: int | None
    total_ms: int
    upstream_ids: Sequence[str] = ()
    cost: Cost = Cost()
    estimated: bool = False
    saved: int = 0
    ended: float = 0.0
    unsettled: bool = False
    malformed_calls: int = 0


class Ending(NamedTuple):
    """How a request ended. `ended`: epoch seconds; `choices`: answers that were asked for."""

    outcome: Outcome
    failure: GatewayError | None
    ended: float
    streamed: bool = False
    choices: int = 1


@dataclass(frozen=True, slots=True)
class OutputTerms:
    """What an output limit costs. `named`: the client's own limit in tokens per answer, None where it named none.

    `most`: the largest limit worth sending. `cost_at`: the cost of the whole request under a limit, in nano-USD.
    """

    named: int | None
    most: int
    cost_at: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request will take at most, as far as that can be told before. `cost` in nano-USD, `tokens` of all kinds.

    `output`: set where a hard budget may limit the answer. `limit`: the limit that `cost` was computed with, if any.
    """

    base_id: str
    tokens: int
    cost: int
    output: OutputTerms | None = None
    limit: int | None = None


class Settlement(Protocol):
    """A request that was admitted."""

    def settle(self, record: UsageRecord) -> Awaitable[None] | None:
        """What became of it: called exactly once, whatever that was. What is returned is to be awaited, come what may."""
        ...


class Accounting(Settlement, Protocol):
    """Lets requests in, or not, and keeps the books. To `settle` with it is for those that failed before they were in."""

    def foresee(self, call: Call) -> GatewayError | None:
        """Why the request will be refused, as far as that is certain without an estimate and without asking the table."""
        ...

    async def admit(self, call: Call, demand: Callable[[], Awaitable[Demand]]) -> Settlement:
        """Raises RateLimited, QuotaExceeded, and UpstreamFailure 503 where limits can't be checked.

        `demand` is asked only where it matters.
        """
        ...

    def limits(self, caller: Caller) -> Mapping[str, str]:
        """The `x-ratelimit-*` headers as last known; empty for a caller without rates."""
        ...


class Meter(Protocol):
    def record(self, record: UsageRecord) -> None: ...
