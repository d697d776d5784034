"""Content blocks of the Messages API within chat messages, as some agents send them on this route. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core import sources
from app.core.prompt import Media
from app.errors import InvalidRequest

MEDIA_BLOCKS = ("image", "document")


def is_media_block(item: Mapping[str, Any]) -> bool:
    """Whether an object is such a block. A tool's own JSON may have a member `type` of the same value."""
    return item.get("type") in MEDIA_BLOCKS and isinstance(item.get("source"), Mapping)


def decode_media_block(kind: Any, block: Mapping[str, Any], param: str) -> Media:
    """`image` and `document` blocks with the source types `base64` and `url`."""
    source = block.get("source")
    place = f"{param}.source"
    if not isinstance(source, Mapping):
        raise InvalidRequest(f"The {kind} has no source.", param=place, code="missing_required_parameter")
    form = source.get("type")
    if form not in ("base64", "url"):
        raise InvalidRequest(
            f"Unknown source type {str(form)[:40]!r}; use base64 or url.", param=f"{place}.type", code="invalid_value"
        )
    member = "url" if form == "url" else "data"
    data = filled_string(source, member, place)
    name, mime = block.get("title"), source.get("media_type")
    return sources.media(
        "image" if kind == "image" else "document",
        data.strip(),
        f"{place}.{member}",
        name=name if isinstance(name, str) else "",
        mime=mime if isinstance(mime, str) else "",
    )


def filled_string(block: Mapping[str, Any], name: str, param: str) -> str:
    """A required member that is a string with something in it."""
    value = block.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(
            f"{name} must be a non-empty string.", param=f"{param}.{name}", code="missing_required_parameter"
        )
    return value
