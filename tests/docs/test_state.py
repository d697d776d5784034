"""docs/state.md says what the code does: its numbers, its routes, its errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.api.conversations.schema import MOST_AT_ONCE
from app.api.responses.background import QUEUE, SILENCE
from app.api.responses.keeping import MAX_CONCURRENT
from app.api.responses.live import MOST_BYTES, MOST_FRAMES
from app.core.responses import DEEPEST, LARGEST_HISTORY, MOST_ITEMS
from app.settings import Settings
from app.stores.responses.pieces import MAX_RAW

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "state.md").read_text()
SOURCES = "".join(
    path.read_text() for room in ("api", "core", "web") for path in sorted((ROOT / "app" / room).rglob("*.py"))
)


@pytest.mark.parametrize(
    "said",
    [
        f"{MOST_AT_ONCE} items a request",
        f"{MAX_RAW // 10**6} MB of JSON each",
        f"at most {DEEPEST} responses, {MOST_ITEMS:,} items\nand {LARGEST_HISTORY // 10**6} MB",
        f"{MAX_CONCURRENT} at once",
        f"{MOST_FRAMES:,} or {MOST_BYTES // 10**6} MB of them",
        f"not heard of for {SILENCE} s ({QUEUE // 60} minutes",
        f"`RESPONSES_TTL_DAYS` ({Settings.model_fields['responses_ttl_days'].default})",
    ],
)
def test_numbers(said: str) -> None:
    assert said in TEXT


def test_every_error_code_in_it_is_one_of_the_code() -> None:
    codes = set(re.findall(r"`([a-z]+(?:_[a-z]+)*_(?:found|exceeded|parameter|parameters|responses|required))`", TEXT))
    assert len(codes) > 5
    assert {code for code in codes if f'"{code}"' not in SOURCES} == set()


def test_every_setting_in_it_is_one() -> None:
    variables = {(field.alias or name).upper() for name, field in Settings.model_fields.items()}
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=\w+)?`", TEXT))
    assert len(named) > 3
    assert named <= variables
