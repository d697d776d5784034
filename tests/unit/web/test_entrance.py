"""Who may come in, and what an invocation says of itself."""

from __future__ import annotations

import ipaddress
import json
import time
from typing import Any

import pytest

from app.errors import PermissionDenied
from app.web.asgi import ASGIApp, Receive, Scope, Send
from app.web.entrance import Invocation, Networks, Origin, as_request

CIDRS = ("192.0.2.0/24", "2001:db8:1::/48", "203.0.113.7/32")


class Inside:
    """The application within: notes the scopes that get so far."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)


async def never(*arguments: Any) -> Any:
    raise AssertionError


async def enter(layer: ASGIApp, path: str = "/v1/models", client: Any = None, **headers: str) -> None:
    path, _, query = path.partition("?")
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    await layer(
        {"type": "http", "path": path, "headers": raw, "state": {}, "client": client, "query_string": query.encode()},
        never,
        never,
    )


# Invocations


async def told(margin: float = 4.0, **headers: str) -> Scope:
    inside = Inside()
    await enter(Invocation(inside, margin), client=("169.254.1.1", 9), **headers)
    return inside.scopes[0]


@pytest.mark.parametrize(("left", "margin", "kept"), [
    (900, 4, 4), (60, 4, 4), (16, 4, 4), (8, 4, 2), (1, 4, 0.25), (900, 0, 0), (-5, 4, 0),
])  # fmt: skip
async def test_the_deadline_is_a_little_before_the_invocations(left: float, margin: float, kept: float) -> None:
    ends = time.time() + left
    scope = await told(margin, x_amzn_lambda_context=json.dumps({"deadline": round(ends * 1000), "request_id": "r"}))
    assert scope["state"]["deadline"] == pytest.approx(ends - kept, abs=0.1)


@pytest.mark.parametrize("header", [
    "", "null", "[]", "{}", '{"deadline": null}', '{"deadline": "soon"}', '{"deadline": -1}', "{", '{"deadline": {}}',
])  # fmt: skip
async def test_without_a_deadline_there_is_none(header: str) -> None:
    assert (await told(x_amzn_lambda_context=header))["state"].get("deadline") is None


async def test_the_source_address_is_that_of_the_request_context() -> None:
    context = json.dumps({"http": {"sourceIp": "192.0.2.9", "path": "/"}})
    scope = await told(x_amzn_request_context=context, x_forwarded_for="203.0.113.7")
    assert scope["client"] == ("192.0.2.9", 0)


@pytest.mark.parametrize("header", ["null", "{}", '{"http": null}', '{"http": {"sourceIp": 7}}', "no json"])
async def test_an_unknown_source_is_nobody_and_never_the_adapter(header: str) -> None:
    assert (await told(x_amzn_request_context=header))["client"] is None
    assert (await told())["client"] is None


# Networks


@pytest.mark.parametrize(("address", "allowed"), [
    ("192.0.2.1", True), ("192.0.2.255", True), ("192.0.3.1", False), ("203.0.113.7", True), ("203.0.113.8", False),
    ("2001:db8:1::5", True), ("2001:db8:2::5", False), ("::ffff:192.0.2.1", True), ("::ffff:192.0.3.1", False),
    ("", False), ("unknown", False), ("192.0.2.1, 10.0.0.1", False), (None, False),
])  # fmt: skip
async def test_only_the_listed_networks_come_in(address: str | None, allowed: bool) -> None:
    inside = Inside()
    layer = Networks(inside, [ipaddress.ip_network(cidr) for cidr in CIDRS])
    client = None if address is None else (address, 0)
    if allowed:
        await enter(layer, client=client)
        assert inside.scopes
    else:
        with pytest.raises(PermissionDenied) as raised:
            await enter(layer, client=client, x_forwarded_for="192.0.2.1", x_real_ip="192.0.2.1")
        assert (raised.value.status, raised.value.code) == (403, "network_forbidden")
        assert not address or address not in str(raised.value)
    await enter(layer, "/health", client)
    assert inside.scopes[-1]["path"] == "/health"


# The edge


@pytest.mark.parametrize("given", [None, "", "wrong", "edge-secre", "edge-secret2", "edge-s\xe9cret"])
async def test_what_does_not_come_through_the_edge_is_refused(given: str | None) -> None:
    layer = Origin(Inside(), "edge-secret")
    with pytest.raises(PermissionDenied) as raised:
        await enter(layer, **({} if given is None else {"x_origin_secret": given}))
    assert (raised.value.status, raised.value.code) == (403, "origin_forbidden")
    assert "edge-secret" not in str(raised.value)
    await enter(layer, "/health")
    with pytest.raises(PermissionDenied):
        await enter(layer, "/health?hold=300")


async def test_what_comes_through_the_edge_comes_in() -> None:
    inside = Inside()
    await enter(Origin(inside, " edge-secret "), x_origin_secret="edge-secret")
    assert inside.scopes


# Events that are no requests


@pytest.mark.parametrize(("path", "context", "event"), [
    ("/events", "null", True), ("/events", '{"gateway": "event"}', True), ("/events", "{}", False),
    ("/events", '{"http": {"sourceIp": "192.0.2.9"}}', False), ("/v1/models", "null", False), ("/events", "", False),
])  # fmt: skip
async def test_an_event_is_told_from_a_request(path: str, context: str, event: bool) -> None:
    inside = Inside()
    await enter(Invocation(inside, 4.0), path, x_amzn_request_context=context)
    assert inside.scopes[0]["state"]["event"] is event


async def test_an_event_has_no_address_and_no_edge_in_front() -> None:
    inside = Inside()
    guarded = Origin(Networks(inside, [ipaddress.ip_network("192.0.2.0/24")]), "secret")
    await enter(Invocation(guarded, 4.0), "/events", x_amzn_request_context="null")
    assert len(inside.scopes) == 1
    for path in ("/events", "/v1/models"):
        with pytest.raises(PermissionDenied):
            await enter(guarded, path, x_amzn_request_context="null")
        with pytest.raises(PermissionDenied):
            await enter(Invocation(guarded, 4.0), path, x_amzn_request_context='{"http": {"sourceIp": "203.0.113.1"}}')


def test_an_event_of_our_own_as_the_request_that_the_adapter_would_make() -> None:
    event = {"gateway": "background", "response": "resp_1", "secret": "s"}
    made = as_request(event)
    assert (made["rawPath"], made["requestContext"]["http"]["method"]) == ("/events", "POST")
    assert json.loads(made["body"]) == event
    others: list[Any] = [{"gateway": "x"}, {"source": "aws.events"}, [], None, "background"]
    for other in others:
        assert as_request(other) is other
