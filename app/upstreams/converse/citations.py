"""Citations of documents, search results and the web. Pure."""

from __future__ import annotations

from typing import Any

from app.core.events import Cited


def to_cited(citation: dict[str, Any], start: int, end: int) -> Cited:
    """`start`, `end`: the characters of the answer it stands behind."""
    location = citation.get("location") or {}
    kind, place = next(iter(location.items()), ("", {})) if isinstance(location, dict) else ("", {})
    place = place if isinstance(place, dict) else {}
    source = citation.get("source") or ""
    url = place.get("url") or (source if source.startswith(("http://", "https://")) else "")
    quote = "".join(part.get("text") or "" for part in citation.get("sourceContent") or [])
    return Cited(
        title=citation.get("title") or place.get("domain") or "",
        url=url,
        quote=quote,
        start=start,
        end=end,
        location={"type": kind, **place} if kind else {},
    )
