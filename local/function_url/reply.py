"""The function's response -> status, headers and body: the streaming prelude, and the JSON of buffered responses."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from local.function_url.invocation import HTTP_INTEGRATION, FunctionError, Invocation
from local.function_url.wire import Headers

SEPARATOR = b"\0" * 8
PRELUDE_LIMIT = 1024 * 1024


@dataclass(slots=True)
class Reply:
    """Headers as they are to be sent, `set-cookie` included. The body raises FunctionError where it breaks off."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]


async def reply_of(invocation: Invocation, *, buffered: bool, limit: int) -> Reply:
    """Returns as soon as status and headers are known; with `buffered`, when all is there. Raises FunctionError."""
    pieces = invocation.pieces()
    first = await anext(pieces, b"")
    if not buffered and invocation.streaming:
        if invocation.content_type == HTTP_INTEGRATION:
            return await _with_prelude(first, pieces)
        kind = invocation.content_type or "application/octet-stream"
        return Reply(200, [("content-type", kind)], _chain(first, pieces))
    whole = bytearray()
    async for piece in _chain(first, pieces):
        whole += piece
        if len(whole) > limit:
            raise FunctionError("Function.ResponseSizeTooLarge", f"the response exceeds {limit} bytes")
    return interpreted(bytes(whole))


async def _with_prelude(first: bytes, pieces: AsyncIterator[bytes]) -> Reply:
    seen = bytearray(first)
    while (end := seen.find(SEPARATOR)) < 0:
        piece = await anext(pieces, b"")
        if not piece or len(seen) > PRELUDE_LIMIT:
            raise FunctionError("Runtime.InvalidResponse", "no eight NULs end the prelude")
        seen += piece
    status, headers = prelude(bytes(seen[:end]))
    return Reply(status, headers, _chain(bytes(seen[end + len(SEPARATOR) :]), pieces))


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    if content:
        yield content


def prelude(text: bytes) -> tuple[int, Headers]:
    """Status and headers. Raises FunctionError where it is no JSON object of the right shape."""
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise FunctionError("Runtime.InvalidResponse", "the prelude is no JSON object")
    return _status(parsed), _headers(parsed)


def interpreted(payload: bytes) -> Reply:
    """A buffered response, with what payload format 2.0 infers: JSON without `statusCode` is the body of a 200.

    Bytes that are no JSON are the body as they are: so a streamed prelude shows up where template and adapter disagree.
    """
    try:
        parsed = json.loads(payload)
    except ValueError:
        return Reply(200, [("content-type", "application/octet-stream")], _whole(payload))
    if not isinstance(parsed, dict) or "statusCode" not in parsed:
        return Reply(200, [("content-type", "application/json")], _whole(payload))
    body = parsed.get("body") or ""
    text = body if isinstance(body, str) else json.dumps(body)
    try:
        content = base64.b64decode(text, validate=True) if parsed.get("isBase64Encoded") else text.encode()
    except binascii.Error:
        raise FunctionError("Runtime.InvalidResponse", "the body is no base64") from None
    headers = _headers(parsed)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return Reply(_status(parsed), [*headers, ("content-length", str(len(content)))], _whole(content))


def _status(parsed: dict[str, Any]) -> int:
    status = parsed.get("statusCode", 200)
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise FunctionError("Runtime.InvalidResponse", "statusCode is no HTTP status")
    return status


def _headers(parsed: dict[str, Any]) -> Headers:
    """A list of values becomes as many lines; what Lambda does with one is not documented."""
    headers: Headers = []
    for name, value in {**(parsed.get("headers") or {}), **(parsed.get("multiValueHeaders") or {})}.items():
        values = value if isinstance(value, list) else [value]
        headers += [(str(name), _text(each)) for each in values]
    return headers + [("set-cookie", _text(cookie)) for cookie in parsed.get("cookies") or []]


def _text(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.replace("\r", " ").replace("\n", " ")
