"""The routes of responses over a store in memory and a model that says what a test wants; asked in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from pydantic_core import from_json

from app.api.conversations.route import operations as conversations
from app.api.responses.keeping import MAX_CONCURRENT, CallerOf, Invoke, Keeping
from app.api.responses.route import Responses
from app.core.events import Batch, BlockStopped, Finished, Metered, Reply, Started, TextDelta, Usage
from app.core.ports import Call, Caller, TokenCount
from app.core.prompt import Prompt, Text
from app.core.responses import Store
from app.gateway import Gateway
from app.stores.responses.store import memory_store
from app.web.asgi import ASGIApp
from app.web.context import Context, Net
from app.web.endpoint import Door
from app.web.router import Router

MODEL = "acme.rocket"
ANN, BOB = "sk-ann", "sk-bob"
USAGE = Usage(3, 4)


class Keys:
    """Implements Keys: two tenants."""

    def __init__(self) -> None:
        self.known = {ANN: Caller("key_ann"), BOB: Caller("key_bob")}

    async def authenticate(self, presented: str) -> Caller | None:
        return self.known.get(presented)


class Model:
    """Answers `You said: <the last text>`. `held`: what an answer waits for after its first word; `failing`: what it raises.

    `late`: whether it raises only after its first word. `silent`: whether it ends without a word. `refusal`: what the
    caller's limits are known to answer.
    """

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.calls: list[Call] = []
        self.held: asyncio.Event | None = None
        self.failing: Exception | None = None
        self.late = False
        self.silent = False
        self.refusal: Exception | None = None
        self.closed = 0

    async def run(self, prompt: Prompt, call: Call, *, stream: bool) -> AsyncGenerator[tuple[int, Batch], None]:
        self.prompts.append(prompt)
        self.calls.append(call)
        if self.failing is not None and not self.late:
            raise self.failing
        try:
            if self.silent:
                yield 0, [Started()]
                yield 0, [Finished("stop"), Metered(USAGE)]
                return
            yield 0, [Started(), TextDelta("You said: ")]
            if self.held is not None:
                await self.held.wait()
            if self.failing is not None:
                raise self.failing
            yield 0, [TextDelta(said(prompt)), BlockStopped(), Finished("stop"), Metered(USAGE)]
        finally:
            self.closed += 1

    async def check(self, call: Call) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def complete(self, prompt: Prompt, call: Call) -> list[Reply]:
        self.prompts.append(prompt)
        text = "" if self.failing else "A summary."
        return [Reply((Text(text),), (), Finished("stop"), Metered(USAGE))]

    async def count(self, prompt: Prompt, call: Call) -> TokenCount:
        return TokenCount(len(said(prompt)), estimated=True)


def said(prompt: Prompt) -> str:
    return next((part.text for part in reversed(prompt.messages[-1].parts) if isinstance(part, Text)), "")


def spoken(prompt: Prompt) -> list[str]:
    """The texts of a prompt by who says them: `u:hello`, `a:You said: hello`."""
    return [
        f"{message.role[0]}:{part.text}"
        for message in prompt.messages
        for part in message.parts
        if isinstance(part, Text)
    ]


class Served:
    """`store`: None keeps nothing."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        keeps: bool = True,
        elsewhere: bool = False,
        invoke: Invoke | None = None,
        caller_of: CallerOf | None = None,
        drain: bool = False,
        max_concurrent: int = MAX_CONCURRENT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.model = Model()
        self.store: Store = store or memory_store()
        self.keys = Keys()
        door = Door(self.keys, 1_000_000, 15.0, drain)
        store_of = (lambda: self.store) if keeps else None
        keeping = Keeping(store_of, elsewhere, invoke, caller_of, max_concurrent, report_seconds=0.001, clock=clock)
        self.responses = Responses(cast(Gateway, self.model), door, keeping)
        routes = (*self.responses.operations(), *conversations(lambda: self.store, door))
        self.app: ASGIApp = Context(
            Net(
                Router((
                    *((each.method, each.path, each.endpoint) for each in routes),
                    ("POST", "/events", self.responses.event),
                )),
                1_000_000,
            )
        )  # fmt: skip

    @asynccontextmanager
    async def client(self, key: str = ANN) -> AsyncIterator[Client]:
        transport = httpx.ASGITransport(cast(Any, self.app), raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as http:
            yield Client(http)


class Client:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ok(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        reply = await self.http.request(method, path, json=body, params=params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def no(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, str, str | None]:
        """Status, code and param of an error."""
        reply = await self.http.request(method, path, json=body, params=params)
        error = reply.json()["error"]
        return reply.status_code, error["code"], error["param"]

    async def create(self, text: str, **more: Any) -> Any:
        return await self.ok("POST", "/responses", {"model": MODEL, "input": text} | more)

    async def until(self, id: str, wanted: Callable[[Any], bool]) -> Any:
        """The response, as soon as it is as wanted."""
        async with asyncio.timeout(10):
            while not wanted(found := await self.ok("GET", f"/responses/{id}")):  # noqa: ASYNC110  another task changes it
                await asyncio.sleep(0)
        return found

    async def stream(self, method: str, path: str, body: Any = None, **params: Any) -> list[Any]:
        reply = await self.http.request(method, path, json=body, params=params)
        assert reply.status_code == 200, reply.text
        return events(reply.content)


def events(data: bytes) -> list[Any]:
    """The events of a stream; `[DONE]` as that."""
    found = []
    for frame in data.split(b"\n\n"):
        for line in frame.split(b"\n"):
            if line.startswith(b"data: "):
                found.append("[DONE]" if line == b"data: [DONE]" else from_json(line[6:]))
    return found
