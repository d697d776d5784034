"""Turns money into an output limit: under a hard budget the tokens that are reserved are also the limit that is sent. Pure
but for what `SeenLedgers` remembers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.core.access import Scope
from app.core.books import OutputTerms
from app.core.plan import Traits
from app.core.windows import window_at

MAX_LIMIT = 32_000
"""Tokens: the largest limit that the gateway sets by itself."""
MIN_LIMIT = 1_024
"""Tokens: a budget that pays for fewer than these refuses the request, because such an answer is of little use."""
SHARE = 4
"""One request may reserve this part of what is left, so that several can run at once."""
_REMEMBERED = 5000


def limit_for(terms: OutputTerms, remaining: int) -> int:
    """Tokens per answer to send and to reserve. `remaining`: what is left of the budget, in nano-USD.

    A client's own limit stands. The cost may grow faster with a later target of a chain, so the average price up to the
    largest limit is used: it is exact for one model and never too low for several (a maximum of lines is convex).
    """
    if terms.named is not None:
        return terms.named
    prompt = terms.cost_at(0)
    output = terms.cost_at(terms.most) - prompt
    money = max(0, min(remaining // SHARE, remaining - prompt))
    if output <= money:
        return terms.most
    return max(least_limit(terms), money * terms.most // output)


def least_limit(terms: OutputTerms) -> int:
    """The smallest limit that a budget may shorten an answer to."""
    return min(MIN_LIMIT, terms.most)


def largest_limit(traits: Iterable[Traits], cap: int | None) -> int:
    """Tokens: what the models of a chain can say at most, as far as that is known."""
    most = max(min([MAX_LIMIT, *_known(each)]) for each in traits)
    return most if cap is None else min(most, cap)


def sent_limit(limit: int, traits: Traits, *, named: bool) -> int:
    """What the planner makes of a limit for one model: see `plan.sampling.decide_limits` and `plan.access.hold_limit`."""
    known = [traits.max_tokens_limit] if named else _known(traits)
    return max(min([limit, *(most for most in known if most)]), traits.min_max_tokens)


def _known(traits: Traits) -> list[int]:
    return [limit for limit in (traits.max_output, traits.max_tokens_limit) if limit]


class SeenLedgers:
    """What this process last saw used of each budget. It may be out of date; the conditional write decides."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], tuple[str, int]] = {}

    def note(self, scope: Scope, window: str, item: Mapping[str, Any]) -> None:
        """`window`: the name of the window that the ledger's `item` belongs to."""
        if scope.budget is None or not scope.budget.hard:
            return
        if len(self._used) > _REMEMBERED:
            self._used.pop(next(iter(self._used)))
        used = item.get("used", 0)
        self._used[scope.kind, scope.id] = (window, used if isinstance(used, int) else 0)

    def remaining(self, scopes: Sequence[Scope], now: float) -> int | None:
        """Nano-USD left of the tightest hard budget, None where there is none."""
        left = [self._left(scope, now) for scope in scopes if scope.budget is not None and scope.budget.hard]
        return min(left, default=None)

    def _left(self, scope: Scope, now: float) -> int:
        assert scope.budget is not None
        window, used = self._used.get((scope.kind, scope.id), ("", 0))
        return scope.budget.nanos - (used if window == window_at(scope.budget.interval, now).name else 0)
