"""A table of each kind, empty, with a clock that tests move."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from app.core.table import Table
from app.stores.table.memory import MemoryTable


@dataclass
class Clock:
    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "dynamodb"])
async def table(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Table]:
    """In memory, and over moto's DynamoDB."""
    if request.param == "memory":
        yield MemoryTable(clock)
        return
    opened, pool = request.getfixturevalue("dynamodb").open(clock)
    yield opened
    pool.close()
