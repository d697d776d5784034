"""When models end: rows with a day each, for models that exist."""

from __future__ import annotations

from datetime import date

import pytest

from app.plan.families.ends import ROWS
from app.plan.traits import traits_of


@pytest.mark.parametrize(
    ("base_id", "day"),
    [
        ("ai21.jamba-1-5-large-v1:0", "2026-11-26"),
        ("twelvelabs.marengo-embed-2-7-v1:0", "2026-11-30"),
        ("meta.llama3-3-70b-instruct-v1:0", "2027-03-30"),
        ("minimax.minimax-m2", "2027-03-30"),
        ("minimax.minimax-m2.5", ""),
        ("anthropic.claude-opus-4-5-20251101-v1:0", ""),
        ("deepseek.v3-v1:0", "2027-03-30"),
        ("deepseek.v3.2", ""),
    ],
)
def test_the_end_of_a_model_is_that_of_its_row(base_id: str, day: str) -> None:
    assert traits_of(base_id).end_of_life == day


def test_each_end_is_a_day() -> None:
    assert all(date.fromisoformat(changes["end_of_life"]) > date(2026, 1, 1) for _, changes in ROWS)
