"""Where a passage of the answer is from, in Anthropic's five forms. Pure."""

from __future__ import annotations

from typing import Any

from app.core.events import Cited

_IN_DOCUMENTS = {
    "documentChar": ("char_location", "start_char_index", "end_char_index"),
    "documentPage": ("page_location", "start_page_number", "end_page_number"),
    "documentChunk": ("content_block_location", "start_block_index", "end_block_index"),
}
"""Converse's name of a place -> Anthropic's type of it, and its members for the start and the end."""


def encode_citation(cited: Cited) -> dict[str, Any] | None:
    """None where the source has no place that a client would know."""
    place, title = cited.location, cited.title or None
    kind = place.get("type")
    if kind in _IN_DOCUMENTS:
        name, start, end = _IN_DOCUMENTS[kind]
        return {
            "type": name,
            "cited_text": cited.quote,
            "document_index": place.get("documentIndex", 0),
            "document_title": title,
            "file_id": None,
            start: place.get("start", 0),
            end: place.get("end", 0),
        }
    if kind == "searchResultLocation":
        return {
            "type": "search_result_location",
            "cited_text": cited.quote,
            "search_result_index": place.get("searchResultIndex", 0),
            "source": cited.url,
            "title": title,
            "start_block_index": place.get("start", 0),
            "end_block_index": place.get("end", 0),
        }
    if not cited.url:
        return None
    return {
        "type": "web_search_result_location",
        "cited_text": cited.quote,
        "encrypted_index": "",
        "title": title,
        "url": cited.url,
    }
