"""A gateway served by uvicorn in a thread of this process, over the emulator, with its usage records in a list."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import httpx
import uvicorn
from pydantic_core import to_json

from app.core.books import UsageRecord
from app.core.ports import Keys
from app.core.table import Table
from app.main import create_app
from app.settings import Settings
from app.web.asgi import ASGIApp
from app.web.connections import ConnectionLimits
from app.web.protocol import limited_protocol
from local.emulator import Emulator

KEY = "sk-wire-7f3a9c"
NOVA = "amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"


class Meter:
    """Implements core.books.Meter: keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[UsageRecord] = []

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)


class Gateway:
    """What `serving` gives: `url`, `port`, the usage records, the task that serves."""

    def __init__(self, port: int, meter: Meter, server: _Server) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.meter = meter
        self._server = server

    def stop(self) -> None:
        """What SIGTERM does: no new connections, those under way may finish."""
        self._server.should_exit = True

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._server.server_state.connections)

    def client(self, **options: Any) -> httpx.Client:
        """An HTTP client that presents the key."""
        headers = {"authorization": f"Bearer {KEY}"} | options.pop("headers", {})
        return httpx.Client(base_url=self.url, headers=headers, timeout=options.pop("timeout", 30), **options)

    def records(self, count: int = 1) -> list[UsageRecord]:
        """The usage records, once there are `count` of them; fails where there are fewer, or more."""
        eventually(lambda: len(self.meter.records) >= count, f"{count} usage records")
        assert len(self.meter.records) == count
        return self.meter.records


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def environment(upstream: str) -> dict[str, str]:
    return {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAWIRETESTING12345",
        "AWS_SECRET_ACCESS_KEY": "wire-secret-access-key",
        "AWS_ENDPOINT_URL": upstream,
    }


@contextmanager
def serving(
    upstream: str,
    *,
    environ: Mapping[str, str] | None = None,
    keys: Keys | None = None,
    table: Table | None = None,
    grace: int = 10,
    limits: ConnectionLimits | None = None,
    wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    **settings: Any,
) -> Iterator[Gateway]:
    """A gateway with these settings. `grace`: seconds that requests under way have when it is stopped.

    `wrap` puts something between the server and the gateway, such as a recorder.
    """
    meter = Meter()
    environ = environment(upstream) if environ is None else environ
    given = Settings.model_validate({"api_key": KEY} | settings)
    app = create_app(given, environ, keys=keys, meter=meter, table=table)
    config = uvicorn.Config(
        wrap(app),
        http=limited_protocol(limits or ConnectionLimits()),
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=grace,
    )
    server = _Server(config)
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; without, each answer costs 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="gateway")
        port = listener.getsockname()[1]
        thread.start()
        try:
            assert server.ready.wait(30)
            assert server.started
            yield Gateway(port, meter, server)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def chat(text: str = "Hello", *, model: str = NOVA, **more: Any) -> dict[str, Any]:
    """A chat request of one user message."""
    return {"model": model, "messages": [{"role": "user", "content": text}]} | more


def eventually(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> None:
    """Wait for something that other threads bring about; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.002)


def pump_threads() -> int:
    """How many threads are busy with Bedrock."""
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("bedrock_")]
    return sum(_is_busy(sys._current_frames().get(thread.ident or 0)) for thread in workers)


def _is_busy(frame: FrameType | None) -> bool:
    # An idle thread of the pool waits for work; a busy one has our code on its stack.
    while frame is not None:
        if "/app/upstreams/" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def stalled(emulator: Emulator, polls: int = 150) -> None:
    """Wait until the gateway takes no more of Bedrock's answer, for `polls` times 2 ms at least.

    What is not taken waits in the emulator, or, as far as it fits, in the kernel's buffers between the two.
    """
    seen, still = -1, 0

    def stands_still() -> bool:
        nonlocal seen, still
        waiting = sum(each.unsent for each in emulator.connections)
        still = still + 1 if waiting == seen else 0
        seen = waiting
        return still > polls

    eventually(stands_still, "the stream waits for its client", 30)


def frames(body: str) -> list[Any]:
    """The data of a stream, `[DONE]` as that string; comments and the names of events are left out.

    So is the last error of a chat stream when it is sent once more, with a name for the parsers that expect one.
    """
    found: list[Any] = []
    for block in body.split("\n\n"):
        if found and block == f"event: error\ndata: {to_json(found[-1]).decode()}":
            continue
        for line in block.splitlines():
            assert line.startswith(("data: ", "event: ", ":")), f"neither data nor comment: {line!r}"
            if line.startswith("data: "):
                data = line.removeprefix("data: ")
                found.append(data if data == "[DONE]" else json.loads(data))
    return found


def text_of(chunks: list[Any]) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        if isinstance(chunk, dict)
        for choice in chunk.get("choices", ())
    )


def run(coroutine: Any, seconds: float = 60.0) -> Any:
    """Run a coroutine of a test to its end, within a limit."""
    return asyncio.run(asyncio.wait_for(coroutine, seconds))
