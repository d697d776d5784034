"""What a request asks of the response cache: its `x-gateway-cache` header, or the rule of its key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.plan import Plan
from app.core.ports import Call
from app.errors import InvalidRequest

HEADER = "x-gateway-cache"


class Wish(NamedTuple):
    """What a request asks of the cache. `seconds`: the greatest age of an answer; `refresh`: ask anew, and keep that."""

    seconds: int
    refresh: bool = False


def wished(call: Call, plans: Sequence[Plan], most: int) -> Wish | None:
    """What the request's header says, or the key's own rule where there is none. None for no cache.

    The key's rule is for requests that would give much the same again: without tools, web search or a temperature above 0.
    """
    default = call.caller.access.cache_ttl
    if call.cache:
        if most <= 0:
            call.receipt.ignore(HEADER)
            return None
        return parsed(call.cache, default, most)
    if default <= 0 or most <= 0 or any(map(_is_lively, plans)):
        return None
    return Wish(min(default, most))


def parsed(header: str, default: int, most: int) -> Wish | None:
    """`ttl=86400`, `ttl=60, refresh` or `off`. A life that is too long is shortened; anything else is InvalidRequest."""
    words = [word.strip().lower() for word in header.split(",")]
    if words == ["off"]:
        return None
    seconds, refresh = 0, False
    for word in words:
        name, equals, number = word.partition("=")
        if name.rstrip() == "ttl" and equals and not seconds:
            number = number.strip()
            seconds = int(number) if number.isascii() and number.isdigit() else 0
            if not seconds:
                raise _unreadable()
        elif word == "refresh" and not refresh:
            refresh = True
        else:
            raise _unreadable()
    if not seconds and default <= 0:
        raise _unreadable()
    return Wish(min(seconds or default, most), refresh)


def _unreadable() -> InvalidRequest:
    return InvalidRequest(
        f"The header {HEADER} is `ttl=SECONDS` (from 1), `ttl=SECONDS, refresh` or `off`.",
        param=HEADER,
        code="invalid_value",
    )


def _is_lively(plan: Plan) -> bool:
    prompt = plan.prompt
    return bool(prompt.tools or prompt.grounding or (prompt.sampling.temperature or 0) > 0)
