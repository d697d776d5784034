"""The table of docs/settings.md says what the code does."""

from __future__ import annotations

import pytest

from app.settings import Settings
from tests.docs.write import PARTS, renewed, settings_table


@pytest.mark.parametrize("name", PARTS)
def test_generated_parts_are_up_to_date(name: str) -> None:
    _, old, new = renewed(name)
    assert old == new, "run ./dev docs"


def test_every_setting_is_in_the_table_once_and_explained() -> None:
    rows = [[cell.strip() for cell in row.split(" | ")] for row in settings_table().splitlines()[2:]]
    variables = [row[0].strip("| `") for row in rows]
    assert sorted(variables) == sorted((field.alias or name).upper() for name, field in Settings.model_fields.items())
    assert all(row[1] and len(row[2].strip("| ")) > 3 for row in rows)
