"""Fuzz tests are not measured for coverage: they reach what other tests reach, and take twice as long when they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from coverage import Coverage


@pytest.fixture(scope="module", autouse=True)
def unmeasured() -> Iterator[None]:
    measurement = Coverage.current()
    if measurement is None:
        yield
        return
    measurement.stop()
    yield
    measurement.start()
