"""Turns money into an output limit: under a hard budget the tokens that are reserved are also the limit that is sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.books import OutputTerms
from app.core.plan import Traits

MAX_LIMIT = 32_000
"""Tokens: the largest limit that the gateway sets by itself."""
MIN_LIMIT = 1_024
"""Tokens: a budget that pays for fewer than these refuses the request, because such an answer is of little use."""
SHARE = 4
"""One request may reserve this part of what is left, so that several can run at once."""


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
