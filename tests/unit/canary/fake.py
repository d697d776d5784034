"""A gateway of the worst kind, on loopback: answers whatever a test wants it to, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """`body`: bytes, or pieces that are sent one by one. `length`: what Content-Length claims, if not the truth.

    `raw`: these bytes are sent instead of an HTTP answer.
    """

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    length: int | None = None
    raw: bytes = b""


def said(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), JSON)


def streamed(*chunks: Any, done: bool = True) -> Reply:
    frames = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    return Reply(200, b"".join([*frames, b"data: [DONE]\n\n" if done else b""]), EVENTS)


class FakeGateway:
    """`answer` is called for each request, in a thread of its own; its Reply is sent and the connection closed."""

    def __init__(self, answer: Callable[[Asked], Reply], certificate: str | None = None) -> None:
        self.asked: list[Asked] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True  # the canary went away

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                fake.asked.append(asked)
                self.tell(answer(asked))

            do_POST = do_GET

            def tell(self, reply: Reply) -> None:
                if reply.raw:
                    self.wfile.write(reply.raw)
                    return
                pieces = [reply.body] if isinstance(reply.body, bytes) else reply.body
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if isinstance(reply.body, bytes):
                    length = len(reply.body) if reply.length is None else reply.length
                    self.send_header("content-length", str(length))
                self.end_headers()
                for piece in pieces:
                    self.wfile.write(piece)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> FakeGateway:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def closed_port() -> str:
    """A URL where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"
