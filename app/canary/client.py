"""The gateway as its clients see it: keys, signature, JSON, server-sent events. Answers are taken as they come, even odd."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app import __version__
from app.canary.connection import Connection
from app.canary.errors import Failed, Refused
from app.canary.redaction import Redactor
from app.canary.settings import Settings
from app.canary.signing import Signer

LONGEST_BODY = 2 * 1024 * 1024
LONGEST_ERROR = 64 * 1024
REQUEST_SECONDS = 35.0


@dataclass
class Answer:
    """A whole answer: the JSON object, and the header that names what was ignored."""

    body: dict[str, Any]
    ignored: str = ""


@dataclass
class Stream:
    """A streamed answer: its JSON chunks, each with the second it came at, counted from the request's start."""

    buffered: bool = False
    """The gateway said that it can't stream here (`x-gateway-stream: buffered`)."""
    chunks: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    done: bool = False
    """`[DONE]` came."""
    seconds: float = 0.0
    """From the request's start to the end of the stream."""


class Gateway:
    """Every method raises Failed, or Refused where the gateway answers with an error; texts are redacted."""

    def __init__(self, settings: Settings, key: str = "") -> None:
        self._settings = settings
        self._key = key
        self._signer = Signer(settings.url, settings.region) if settings.auth == "AWS_IAM" else None
        self.redact = Redactor(key, settings.origin_secret)

    def headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """With AWS_IAM the signature has the Authorization header to itself, and the key goes in x-api-key alone."""
        headers = {"user-agent": f"gateway-canary/{__version__}", "accept": "*/*"}
        if body:
            headers["content-type"] = "application/json"
        if self._settings.origin_secret:
            headers["x-origin-secret"] = self._settings.origin_secret
        if self._key:
            headers["x-api-key"] = self._key
        if self._signer is not None:
            headers |= self._signer.headers(method, self._settings.url + path, body)
        elif self._key:
            headers["authorization"] = f"Bearer {self._key}"
        return headers

    def connection(self, seconds: float) -> Connection:
        return Connection(self._settings.url, seconds)

    def target(self, path: str) -> str:
        """What stands in the request line."""
        return urlsplit(self._settings.url).path + path

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        with self._posted(path, body) as connection:
            parsed = json_object(connection.read(LONGEST_BODY))
            return Answer(parsed, connection.header("x-gateway-ignored"))

    def stream(self, path: str, body: dict[str, Any]) -> Stream:
        """Reads the stream to its end, `[DONE]` or not; an error within it is Failed."""
        start = time.monotonic()
        with self._posted(path, body) as connection:
            kind = connection.header("content-type")
            if not kind.startswith("text/event-stream"):
                raise Failed(f"the answer is no event stream but {self.redact(kind, 40) or 'of no type'}")
            stream = Stream(buffered=connection.header("x-gateway-stream") == "buffered")
            # Times first, JSON afterwards: at 128 MB the processor is so slow that parsing would look like streaming.
            lines = [(time.monotonic() - start, line) for line in _lines(connection)]
        stream.seconds = time.monotonic() - start
        for at, line in lines:
            if not line.startswith(b"data:"):
                continue  # a comment, or the blank line after an event
            data = line[5:].strip()
            if data == b"[DONE]":
                stream.done = True
                continue
            chunk = json_object(data)
            if "error" in chunk:
                raise Failed(f"an error within the stream: {self.redact(error_message(chunk))}")
            stream.chunks.append((at, chunk))
        return stream

    @contextmanager
    def _posted(self, path: str, body: dict[str, Any]) -> Iterator[Connection]:
        data = json.dumps(body).encode()
        headers = self.headers("POST", path, data)
        with self.connection(REQUEST_SECONDS) as connection:
            connection.connect()
            status = connection.send("POST", self.target(path), headers, data)
            if status != 200:
                raise Refused(status, self.redact(_refusal(connection)))
            yield connection


def json_object(data: bytes) -> dict[str, Any]:
    """Raises Failed for what is no JSON object, without repeating it."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        raise Failed("the answer is no JSON") from None
    if not isinstance(parsed, dict):
        raise Failed("the answer is no JSON object")
    return parsed


def error_message(body: dict[str, Any]) -> str:
    """OpenAI's `error.message`, or the `Message` of AWS's own refusals; blank where there is neither."""
    error = body.get("error")
    message = error.get("message") if isinstance(error, dict) else body.get("Message", body.get("message"))
    return message if isinstance(message, str) else ""


def _refusal(connection: Connection) -> str:
    """What the body of an error says; the body's kind where it is none of ours, such as a proxy's HTML page."""
    try:
        return error_message(json_object(connection.read(LONGEST_ERROR)))
    except Failed as trouble:
        return str(trouble)


def _lines(connection: Connection) -> Iterator[bytes]:
    size = 0
    while line := connection.line():
        size += len(line)
        if size > LONGEST_BODY:
            raise Failed(f"the stream is longer than {LONGEST_BODY} bytes")
        yield line
