"""Sources of every kind as citations."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.events import Cited
from app.upstreams.converse.citations import to_cited


@pytest.mark.parametrize(
    ("citation", "cited"),
    [
        (
            {"title": "T", "location": {"web": {"url": "https://a.example", "domain": "a.example"}}},
            Cited(
                "T", "https://a.example", "", 1, 5, {"type": "web", "url": "https://a.example", "domain": "a.example"}
            ),
        ),
        (
            {"location": {"web": {"url": "https://a.example", "domain": "a.example"}}},
            Cited(
                "a.example",
                "https://a.example",
                "",
                1,
                5,
                {"type": "web", "url": "https://a.example", "domain": "a.example"},
            ),
        ),
        (
            {"source": "https://b.example", "sourceContent": [{"text": "x"}, {"text": "y"}, {}]},
            Cited("", "https://b.example", "xy", 1, 5),
        ),
        (
            {"source": "notes", "location": {"documentChar": {"documentIndex": 0, "start": 3, "end": 9}}},
            Cited("", "", "", 1, 5, {"type": "documentChar", "documentIndex": 0, "start": 3, "end": 9}),
        ),
        ({"location": {"new": "thing"}, "sourceContent": None}, Cited("", "", "", 1, 5, {"type": "new"})),
        ({"location": "odd"}, Cited("", "", "", 1, 5)),
        ({}, Cited("", "", "", 1, 5)),
    ],
)
def test_a_source_is_told_with_its_place(citation: dict[str, Any], cited: Cited) -> None:
    assert to_cited(citation, 1, 5) == cited
