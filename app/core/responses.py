"""Responses and conversations that are kept: their records, and the ports of the stores. Implemented in `stores/responses/`.

A tenant is the id of a key; whatever belongs to another one is not there. Items are JSON objects as the API tells them, each
with an id. All methods may raise TableUnavailable (503).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.errors import InvalidRequest

Item = Mapping[str, Any]

LONGEST_ID = 512
"""Bytes of an id of ours or a client's; a sort key may have 1024."""
MOST_ITEMS = 10_000
"""In a conversation, and in the history of a response."""
DEEPEST = 1000
"""Responses in a chain."""
LARGEST_HISTORY = 32_000_000
"""Bytes of JSON that the history of one request may have."""
LIVE_STATUSES = ("queued", "in_progress")


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """`response`: the object as clients see it. `input`: its own items, without what came before.

    `ancestors`: the ids of the responses it continues, oldest first. `size`: bytes of JSON, known of what was read.
    """

    id: str
    response: Item
    input: Sequence[Item] = ()
    ancestors: tuple[str, ...] = ()
    size: int = 0

    @property
    def status(self) -> str:
        return str(self.response.get("status"))

    @property
    def live(self) -> bool:
        """Whether it is still being made, in the background."""
        return self.status in LIVE_STATUSES

    @property
    def items(self) -> tuple[Item, ...]:
        """What it adds to a history."""
        output = self.response.get("output")
        return (*self.input, *(output if isinstance(output, list) else ()))


@dataclass(frozen=True, slots=True)
class Job:
    """A response to be made by another process. `caller`: the id of the key that asked. `body`: the request as it came."""

    caller: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a background response is. `alive_until`: epoch seconds by which its worker will have been heard of."""

    alive_until: int
    over: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    created_at: int
    metadata: Mapping[str, str] = field(default_factory=dict)


class ResponseStore(Protocol):
    async def put(self, tenant: str, stored: StoredResponse) -> bool:
        """False where it is too large to be kept."""
        ...

    async def get(self, tenant: str, id: str) -> StoredResponse | None: ...

    async def get_many(self, tenant: str, ids: Sequence[str]) -> Mapping[str, StoredResponse]:
        """Those that are there."""
        ...

    async def delete(self, tenant: str, id: str) -> bool:
        """False where there was none. Whoever is making it will stop."""
        ...


class JobStore(Protocol):
    """Responses that are made in the background: by one worker, seen by many processes."""

    async def begin(
        self, tenant: str, stored: StoredResponse, until: int, job: Job | None = None, token: str = ""
    ) -> bool:
        """Keep a queued response; with the `job`, where another process is to make it, which `token` opens once.

        `until`: epoch seconds by which the worker will have been heard of. False where it is too large.
        """
        ...

    async def claim(self, tenant: str, id: str, token: str) -> tuple[StoredResponse, Job] | None:
        """The job, to the first who presents its token; None to all others."""
        ...

    async def beat(self, tenant: str, id: str, until: int) -> bool:
        """The worker lives. False where it is to stop: the response was cancelled or deleted."""
        ...

    async def update(self, tenant: str, stored: StoredResponse) -> bool:
        """A newer state, of the worker's. False where it was cancelled or deleted meanwhile: then nothing is written."""
        ...

    async def cancel(self, tenant: str, stored: StoredResponse) -> bool:
        """The last word on a response: `update` will be refused from now on. False where it is over, or not there."""
        ...

    async def progress(self, tenant: str, id: str) -> Progress | None: ...

    async def write_events(self, tenant: str, id: str, number: int, frames: bytes) -> None:
        """The piece `number` (0, 1, 2, ...) of its stream, whole frames."""
        ...

    async def events(self, tenant: str, id: str, number: int) -> Sequence[bytes]:
        """Pieces from `number` on, as many as there are (or as fit one read)."""
        ...


class ConversationStore(Protocol):
    async def create(self, tenant: str, conversation: Conversation, items: Sequence[Item]) -> None: ...

    async def conversation(self, tenant: str, id: str) -> Conversation | None: ...

    async def update_metadata(self, tenant: str, id: str, metadata: Mapping[str, str]) -> Conversation | None:
        """None where there is no such conversation."""
        ...

    async def delete_conversation(self, tenant: str, id: str) -> bool:
        """With its items. False where there was none."""
        ...

    async def items(self, tenant: str, id: str) -> Sequence[Item] | None:
        """Oldest first; None where there is no such conversation. Raises InvalidRequest where they are too many."""
        ...

    async def append(self, tenant: str, id: str, items: Sequence[Item]) -> bool:
        """At the end, all or none. False where there is no such conversation."""
        ...

    async def remove_item(self, tenant: str, id: str, item: str) -> bool:
        """False where there was none."""
        ...


class Store(ResponseStore, JobStore, ConversationStore, Protocol):
    """Everything, as `main` hands it out."""


def is_id(text: object) -> bool:
    """Whether a client's word can be the id of anything here. `#` parts the ids of rows."""
    return isinstance(text, str) and 0 < len(text.encode("utf-8", "replace")) <= LONGEST_ID and "#" not in text


def too_long(param: str) -> InvalidRequest:
    """A history that is more than a request may carry."""
    return InvalidRequest(
        f"The conversation so far is too long to be continued (at most {MOST_ITEMS} items, {DEEPEST} responses and "
        f"{LARGEST_HISTORY // 1_000_000} MB).",
        code="context_length_exceeded",
        param=param,
    )
