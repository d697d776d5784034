"""Whatever goes wrong, in Anthropic's envelope, and what its clients look for in headers. Pure.

Applied from outside to every answer under `/messages` (`web/dialect.py`), so that what is refused before a route is reached
speaks the same. Sources: Anthropic's SDK 2.12 (`types/shared`), its documentation of errors and rate limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

from app.api.messages.parameters import ERRORS
from app.errors import PROMPT_TOO_LONG

Headers = list[tuple[bytes, bytes]]

_TYPES = {"rate_limit_error": 429, "insufficient_quota": 429, "permission_error": 403}
_CODES = {
    "invalid_api_key": 401,
    "model_not_found": 404,
    "request_too_large": 413,
    "service_unavailable": 503,
    "shutting_down": 503,
    "model_not_ready": 503,
    "model_timeout": 504,
    "upstream_timeout": 504,
    "deadline_exceeded": 504,
}
_OVERFLOW = re.compile(PROMPT_TOO_LONG + r"(?:: \d+ tokens > \d+ maximum)?")
"""Anthropic's whole message, as `errors.ContextOverflow` has it beside OpenAI's."""
_DURATION = re.compile(r"(?:(\d+)m(?!s))?(?:([\d.]+)(ms|s))?\Z")


def status_of(status: int) -> int:
    """Anthropic says 529 where HTTP has 503."""
    return 529 if status == 503 else status


def type_of(status: int) -> str:
    known = ERRORS.get(status_of(status))
    return known or ("invalid_request_error" if status < 500 else "api_error")


def envelope(body: dict[str, Any], status: int | None = None) -> dict[str, Any]:
    """OpenAI's envelope as Anthropic's. `status`: the answer's; without one it is told from the type and the code."""
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    param, message = error.get("param"), str(error.get("message") or "The request failed.")
    overflow = _OVERFLOW.search(message) if error.get("code") == "context_length_exceeded" else None
    if overflow is not None:
        message = overflow[0]
    elif isinstance(param, str) and param and param not in message:
        message = f"{param}: {message}"
    kind = type_of(_status(error) if status is None else status)
    told: dict[str, Any] = {"type": kind, "message": message}
    if "details" in error:
        told["details"] = error["details"]
    return {"type": "error", "error": told, "request_id": error.get("request_id")}


def _status(error: dict[str, Any]) -> int:
    kind = str(error.get("type"))
    known = _CODES.get(str(error.get("code"))) or _TYPES.get(kind)
    return known or (400 if kind == "invalid_request_error" else 500)


def translated(status: int, data: bytes) -> tuple[int, bytes]:
    """An answer that is no success, as this API has it. What is no JSON object is let be."""
    try:
        body = from_json(data)
    except ValueError:
        return status, data
    if not isinstance(body, dict):
        return status, data
    return status_of(status), to_json(envelope(body, status))


def answer_headers(headers: Iterable[tuple[bytes, bytes]], request_id: str, now: datetime | None = None) -> Headers:
    """The headers with `request-id` and the rates under Anthropic's names; resets are points in time there."""
    told = list(headers)
    for name, value in headers:
        if name.startswith(b"x-ratelimit-"):
            what, _, of = name.removeprefix(b"x-ratelimit-").partition(b"-")
            if what == b"reset":
                value = reset_time(value.decode("latin-1"), now or datetime.now(UTC)).encode()
            told.append((b"anthropic-ratelimit-%b-%b" % (of, what), value))
    return [*told, (b"request-id", request_id.encode())]


def reset_time(duration: str, now: datetime) -> str:
    """`6m0s` from now, by RFC 3339 and to the second, rounded up.

    >>> reset_time("6m0s", datetime(2026, 1, 1, tzinfo=UTC))
    '2026-01-01T00:06:00Z'
    """
    found = _DURATION.match(duration)
    minutes, number, unit = found.groups() if found else (None, None, None)
    seconds = float(number or 0) / (1000 if unit == "ms" else 1)
    at = now + timedelta(minutes=int(minutes or 0), seconds=seconds)
    at += timedelta(microseconds=(1_000_000 - at.microsecond) % 1_000_000)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
