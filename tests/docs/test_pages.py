"""The pages: their links lead somewhere, the index lists them all, and none is too long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
MAX_README_LINES = 200
MAX_PAGE_LINES = 225
LONG_PAGES = {"changelog.md"}
"""Pages of one subject that grows."""


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "local/README.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_lead_to_a_page_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_lists_every_page() -> None:
    listed = set(re.findall(r"\]\((\w[\w-]*\.md)\)", (ROOT / "docs/index.md").read_text()))
    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}


def test_the_readme_fits_on_two_hundred_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_a_page_has_one_subject() -> None:
    long = {page.name for page in PAGES if len(page.read_text().splitlines()) > MAX_PAGE_LINES}
    assert long <= LONG_PAGES


def test_the_picture_loads_nothing() -> None:
    picture = (ROOT / "docs/session.svg").read_text()
    assert "./dev report --local" in picture.replace("&#160;", " ")
    assert not re.search(r"url\(\W*https?:|href=|@import", picture)
