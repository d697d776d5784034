"""How many tokens a hard budget pays for."""

from __future__ import annotations

import pytest

from app.core.books import OutputTerms
from app.core.plan import Traits
from app.core.windows import window_at
from app.stages.output_budget import largest_limit, limit_for, sent_limit

NOW = 1_795_266_030.0
DAY = window_at("day", NOW).name


def terms(named: int | None = None, most: int = 32_000, prompt: int = 100, price: int = 5) -> OutputTerms:
    return OutputTerms(named, most, lambda limit: prompt + price * limit)


@pytest.mark.parametrize(
    ("remaining", "limit"),
    [
        (10**9, 32_000),
        (40_000, 2_000),  # a quarter pays for these
        (20_480, 1_024),
        (6_000, 1_024),  # a quarter pays for fewer; all of it does not
        (100, 1_024),
        (0, 1_024),
        (-50, 1_024),
    ],
)
def test_a_request_without_limit_gets_what_a_quarter_of_the_rest_pays_for(remaining: int, limit: int) -> None:
    assert limit_for(terms(), remaining) == limit


def test_a_long_prompt_leaves_less_than_a_quarter() -> None:
    assert limit_for(terms(prompt=90_000), 100_000) == 2_000


@pytest.mark.parametrize("named", [1, 16, 64_000])
def test_a_clients_own_limit_stands(named: int) -> None:
    assert limit_for(terms(named), 0) == named


def test_a_model_that_says_little_or_costs_nothing_is_not_shortened() -> None:
    assert limit_for(terms(most=512), 0) == 512
    assert limit_for(terms(price=0), 0) == 32_000


def test_the_limit_of_a_chain_never_costs_more_than_its_share() -> None:
    """A later target is cheaper at first and more expensive in the end."""
    chain = OutputTerms(None, 32_000, lambda limit: max(100 + 5 * limit, 20 * limit - 30_000))
    for remaining in (100_000, 200_000, 1_000_000):
        limit = limit_for(chain, remaining)
        assert limit > 1_024
        assert chain.cost_at(limit) - chain.cost_at(0) <= remaining // 4


def test_what_models_can_say_bounds_a_limit() -> None:
    small, learned, unknown = Traits(max_output=4096), Traits(max_output=8192, max_tokens_limit=2048), Traits()
    assert largest_limit([small], None) == 4096
    assert largest_limit([small, learned], None) == 4096
    assert largest_limit([unknown], None) == 32_000
    assert largest_limit([unknown], 500) == 500
    assert [sent_limit(9000, each, named=False) for each in (small, learned, unknown)] == [4096, 2048, 9000]
    assert [sent_limit(9000, each, named=True) for each in (small, learned, unknown)] == [9000, 2048, 9000]
    assert sent_limit(1, Traits(min_max_tokens=16), named=True) == 16
