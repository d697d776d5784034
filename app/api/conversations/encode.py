"""Conversations as OpenAI shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    """As its client may see it: `encrypted_content` of reasoning only where it was asked for."""
    if item.get("type") != "reasoning" or SEALED in include:
        return item
    return {name: value for name, value in item.items() if name != "encrypted_content"}
