"""The emulator's README says what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from local.emulator.control_plane import CONTROL_OPERATIONS
from local.emulator.messages import Step
from local.emulator.service import RUNTIME_OPERATIONS, Service
from local.emulator.settings import Settings
from tests.unit.local.asking import tools, user
from tests.unit.local.test_robustness import posted

README = (Path(__file__).parents[3] / "local" / "README.md").read_text()
MARKERS = sorted(set(re.findall(r"`\[\[emulate: ([^\]]+)\]\]`", README)))


def test_every_setting_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `--[^|]+\| `?([^|`]+)`? \|", README, re.MULTILINE))
    written = {name: {"on": "True"}.get(value.strip(), value.strip()) for name, value in rows.items()}
    assert written == {field.name: str(field.default).removesuffix(".0") for field in fields(Settings)}


def test_every_operation_is_named() -> None:
    assert [name for name in {*RUNTIME_OPERATIONS, *CONTROL_OPERATIONS} if f"`{name}`" not in README] == []


@pytest.mark.parametrize("marker", MARKERS)
def test_every_marker_of_the_readme_changes_the_stream(marker: str) -> None:
    def streamed(text: str) -> tuple[int, list[Step]]:
        reply = Service(Settings(pad=False)).answer(
            posted({"messages": [user(text)], "toolConfig": tools("bash")}, "openai.gpt-6-sol", "converse-stream")
        )
        return reply.status, list(reply.steps)

    assert streamed(f"one two three four five [[emulate: {marker}]]") != streamed("one two three four five")
