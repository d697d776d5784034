"""The body of a request: read within its limit, and decoded from JSON that may be hostile."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from app.core.json_values import has_infinity, may_overflow
from app.errors import InvalidRequest, TooLarge
from app.web.asgi import ClientDisconnect, Receive

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Some clients on Windows and .NET put it before UTF-8; RFC 8259 (8.1) lets a parser ignore it."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it is, and ClientDisconnect where the client leaves first."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        if chunk:
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body is larger than {limit} bytes.")


def parse_json(body: bytes) -> Any:
    """The JSON value. Raises InvalidRequest for what is not JSON, nested too deeply, or not finite.

    The parser bounds the depth (200), so that nothing behind it can be made to overflow the stack.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if not body.strip():
        raise InvalidRequest("The request body is empty; it must be a JSON object.", code="invalid_json")
    try:
        value = from_json(body, allow_inf_nan=False)
        if may_overflow(body) and has_infinity(value):
            raise InvalidRequest("A number in the request body is too large.", code="invalid_json")
        return value
    except ValueError as problem:
        mended = _without_lone_surrogates(body)
        if mended is not None:
            return mended
        reason = str(problem).split(" at line", 1)[0][:120]
        raise InvalidRequest(f"The request body is not valid JSON: {reason}.", code="invalid_json") from None


def _without_lone_surrogates(body: bytes) -> Any:
    """Half an emoji, cut off by a client, as U+FFFD; None where that was not what was wrong.

    JavaScript writes such text as a lone `\\ud83d`, which is JSON but no Unicode; a history that holds it once must not
    fail for ever.
    """
    if b"\\ud" not in body and b"\\uD" not in body:
        return None
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
        return from_json(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), allow_inf_nan=False)
    except (ValueError, RecursionError):
        return None
