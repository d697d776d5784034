"""A client made of a socket, for what HTTP libraries would never send, or would send too well."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from tests.wire.gateway import KEY, Gateway


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]


def request(
    body: bytes = b"",
    *,
    method: str = "POST",
    path: str = "/v1/chat/completions",
    headers: tuple[str, ...] = (),
    length: bool = True,
) -> bytes:
    """The bytes of a request with the key."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {KEY}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


class HasPort(Protocol):
    @property
    def port(self) -> int: ...


@contextmanager
def connected(gateway: HasPort, timeout: float = 15.0) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout) as connection:
        yield connection


def exchange(gateway: Gateway, data: bytes) -> Answer:
    with connected(gateway) as connection:
        connection.sendall(data)
        return read_answer(connection)


def read_answer(connection: socket.socket, *, bodiless: bool = False) -> Answer:
    """One whole answer."""
    with connection.makefile("rb") as file:
        status = int(file.readline().split(b" ")[1])
        headers: list[tuple[str, str]] = []
        while (line := file.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers.append((name.strip().lower(), value.strip()))
        fields = dict(headers)
        if bodiless or status in (204, 304):
            body = b""
        elif "content-length" in fields:
            body = file.read(int(fields["content-length"]))
        elif fields.get("transfer-encoding") == "chunked":
            body = b"".join(_chunks(file))
        else:
            body = file.read()
    return Answer(status, headers, body)


def _chunks(file: Any) -> Iterator[bytes]:
    while size := int(file.readline(), 16):
        yield file.read(size)
        file.readline()
    file.readline()


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """What arrives up to and including `wanted`, and what came along with it."""
    seen = bytearray()
    while seen.find(wanted, max(0, len(seen) - 1_000_000)) < 0:
        data = connection.recv(262_144)
        assert data, f"the gateway closed the connection after {bytes(seen[-500:])!r}"
        seen += data
    return bytes(seen)


def refused(answer: Answer, status: int | set[int] = 400) -> dict[str, Any]:
    """The error of a refusal that is as it should be."""
    assert answer.status in ({status} if isinstance(status, int) else status), answer.body[:300]
    assert answer.values("content-type") == ["application/json"]
    (request_id,) = answer.values("x-request-id")
    error: dict[str, Any] = answer.json()["error"]
    assert error["request_id"] == request_id
    assert error["message"]
    assert error["type"]
    assert {"param", "code"} <= set(error)
    return error
