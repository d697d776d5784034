"""The cost tables: what they are computed from is dated, and the sums agree with sums made by hand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.canary.warm import HOLD_MS
from app.core.events import Usage
from app.core.money import Cost
from app.stores.rollup_items import adds_of, sk_of
from bench import cost_tables
from bench.costs import (
    DEPLOYMENT,
    HOURS,
    PRICES,
    REQUEST,
    REQUESTS,
    STACKS,
    TABLE,
    bill,
    canary,
    fargate,
    lambda_function,
    load_balancer,
    on_lambda,
    table,
    this_gateway,
)
from tests.usage_records import record as usage_record

ROOT = Path(__file__).parents[2]
TABLES = (
    cost_tables.summary_table,
    cost_tables.inside,
    cost_tables.outside,
    cost_tables.memories,
    cost_tables.canary_alone,
    cost_tables.keys,
)


def rows(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without its head."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_price_is_positive_dated_and_sourced() -> None:
    for name, price in PRICES.items():
        assert price.usd > 0, name
        assert date(2026, 1, 1) <= date.fromisoformat(price.date), name
        assert len(price.source) > 10, name


def test_every_price_is_used_and_no_other() -> None:
    used = {name for stack in STACKS.values() for name in stack(1000)} | set(table(1000, 1))
    assert used == set(PRICES)


def test_a_price_that_nobody_looked_up_is_marked() -> None:
    marked = {cells[0] for cells in rows(cost_tables.prices()) if "not verified" in cells[4]}
    assert marked == {price.title for price in PRICES.values() if not price.verified}


def test_the_memory_is_the_template_s_default() -> None:
    template = (ROOT / "template.yaml").read_text()
    block = template[template.index("\n  MemorySize:") :]
    default = re.search(r"\n    Default: (\d+)", block)
    assert default is not None
    assert int(default[1]) == DEPLOYMENT.memory_mb


def test_half_a_gigabyte_for_ten_seconds_is_five_gigabyte_seconds() -> None:
    used = lambda_function(1, 10, 512)
    assert used["lambda_gb_seconds"] == 5
    assert bill({"lambda_gb_seconds": 5}, free=False) == pytest.approx(0.0000667, abs=1e-7)


@pytest.mark.parametrize(
    ("used", "usd"),
    [  # the sums of the articles in this field, by 720 or 730 hours
        ({"alb_hours": 720}, 16.20),
        ({"alb_hours": HOURS}, 16.43),
        ({"public_ipv4_hours": 2 * 720}, 7.20),
        (fargate(1, 2), 0.03238 * 730 + 2 * 0.00356 * 730 + 3.65),
        ({"g5_xlarge_hours": HOURS}, 734.38),
        ({"rest_api_requests": 1_000_000}, 3.50),
        ({"dynamodb_writes": 4_000_000, "dynamodb_reads": 1_000_000}, 2.625),
    ],
)
def test_known_sums(used: dict[str, float], usd: float) -> None:
    assert bill(used, free=True) == pytest.approx(usd, abs=0.005)


def test_nobody_calls_and_nothing_is_paid() -> None:
    assert bill(this_gateway(0), free=True) == 0
    assert bill(on_lambda(0), free=False) == 0


def test_free_amounts_are_taken_off_once() -> None:
    seconds = PRICES["lambda_gb_seconds"].free
    assert bill({"lambda_gb_seconds": seconds}, free=True) == 0
    assert bill({"lambda_gb_seconds": seconds + 1000}, free=True) == pytest.approx(0.0133334)


def test_the_canary_is_what_the_two_rows_differ_by() -> None:
    for count in REQUESTS:
        difference = bill(this_gateway(count), free=False) - bill(on_lambda(count), free=False)
        assert difference == pytest.approx(bill(canary(), free=False))


def test_a_table_that_nobody_uses_costs_nothing() -> None:
    assert bill(table(0, 2), free=False) == 0


def test_a_rollup_is_two_units_at_the_end_of_a_busy_day() -> None:
    """A chat each minute, at ever other speeds. A ledger is one unit while no more than ten requests are under way."""
    adds: Counter[str] = Counter()
    for minute in range(24 * 60):
        usage, cost = Usage(900, 400, 2000, 300), Cost(2_700_000, 6_000_000, 600_000, 1_100_000)
        record = usage_record(usage=usage, cost=cost, total_ms=300 + 30 * minute, first_token_ms=200 + minute)
        adds.update(adds_of(record, minute // 60))
    sk = sk_of("completions", "proj_" + "a" * 16, "key_" + "a" * 16, "zoe", f"us.anthropic.{'m' * 30}", "fast", "default",
               "realtime", "team=search,workflow=tour")  # fmt: skip
    rollup = size({"pk": "usage#2026-11-21", "sk": sk, "expires_at": 1_830_000_000, **adds})
    assert 1024 < rollup <= TABLE.rollup * 1024
    open_ones = {f"o:1795277113:req_{number:032x}": 10**9 for number in range(10)}
    ledger: dict[str, str | int] = {
        "pk": "spend#key#key_" + "a" * 16,
        "sk": "month#2026-11",
        "used": 10**12,
        "settled": 10**12,
        "q29921285": 60,
    }
    assert size(ledger | {"t29921285": 10**6, "expires_at": 1_830_000_000} | open_ones) <= 1024


def size(item: Mapping[str, str | int]) -> int:
    """As DynamoDB counts (developer guide, item sizes): names, texts, and half a byte a digit and one more for numbers."""
    return sum(
        len(name) + (len(value) if isinstance(value, str) else len(str(value)) // 2 + 2) for name, value in item.items()
    )


def test_the_canary_costs_cents() -> None:
    assert bill(canary(), free=True) == 0
    assert 0 < bill(canary(), free=False) < 0.10


def test_several_environments_are_held_long_enough_to_overlap() -> None:
    one, five = DEPLOYMENT, replace(DEPLOYMENT, warm_instances=5)
    runs = DEPLOYMENT.canary_per_hour * HOURS
    held = canary(five)["lambda_gb_seconds"] - canary(one)["lambda_gb_seconds"]
    seconds = 5 * (DEPLOYMENT.health_seconds + DEPLOYMENT.hold_seconds) - DEPLOYMENT.health_seconds
    assert held == pytest.approx(runs * seconds * DEPLOYMENT.memory_mb / 1024)


def test_the_hold_is_the_canary_s_own() -> None:
    assert DEPLOYMENT.hold_seconds == HOLD_MS / 1000


def test_a_cold_start_costs_the_same_at_any_memory() -> None:
    """Less memory makes it longer by as much as a second of it is cheaper."""
    extra = {memory: (REQUEST.billed_seconds(memory) - REQUEST.seconds) * memory / 1024 for memory in (128, 512, 1769)}
    assert extra[128] == pytest.approx(extra[512]) == pytest.approx(extra[1769])


def test_the_load_balancer_is_billed_by_its_largest_dimension() -> None:
    """At these loads bytes decide: 110 kB a request, over 0.4 GB an hour for each unit, 0.008 USD each."""
    units = 100_000 * (REQUEST.bytes_in + REQUEST.bytes_out) / 1e9 / 0.4
    assert load_balancer(100_000, 0.4)["alb_lcu_hours"] == pytest.approx(units)


@pytest.mark.parametrize("table", [cost_tables.inside, cost_tables.outside, cost_tables.summary_table])
def test_no_way_gets_cheaper_with_more_requests(table: Callable[[], str]) -> None:
    for _, *cells in rows(table()):
        costs = [float(cell.replace(",", "")) for cell in cells]
        assert costs == sorted(costs)


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_as_wide_as_their_head(table: Callable[[], str]) -> None:
    lines = table().splitlines()
    assert len({line.count("|") for line in lines}) == 1


def test_the_page_says_how_many_requests_are_free() -> None:
    """Of the free GB-seconds, less the canary's."""
    each = REQUEST.billed_seconds(DEPLOYMENT.memory_mb) * DEPLOYMENT.memory_mb / 1024
    count = (PRICES["lambda_gb_seconds"].free - canary()["lambda_gb_seconds"]) / each
    assert f"the first {count // 1000 * 1000:,.0f}\nrequests" in (ROOT / "docs" / "costs.md").read_text()
