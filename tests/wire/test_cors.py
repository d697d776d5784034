"""CORS in one place, closed by default, never `*` with credentials, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.plan.planner import ModelPlanner
from local.emulator import Emulator
from tests.wire.gateway import Gateway, chat, serving

ORIGIN = "https://app.example.com"
PATH = "/v1/chat/completions"
PREFLIGHT = {
    "origin": ORIGIN,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-lang",
}


@pytest.fixture
def open_gateway(emulator: Emulator) -> Iterator[Gateway]:
    with serving(emulator.url, allowed_origins=f"{ORIGIN}, https://other.example.com", max_body_bytes=5000) as gateway:
        yield gateway


def cors(reply: httpx.Response) -> dict[str, list[str]]:
    names = {name for name in reply.headers if name.startswith("access-control-")}
    return {name: reply.headers.get_list(name) for name in names}


def test_closed_by_default(gateway: Gateway) -> None:
    with gateway.client(headers={"origin": ORIGIN}) as client:
        replies = [client.post(PATH, json=chat()), client.post(PATH, json={}), client.get("/health"), client.get("/x")]
        replies.append(client.options(PATH, headers=PREFLIGHT))
    assert [cors(reply) for reply in replies] == [{}] * 5
    assert replies[-1].status_code == 405


def answers(client: httpx.Client) -> list[httpx.Response]:
    """A success, a stream, and an error from every layer."""
    return [
        client.post(PATH, json=chat()),
        client.post(PATH, json=chat(stream=True)),
        client.post(PATH, json={}),
        client.post(PATH, json=chat("x [[emulate: throttle]]", stream=True)),
        client.post(PATH, json=chat(), headers={"authorization": "Bearer wrong"}),
        client.get(PATH),
        client.get("/nowhere"),
        client.post(PATH, content=b"x" * 6000),
        client.post(PATH, content=(b"x" * 1000 for _ in range(6))),
    ]


def test_a_listed_origin_reads_every_answer(open_gateway: Gateway) -> None:
    with open_gateway.client(headers={"origin": ORIGIN}) as client:
        replies = answers(client)
    assert [reply.status_code for reply in replies] == [200, 200, 400, 429, 401, 405, 404, 413, 413]
    for reply in replies:
        assert reply.headers.get_list("access-control-allow-origin") == [ORIGIN]
        assert "access-control-allow-credentials" not in reply.headers  # a key is no cookie
        assert "Origin" in reply.headers["vary"]
        assert "x-request-id" in reply.headers["access-control-expose-headers"]
        assert len(reply.headers.get_list("x-request-id")) == 1


def test_a_fault_of_ours_can_be_read_by_the_browser_too(open_gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*args: object, **options: object) -> Any:
        raise ValueError

    monkeypatch.setattr(ModelPlanner, "plan", fail)
    with open_gateway.client(headers={"origin": ORIGIN}) as client:
        for stream in (False, True):
            reply = client.post(PATH, json=chat(stream=stream))
            assert (reply.status_code, reply.headers.get_list("access-control-allow-origin")) == (500, [ORIGIN])


def test_another_origin_reads_nothing(open_gateway: Gateway) -> None:
    with open_gateway.client(headers={"origin": "https://evil.example.com"}) as client:
        for reply in answers(client):
            assert "access-control-allow-origin" not in reply.headers
        refused = client.options(PATH, headers=PREFLIGHT | {"origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("origin", ["null", ORIGIN + ".evil.com", "http://app.example.com", ORIGIN.upper(), ""])
def test_origins_are_compared_whole(open_gateway: Gateway, origin: str) -> None:
    with open_gateway.client(headers={"origin": origin}) as client:
        assert "access-control-allow-origin" not in client.get("/health").headers


def test_a_preflight_needs_no_key_and_allows_what_sdks_send(open_gateway: Gateway) -> None:
    with httpx.Client(base_url=open_gateway.url) as client:
        reply = client.options(PATH, headers=PREFLIGHT)
    assert reply.status_code == 200
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    allowed = reply.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "x-stainless-lang"))
    assert "POST" in reply.headers["access-control-allow-methods"]


def test_a_star_never_comes_with_credentials(emulator: Emulator) -> None:
    with serving(emulator.url, allowed_origins="*") as gateway:
        with gateway.client(headers={"origin": ORIGIN}) as client:
            for reply in answers(client):
                assert reply.headers["access-control-allow-origin"] == "*"
                assert "access-control-allow-credentials" not in reply.headers
        with httpx.Client(base_url=gateway.url, headers={"cookie": "a=b", "origin": ORIGIN}) as client:
            for reply in (client.get("/health"), client.options(PATH, headers=PREFLIGHT)):
                assert reply.headers["access-control-allow-origin"] in {"*", ORIGIN}
                assert "access-control-allow-credentials" not in reply.headers
