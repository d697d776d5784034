"""The tables of docs/embeddings.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from app.api.embeddings.schema import EmbeddingsBody
from app.upstreams.invoke.embeddings import FAMILIES, family_of
from app.upstreams.invoke.embeddings.family import Family

PAGE = (Path(__file__).parents[2] / "docs" / "embeddings.md").read_text()


def table(head: str) -> list[list[str]]:
    """The cells of the table whose first column is called so."""
    lines = PAGE[PAGE.index(f"| {head} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def row(family: Family) -> list[str]:
    def yes(condition: bool) -> str:
        return "yes" if condition else "no"

    return [
        ", ".join(map(str, family.dimensions or ("none",))),
        str(family.size),
        str(family.batches["text"]),
        yes("image" in family.batches),
        yes("both" in family.batches),
        yes(bool(family.input_types)),
        ", ".join(family.truncations) or "no",
    ]


def test_every_family_is_in_the_table_with_what_it_takes() -> None:
    rows = table("family")
    assert [cells[0] for cells in rows] == [family.name for family in FAMILIES]
    assert [cells[2:] for cells in rows] == [row(family) for family in FAMILIES]


def test_the_models_named_are_of_their_family() -> None:
    for family, cells in zip(FAMILIES, table("family"), strict=True):
        assert [family_of(model) for model in re.findall(r"`([^`]+)`", cells[1])] == [family] * (
            cells[1].count("`") // 2
        )


def test_every_parameter_has_its_outcome() -> None:
    named = {cells[0].strip("`") for cells in table("parameter")}
    assert named == {*EmbeddingsBody.model_fields, "any other"}
    assert all(re.match(r"honoured|ignored|refused|extension", cells[1]) for cells in table("parameter"))
