"""A function that tells what it was asked and where it runs, and that misbehaves on request. Runs under the real adapter."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import uvicorn

Send = Callable[[dict[str, Any]], Awaitable[None]]
STARTED = time.monotonic()
ticks = 0


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    path = scope["path"]
    name, _, argument = path.strip("/").partition("/")
    if name == "health" and time.monotonic() - STARTED < float(os.environ.get("PROBE_DELAY", "0")):
        await whole(send, 503, b"not yet")
    elif name in ACTS:
        await ACTS[name](argument, send)
    else:
        await whole(send, 200, json.dumps(asked(scope, body)).encode(), [(b"content-type", b"application/json")])


async def lifespan(receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    await receive()
    asyncio.get_running_loop().create_task(tick())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print("the probe has shut down in good order", flush=True)
    await send({"type": "lifespan.shutdown.complete"})


async def tick() -> None:
    global ticks
    while True:
        ticks += 1
        await asyncio.sleep(0.01)


def asked(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    return {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": base64.b64encode(body).decode(),
        "ticks": ticks,
    }


async def whole(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await begin(send, status, [*headers, (b"content-length", str(len(body)).encode())])
    await send({"type": "http.response.body", "body": body})


async def begin(send: Send, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def part(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def status(argument: str, send: Send) -> None:
    if argument == "204":
        await begin(send, 204)
        await send({"type": "http.response.body", "body": b""})
    else:
        await whole(send, int(argument), f"status {argument}".encode(), [(b"content-type", b"text/plain")])


async def sse(argument: str, send: Send) -> None:
    """Three events, so many seconds apart."""
    await begin(send, 200, [(b"content-type", b"text/event-stream")])
    for number in range(3):
        await part(send, b"data: %d\n\n" % number)
        await asyncio.sleep(float(argument or "0.1"))
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})
    print("all events were sent", flush=True)


async def cookies(argument: str, send: Send) -> None:
    await whole(send, 200, b"crumbs", [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2")])


async def broken(argument: str, send: Send) -> None:
    await begin(send, 200, [(b"content-type", b"text/plain")])
    await part(send, b"half")
    raise RuntimeError("in the middle")


async def crash(argument: str, send: Send) -> None:
    if argument == "midway":
        await begin(send, 200, [(b"content-type", b"text/plain")])
        await part(send, b"half")
        await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)


async def bytes_(argument: str, send: Send) -> None:
    """So many MB."""
    await begin(send, 200, [(b"content-type", b"application/octet-stream")])
    for _ in range(int(argument)):
        await part(send, b"x" * 1024 * 1024)
    await send({"type": "http.response.body", "body": b""})


async def place(argument: str, send: Send) -> None:
    """Where it runs, and what it can write."""
    writable = {}
    for folder in (os.environ["LAMBDA_TASK_ROOT"], "/opt/python", tempfile.gettempdir()):
        try:
            (Path(folder) / "written").write_text("x")
        except OSError:
            writable[folder] = False
        else:
            writable[folder] = True
    found = {
        "environ": dict(os.environ),
        "cwd": os.getcwd(),
        "path": sys.path,
        "version": list(sys.version_info[:2]),
        "uvicorn": uvicorn.__file__,
        "writable": writable,
        "tmp": sorted(os.listdir(tempfile.gettempdir())),
        "prefix": sys.prefix,
    }
    await whole(send, 200, json.dumps(found).encode())


ACTS: dict[str, Callable[[str, Send], Awaitable[None]]] = {
    "status": status,
    "sse": sse,
    "cookies": cookies,
    "broken": broken,
    "crash": crash,
    "bytes": bytes_,
    "place": place,
}

if __name__ == "__main__":
    delay = float(os.environ.get("PROBE_BIND_DELAY", "0"))
    time.sleep(delay)
    port = int(os.environ["AWS_LWA_PORT"])
    uvicorn.run(app, port=port, log_level="error", timeout_keep_alive=75, server_header=False, date_header=False)
