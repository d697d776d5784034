"""Models as Anthropic's clients list them (SDK 2.12): another object, and pages by ids. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from app.core.ports import ModelEntry
from app.errors import InvalidRequest

MOST = 1000
"""Models of a page, at most and by default: a client that reads the first page only gets them all."""


def info(entry: ModelEntry) -> dict[str, Any]:
    """One model; the epoch stands for a date that nobody knows."""
    leaves = entry.lifecycle == "LEGACY"
    created = datetime.fromtimestamp(entry.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "model",
        "id": entry.id,
        "display_name": entry.name or entry.id,
        "created_at": created,
        "lifecycle": "deprecated" if leaves else "active",
        "retires_at": f"{entry.end_of_life}T00:00:00Z" if leaves and entry.end_of_life else None,
        "max_input_tokens": entry.context_window,
        "max_tokens": entry.max_output,
    }


def page(entries: Sequence[ModelEntry], query: bytes) -> dict[str, Any]:
    """`after_id`, `before_id` and `limit`; an id that is not in the list is no cursor, and the list begins or ends there."""
    try:
        given = parse_qs(query.decode("latin-1"), max_num_fields=50)
    except ValueError:
        raise InvalidRequest("The query has too many parameters.") from None
    models = sorted(entries, key=lambda entry: entry.id)
    limit = _limit(given.get("limit", [""])[-1])
    after, before = given.get("after_id", [""])[-1], given.get("before_id", [""])[-1]
    if before:
        left = models[: _place(models, before, len(models))]
        shown, more = left[-limit:], len(left) > limit
    else:
        left = models[_place(models, after, -1) + 1 :]
        shown, more = left[:limit], len(left) > limit
    first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
    return {"data": [info(entry) for entry in shown], "has_more": more, "first_id": first, "last_id": last}


def _place(models: Sequence[ModelEntry], name: str, otherwise: int) -> int:
    return next((place for place, entry in enumerate(models) if entry.id == name), otherwise)


def _limit(text: str) -> int:
    if not text:
        return MOST
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise InvalidRequest(f"limit: Input should be from 1 to {MOST}", param="limit", code="invalid_value")
    return int(text)
