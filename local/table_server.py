"""DynamoDB on this machine: moto's, in a process of its own, with one table. For `./dev run`, tests and benchmarks.

`python -m local.table_server [--port N] [--table NAME]` prints `listening on http://127.0.0.1:PORT`. Everything is in memory
and gone with the process. Requests are answered one at a time on kept-alive connections, so that each conditional write is
atomic, which moto's own threads do not promise. (Werkzeug's server would close every connection, and listens for 10 ms more
before it does; tried 2026-11.) Every signer shares the table, whatever the account and the region.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import json
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from local.emulator.http import Connection
from local.emulator.messages import Reply, Request, Step
from local.emulator.server import listen
from local.table import SCHEMA

HOST = "127.0.0.1"
NAME = "gateway-local"
LARGEST_BODY = 16 * 1024 * 1024
"""Of a request to DynamoDB, in bytes (BatchWriteItem's limit; all others are smaller)."""

SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/\s]+/\d{8}/[^/\s]+/dynamodb/aws4_request,")
SIGNED_BY_ALL = (
    "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
)

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class TableServer:
    """DynamoDB's API over moto's WSGI application, one request after the other."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import create_backend_app  # 0.3 s

        self._app: Wsgi = create_backend_app("dynamodb")

    def create(self, table: str) -> None:
        """A table of SCHEMA whose items expire by `expires_at`. Raises RuntimeError where moto refuses."""
        expiry = {"AttributeName": "expires_at", "Enabled": True}
        for operation, body in (
            ("CreateTable", {"TableName": table, **SCHEMA}),
            ("UpdateTimeToLive", {"TableName": table, "TimeToLiveSpecification": expiry}),
        ):
            headers = {
                "host": HOST,
                "authorization": SIGNED_BY_ALL,
                "x-amz-target": f"DynamoDB_20120810.{operation}",
                "content-type": "application/x-amz-json-1.0",
            }
            status, _, answer = self._call(Request("POST", "/", {}, headers, json.dumps(body).encode()))
            if status != 200:
                raise RuntimeError(f"{operation}: {answer.decode(errors='replace')}")

    def answer(self, request: Request) -> Reply:
        """What DynamoDB would say; unsigned requests are refused as it refuses them."""
        if not SIGNED.match(request.headers.get("authorization", "")):
            return _refusal(400, "com.amazon.coral.service#MissingAuthenticationTokenException", "Not signed.")
        if len(request.body) > LARGEST_BODY:
            return _refusal(413, "com.amazon.coral.service#SerializationException", "Too large.")
        try:
            status, headers, body = self._call(request)
        except Exception:  # noqa: BLE001 - moto's faults on input it did not expect; the server goes on
            traceback.print_exc()
            return _refusal(500, "com.amazonaws.dynamodb.v20120810#InternalServerError", "The table server failed.")
        return Reply(status, headers, iter([Step(body)]))

    def _call(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        heads: list[tuple[str, list[tuple[str, str]]]] = []
        parts = self._app(_environ(request), lambda status, headers, problem=None: heads.append((status, headers)))
        body = b"".join(parts)
        status, headers = heads[-1]
        return int(status.split()[0]), {n: v for n, v in headers if n.lower() != "content-length"}, body


def _environ(request: Request) -> dict[str, Any]:
    """The request in WSGI's words."""
    headers = request.headers | {"authorization": SIGNED_BY_ALL}
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()} | {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.path, "latin-1"),
        "QUERY_STRING": "",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _refusal(status: int, kind: str, message: str) -> Reply:
    body = json.dumps({"__type": kind, "message": message}).encode()
    return Reply(status, {"Content-Type": "application/x-amz-json-1.0"}, iter([Step(body)]))


async def run(port: int, table: str) -> None:
    """Serves until a signal comes."""
    service = TableServer()
    service.create(table)
    listener = listen(HOST, port)
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    server = await loop.create_server(lambda: Connection(service.answer, connections), sock=listener, backlog=1024)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    sys.stdout.write(f"listening on http://{HOST}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    gc.freeze()
    gc.enable()
    await stopped.wait()
    server.close()
    for connection in list(connections):
        connection.close()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m local.table_server", description="DynamoDB on this machine.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--table", default=NAME, help=f"default: {NAME}")
    flags = parser.parse_args(arguments)
    gc.disable()  # until everything is imported
    asyncio.run(run(flags.port, flags.table))


if __name__ == "__main__":
    main(sys.argv[1:])
