"""A failure of a fuzz test says how to see it again."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.fuzz.budget import REPRODUCE


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.append(("reproduce with", f"{REPRODUCE} '{item.nodeid}'"))
    return report
