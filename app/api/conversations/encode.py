"""Conversations as OpenAI shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.response_items import full_item
from app.core.responses import Conversation, Item

SEALED = "reasoning.encrypted_content"


def encode(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "object": "conversation",
        "created_at": conversation.created_at,
        "metadata": dict(conversation.metadata),
    }


def deleted(id: str) -> dict[str, Any]:
    return {"id": id, "object": "conversation.deleted", "deleted": True}


def shown(item: Item, include: frozenset[str]) -> Mapping[str, Any]:
    """In full, as its client may see it: `encrypted_content` of reasoning only where it was asked for."""
    full = full_item(item)
    if full["type"] == "reasoning" and SEALED not in include:
        full.pop("encrypted_content", None)
    return full
