"""docs/admin.md names every route and every field of the admin API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from app.api.keys.route import operations
from app.api.keys.schema import KeyFields
from app.web.admin import BODY_LIMIT, FAILURES_PER_MINUTE, REQUESTS_PER_MINUTE
from app.web.paging import MOST

TEXT = (Path(__file__).parents[2] / "docs" / "admin.md").read_text()


def table(heading: str) -> set[str]:
    """The code words in the first column of a section's table."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row.split(" | ")[0])}


def test_every_field_of_a_key_is_explained() -> None:
    assert table("What a key carries") == set(KeyFields.model_fields)


def test_every_route_is_listed() -> None:
    routes = operations(*[cast(Any, None)] * 4)
    assert table("Routes") == {each.path.removeprefix("/organization/") for each in routes}


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{REQUESTS_PER_MINUTE} requests a minute" in TEXT
    assert f"{FAILURES_PER_MINUTE} failures a minute" in TEXT
    assert f"at most {BODY_LIMIT // 1024} KB" in TEXT
    assert f"1 to {MOST};" in TEXT
