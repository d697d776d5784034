"""Who may come in at all, before any key is looked at; and what an invocation of a Lambda function says of itself.

Pure ASGI, each added by `main` only where it has something to do. `/health` is open to all of them: the Web Adapter and
the canary ask it, it costs nothing and tells nothing.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json, to_json

from app.errors import PermissionDenied
from app.web.asgi import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HEALTH = "/health"
EVENTS = "/events"
"""Where the Web Adapter posts events that are no requests (its default, 0.9.1 and 1.0.0)."""
LAMBDA_CONTEXT = b"x-amzn-lambda-context"
REQUEST_CONTEXT = b"x-amzn-request-context"
BACKGROUND = "background"
"""What an event of our own says under `gateway`: work that this function has asked itself to do."""
NO_REQUEST = b"null"
"""What the adapter says in it of an event that is no request."""
ORIGIN_SECRET = b"x-origin-secret"


class Invocation:
    """On Lambda only: takes the deadline and the source address from the two headers that the Web Adapter sets.

    The adapter overwrites what a client sends under these names (tried with 0.9.1 and 1.0.0, 2026-11), and so does
    `lambda_handler`; anywhere else they would be a stranger's word. Puts `deadline` (epoch seconds, `margin` before the
    invocation's own) into `scope["state"]`, the source address into `scope["client"]`, and `event` where it is an event that
    is no request: those have neither an address nor an edge in front, and what they ask for has a secret of its own.
    """

    def __init__(self, app: ASGIApp, margin: float) -> None:
        self._app = app
        self._margin = margin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["client"] = None
        for name, value in scope["headers"]:
            if name == LAMBDA_CONTEXT:
                scope["state"]["deadline"] = _deadline(_object(value), self._margin)
            elif name == REQUEST_CONTEXT:
                scope["client"] = _source(_object(value))
                event = value.strip() == NO_REQUEST or _object(value).get("gateway") == "event"
                scope["state"]["event"] = event and scope["path"] == EVENTS
        await self._app(scope, receive, send)


class Origin:
    """Lets in only what comes through the edge in front, which proves itself with a secret header.

    A health check past it may not ask for anything besides.
    """

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret.strip().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        free = (scope["path"] == HEALTH and not scope["query_string"]) or _is_event(scope)
        if not free and not self._lets_in(scope):
            raise PermissionDenied(
                "This gateway is reached through its CDN; requests past it are refused.", code="origin_forbidden"
            )
        await self._app(scope, receive, send)

    def _lets_in(self, scope: Scope) -> bool:
        return hmac.compare_digest(dict(scope["headers"]).get(ORIGIN_SECRET, b""), self._secret)


class Networks:
    """Lets in only what comes from these networks, by the address of the connection and never by `X-Forwarded-For`."""

    def __init__(self, app: ASGIApp, allowed: Iterable[Network]) -> None:
        self._app = app
        self._allowed = tuple(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != HEALTH and not _is_event(scope) and not self._lets_in(scope.get("client")):
            raise PermissionDenied("Requests from your network address are not allowed here.", code="network_forbidden")
        await self._app(scope, receive, send)

    def _lets_in(self, client: Any) -> bool:
        try:
            address = ipaddress.ip_address(client[0])
        except (TypeError, ValueError):
            return False  # an address that nobody knows is none of the list
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._allowed)


def as_request(event: Any) -> Any:
    """An event of our own as the request that the Web Adapter would make of it, for who has no adapter; others as they are."""
    if not isinstance(event, dict) or event.get("gateway") != BACKGROUND:
        return event
    http = {"method": "POST", "path": EVENTS, "sourceIp": ""}
    return {
        "version": "2.0",
        "rawPath": EVENTS,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": http, "domainName": ".lambda-url.", "gateway": "event"},
        "body": to_json(event).decode(),
        "isBase64Encoded": False,
    }


def _is_event(scope: Scope) -> bool:
    return bool(scope.get("state", {}).get("event"))


def _object(value: bytes) -> dict[str, Any]:
    try:
        parsed = from_json(value)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}  # the adapter says `null` for an event that is no request


def _deadline(context: dict[str, Any], margin: float) -> float | None:
    """A quarter of what is left at most goes into the margin: a function with a short timeout is to answer, too."""
    ends = context.get("deadline")
    if not isinstance(ends, int | float) or ends <= 0:
        return None
    left = ends / 1000 - time.time()
    return ends / 1000 - min(margin, max(0.0, left) / 4)


def _source(context: dict[str, Any]) -> tuple[str, int] | None:
    http = context.get("http")
    source = http.get("sourceIp") if isinstance(http, dict) else None
    return (source, 0) if isinstance(source, str) else None
