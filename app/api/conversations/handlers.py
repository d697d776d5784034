"""What can be done with conversations. Loaded by the first request for one."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from app.api.conversations.decode import decode_items
from app.api.conversations.encode import deleted, encode, shown
from app.api.conversations.schema import ConversationCreate, ConversationUpdate, ItemsCreate
from app.core.ports import Call
from app.core.request_options import unknown_names
from app.core.responses import Conversation, ConversationStore, Item
from app.errors import NotFound
from app.web.asgi import Request
from app.web.endpoint import Door
from app.web.paging import Query, listing, page

B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `tenant`: whose conversations it may see."""

    store: ConversationStore
    door: Door
    call: Call
    request: Request

    @property
    def tenant(self) -> str:
        return self.call.caller.key_id

    @property
    def id(self) -> str:
        return self.request.path_params["conversation"]

    @property
    def item(self) -> str:
        return self.request.path_params["item"]

    def query(self) -> Query:
        return Query(self.request.scope["query_string"])

    async def body(self, model: type[B]) -> B:
        given = model.model_validate(await self.door.body(self.request))
        self.call.receipt.ignore(*unknown_names(given.model_extra))
        return given

    async def conversation(self) -> Conversation:
        found = await self.store.conversation(self.tenant, self.id)
        if found is None:
            raise missing(self.id)
        return found

    async def items(self) -> list[Item]:
        found = await self.store.items(self.tenant, self.id)
        if found is None:
            raise missing(self.id)
        return list(found)


async def create(asked: Asked) -> Mapping[str, Any]:
    given = await asked.body(ConversationCreate)
    items = decode_items(given.items or [])
    conversation = Conversation(f"conv_{os.urandom(24).hex()}", int(time.time()), given.metadata or {})
    await asked.store.create(asked.tenant, conversation, items)
    return encode(conversation)


async def retrieve(asked: Asked) -> Mapping[str, Any]:
    return encode(await asked.conversation())


async def update(asked: Asked) -> Mapping[str, Any]:
    given = await asked.body(ConversationUpdate)
    changed = await asked.store.update_metadata(asked.tenant, asked.id, given.metadata or {})
    if changed is None:
        raise missing(asked.id)
    return encode(changed)


async def delete(asked: Asked) -> Mapping[str, Any]:
    if not await asked.store.delete_conversation(asked.tenant, asked.id):
        raise missing(asked.id)
    return deleted(asked.id)


async def list_items(asked: Asked) -> Mapping[str, Any]:
    query = asked.query()
    listed = page(await asked.items(), query)
    return listed | {"data": [shown(item, query.many("include")) for item in listed["data"]]}


async def create_items(asked: Asked) -> Mapping[str, Any]:
    given = await asked.body(ItemsCreate)
    taken = {str(item.get("id")) for item in await asked.items()}
    items = decode_items(given.items, taken)
    if items and not await asked.store.append(asked.tenant, asked.id, items):
        raise missing(asked.id)
    return listing([shown(item, asked.query().many("include")) for item in items])


async def retrieve_item(asked: Asked) -> Mapping[str, Any]:
    for item in await asked.items():
        if item.get("id") == asked.item:
            return shown(item, asked.query().many("include"))
    raise missing_item(asked.item)


async def remove_item(asked: Asked) -> Mapping[str, Any]:
    conversation = await asked.conversation()
    if not await asked.store.remove_item(asked.tenant, asked.id, asked.item):
        raise missing_item(asked.item)
    return encode(conversation)


def missing(id: str) -> NotFound:
    return NotFound(
        f"Conversation with id '{id[:80]}' not found.", param="conversation_id", code="conversation_not_found"
    )


def missing_item(id: str) -> NotFound:
    return NotFound(f"Item with id '{id[:80]}' not found.", param="item_id", code="item_not_found")


HANDLERS: Mapping[str, Callable[[Asked], Awaitable[Mapping[str, Any]]]] = {
    "create": create,
    "retrieve": retrieve,
    "update": update,
    "delete": delete,
    "list_items": list_items,
    "create_items": create_items,
    "retrieve_item": retrieve_item,
    "remove_item": remove_item,
}
