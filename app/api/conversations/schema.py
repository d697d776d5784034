"""What a client may send to `/conversations`. Unknown fields are accepted; items are checked in `decode`, by name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

MOST_AT_ONCE = 20
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
Items = Annotated[list[Any], Field(max_length=MOST_AT_ONCE)]


class ConversationCreate(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    items: Items | None = None
    metadata: Metadata | None = None


class ConversationUpdate(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    metadata: Metadata | None


class ItemsCreate(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    items: Items
