"""The older half of a conversation goes, and what must stay stays."""

from __future__ import annotations

import pytest

from app.api.responses.truncate import shortened
from app.core.prompt import Message

SYSTEM, USER = Message("system", ()), Message("user", ())


@pytest.mark.parametrize(
    ("system", "turns", "left"), [(0, 0, 0), (2, 0, 0), (0, 1, 1), (1, 2, 1), (1, 3, 2), (0, 10, 5), (3, 11, 6)]
)
def test_half_of_the_turns(system: int, turns: int, left: int) -> None:
    assert shortened([SYSTEM] * system + [USER] * turns) == (SYSTEM,) * system + (USER,) * left
