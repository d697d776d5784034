"""What a response continues, and how it is kept for the next one to continue it.

A response keeps its own input and output and the ids of those before it; a history is put together from all of them when it
is asked for. What is not the tenant's own is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.api.responses.decode import decode, references
from app.api.responses.shape import Decoded, Item
from app.core.daemon_threads import decoding as threads
from app.core.request_limits import USUAL_LIMITS, RequestLimits
from app.core.responses import DEEPEST, LARGEST_HISTORY, MOST_ITEMS, Store, StoredResponse, too_long
from app.errors import GatewayError, InvalidRequest, NotFound

log = logging.getLogger(__name__)

LARGE = 400
"""Items of a history that are decoded in a thread, so that other people's streams flow meanwhile."""
SECONDS = 10.0
"""That a client waits for its response to be kept."""
SLICE = 40
"""Responses of a chain that are read at once."""
AT_ONCE = 10
"""Of those that items are referred to in: together they are as large as their client has made them."""
_MADE_HERE = re.compile(r"[a-z]{2,4}_([0-9a-f]{48})[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Past:
    """`chain`: the responses that a new one continues, oldest first."""

    items: tuple[Item, ...] = ()
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    decoded: Decoded
    past: Past


class State:
    """`store`: None where nothing is kept."""

    def __init__(
        self,
        store: Store | None,
        clock: Callable[[], float] = time.time,
        limits: RequestLimits = USUAL_LIMITS,
    ) -> None:
        self.store = store
        self._limits = limits
        self._clock = clock

    async def prepare(
        self, tenant: str, body: Any, known: Mapping[str, Past] | None = None, *, large: bool = False
    ) -> Prepared:
        """The request with everything it refers to. Raises as `decode` does, and what `past` raises.

        `known`: what continues a response that need not be in the store. `large`: to be decoded in a thread.
        """
        previous = body.get("previous_response_id") if isinstance(body, dict) else None
        past = known[previous] if known and isinstance(previous, str) and previous in known else None
        past = past or await self.past(tenant, body)
        wanted = references(body)
        referenced = await self._referenced(tenant, wanted, past) if wanted else {}

        def decoding() -> Decoded:
            return decode(body, history=past.items, referenced=referenced, limits=self._limits)

        decoded = decoding() if len(past.items) < LARGE and not large else await threads.run(decoding)
        if self.store is None:
            if decoded.background:
                raise InvalidRequest(
                    "This gateway keeps no responses, so none can be made in the background.",
                    param="background",
                    code="unsupported_parameter",
                )
            decoded = replace(decoded, store=False)
        if decoded.background and not decoded.store:
            raise InvalidRequest("Background responses must be stored.", param="background", code="invalid_value")
        return Prepared(decoded, past)

    async def seen(self, tenant: str, id: str) -> StoredResponse:
        """A response as it is now; one whose worker was not heard of for long has failed. Raises NotFound."""
        stored = await self.store.get(tenant, id) if self.store else None
        if self.store is None or stored is None:
            raise no_response(id)
        if not stored.live:
            return stored
        progress = await self.store.progress(tenant, id)
        if progress is not None and progress.over:
            return await self.store.get(tenant, id) or stored
        if progress is None or progress.alive_until < self._clock():
            error = {"code": "server_error", "message": "The gateway was stopped while it made this response."}
            return replace(stored, response={**stored.response, "status": "failed", "error": error})
        return stored

    async def input_of(self, tenant: str, stored: StoredResponse) -> list[Item]:
        """What it was made from, oldest first; of what came before, as far as that is still there."""
        past: Sequence[Item] = ()
        with contextlib.suppress(NotFound, InvalidRequest):
            if stored.ancestors:
                past = (await self._chain(tenant, stored.ancestors[-1])).items
            else:
                past = await self._before(tenant, stored)
        return [*past, *map(dict, stored.input)]

    async def past(self, tenant: str, body: Any) -> Past:
        """Raises NotFound (`previous_response_not_found`, `conversation_not_found`), InvalidRequest."""
        if not isinstance(body, dict):
            return Past()
        previous, conversation = _named(body, "previous_response_id"), _named(body, "conversation")
        if previous and conversation:
            raise InvalidRequest(
                "Mutually exclusive parameters: 'conversation' and 'previous_response_id'. Give only one of them.",
                param="previous_response_id",
                code="mutually_exclusive_parameters",
            )
        if conversation:
            items = await self.store.items(tenant, conversation) if self.store else None
            if items is None:
                raise no_conversation(conversation)
            return Past(tuple(map(dict, items)))
        return await self._chain(tenant, previous) if previous else Past()

    async def keep(self, tenant: str, prepared: Prepared, response: Mapping[str, Any]) -> None:
        """A response that is over. Never raises: its client has been given the answer, or is about to be."""
        try:
            async with asyncio.timeout(SECONDS):
                await self._keep(tenant, prepared, response)
        except (GatewayError, TimeoutError) as problem:
            log.error("a response could not be kept: %s", type(problem).__name__)

    def keeps(self, decoded: Decoded) -> bool:
        return self.store is not None and (decoded.store or bool(decoded.conversation))

    def stored(self, prepared: Prepared, response: Mapping[str, Any]) -> StoredResponse:
        return StoredResponse(response["id"], response, prepared.decoded.input_items, prepared.past.chain)

    async def add_to_conversation(self, tenant: str, decoded: Decoded, response: Mapping[str, Any]) -> None:
        """Raises InvalidRequest where it is full, TableUnavailable. One that was deleted meanwhile takes nothing."""
        if self.store is not None and decoded.conversation and response["status"] in ("completed", "incomplete"):
            await self.store.append(tenant, decoded.conversation, [*decoded.input_items, *response["output"]])

    async def _keep(self, tenant: str, prepared: Prepared, response: Mapping[str, Any]) -> None:
        if self.store is None:
            return
        if prepared.decoded.store and not await self.store.put(tenant, self.stored(prepared, response)):
            log.warning("a response is too large to be kept")
        await self.add_to_conversation(tenant, prepared.decoded, response)

    async def _chain(self, tenant: str, previous: str) -> Past:
        last = await self.store.get(tenant, previous) if self.store else None
        if self.store is None or last is None:
            raise not_there(previous)
        if last.live:
            raise InvalidRequest(
                "The previous response is not finished yet.", param="previous_response_id", code="invalid_value"
            )
        chain = (*last.ancestors, last.id)
        if len(chain) > DEEPEST:
            raise too_long("previous_response_id")
        found, size = {last.id: last}, last.size
        for end in range(len(last.ancestors), 0, -SLICE):
            part = last.ancestors[max(0, end - SLICE) : end]
            older = await self.store.get_many(tenant, part)
            if len(older) < len(set(part)):
                raise not_there(previous)
            found |= older
            size += sum(each.size for each in older.values())
            if size > LARGEST_HISTORY:
                raise too_long("previous_response_id")
        root = found[chain[0]]
        items = [dict(item) for id in dict.fromkeys(chain) for item in found[id].items]
        items[:0] = await self._before(tenant, root)
        if len(items) > MOST_ITEMS:
            raise too_long("previous_response_id")
        return Past(tuple(items), chain)

    async def _before(self, tenant: str, root: StoredResponse) -> list[Item]:
        """What stood in the conversation before a response that was made in one, which others continue now."""
        told = root.response.get("conversation")
        if not isinstance(told, dict) or self.store is None:
            return []
        first = next((item.get("id") for item in root.items), None)
        before: list[Item] = []
        for item in await self.store.items(tenant, str(told.get("id"))) or ():
            if item.get("id") == first:
                break
            before.append(dict(item))
        return before

    async def _referenced(self, tenant: str, wanted: Sequence[str], past: Past) -> dict[str, Item]:
        """The items by these ids. An item's id tells the response it was made in (see `ids`), so there is no index.

        Raises InvalidRequest where those responses are too large to be looked through.
        """
        asked = frozenset(wanted)
        found = {item["id"]: item for item in past.items if item.get("id") in asked}
        makers = {f"resp_{made[1]}" for id in wanted if id not in found and (made := _MADE_HERE.fullmatch(id))}
        if self.store is None:
            return found
        ids, size = sorted(makers)[:DEEPEST], 0
        for at in range(0, len(ids), AT_ONCE):
            for stored in (await self.store.get_many(tenant, ids[at : at + AT_ONCE])).values():
                size += stored.size
                found |= {item["id"]: dict(item) for item in stored.items if item.get("id") in asked}
            if size > LARGEST_HISTORY:
                raise too_long("input")
        return found


def not_there(id: str) -> NotFound:
    return NotFound(
        f"Previous response with id '{id[:80]}' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def no_response(id: str) -> NotFound:
    return NotFound(f"Response with id '{id[:80]}' not found.", param="response_id", code="response_not_found")


def no_conversation(id: str) -> NotFound:
    return NotFound(f"Conversation with id '{id[:80]}' not found.", param="conversation", code="conversation_not_found")


def _named(body: Mapping[str, Any], name: str) -> str:
    """An id, or an object that has one; empty for none."""
    value = body.get(name)
    if name == "conversation" and isinstance(value, dict):
        value = value.get("id")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"Invalid type for '{name}'.", param=name, code="invalid_type")
    return value
