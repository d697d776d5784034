"""Pages and the template use plain words: no private phrases for what is reported, missing or not allowed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", ROOT / "local/README.md", ROOT / "template.yaml", *sorted((ROOT / "docs").rglob("*.md"))]
AVOIDED = re.compile(
    r"\b(?:whoever|nobody|somebody|told|tells?|thrice|dearest|can.t be had|(?:that )?(?:is|are) none)\b", re.IGNORECASE
)
ALLOWED = {
    "tool-choice-told": "a kind of repair in `x-gateway-repairs`, which programs read",
    "Tell me everything.": "a prompt in an example",
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: str(text.relative_to(ROOT)))
def test_a_page_says_who_does_what(text: Path) -> None:
    words = text.read_text()
    for phrase in ALLOWED:
        words = words.replace(phrase, "")
    assert [line for line in words.splitlines() if AVOIDED.search(line)] == []


def test_the_list_of_exceptions_has_no_leftovers() -> None:
    everything = "\n".join(text.read_text() for text in TEXTS)
    assert [phrase for phrase in ALLOWED if phrase not in everything] == []
