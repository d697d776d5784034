"""Parameters without effect are reported on every route, and wrong values are refused on every surface."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from local.emulator import Emulator
from tests.contract.conftest import KEY, serving
from tests.contract.test_compressed_bodies import ROUTES
from tests.contract.words import CLOCK, NOVA, user

HEADERS = {"Authorization": f"Bearer {KEY}"}
TOOL: Any = {"type": "function", "name": "get_time", "parameters": CLOCK["function"]["parameters"]}
NAMED: Any = {"type": "function", "name": "get_time"}


@pytest.mark.parametrize(("path", "body"), ROUTES, ids=[path for path, _ in ROUTES])
def test_an_unknown_parameter_is_reported(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    reply = http.post(path, json=body | {"unheard_of": 1, "null": None}, headers=HEADERS)
    assert reply.status_code == 200
    assert reply.headers["x-gateway-ignored"] == "unheard_of"


def test_a_compaction_reports_the_parameters_that_it_does_not_use(http: httpx.Client) -> None:
    body = {"model": NOVA, "input": "Hello", "tools": [TOOL], "instructions": "Be brief.", "temperature": 1}
    reply = http.post("/v1/responses/compact", json=body, headers=HEADERS)
    assert reply.headers["x-gateway-ignored"] == "tools,temperature"


@pytest.mark.parametrize(("path", "body", "param"), [
    ("/v1/chat/completions",
     {"messages": [user("Hello")], "tools": [CLOCK],
      "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "maybe", "tools": [CLOCK]}}},
     "tool_choice.mode"),
    ("/v1/responses",
     {"input": "Hello", "tools": [TOOL], "tool_choice": {"type": "allowed_tools", "mode": "maybe", "tools": [NAMED]}},
     "tool_choice.mode"),
])  # fmt: skip
def test_an_unknown_mode_of_allowed_tools_is_refused(
    http: httpx.Client, path: str, body: dict[str, Any], param: str
) -> None:
    reply = http.post(path, json=body | {"model": NOVA}, headers=HEADERS)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(("path", "body"), [
    ("/v1/chat/completions", {"messages": [user("Hello")], "tool_choice": "required"}),
    ("/v1/chat/completions", {"messages": [user("Hello")], "tool_choice": {"type": "function", "function": NAMED}}),
    ("/v1/responses", {"input": "Hello", "tool_choice": "required"}),
    ("/v1/responses", {"input": "Hello", "tool_choice": NAMED}),
    ("/v1/responses", {"input": "Hello", "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [NAMED]}}),
    ("/v1/messages", {"max_tokens": 20, "messages": [user("Hello")], "tool_choice": {"type": "any"}}),
], ids=range(6))  # fmt: skip
def test_a_tool_choice_without_tools_is_reported(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    reply = http.post(path, json=body | {"model": NOVA}, headers=HEADERS)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-gateway-ignored"] == "tool_choice"


@pytest.mark.parametrize("choice", ["auto", "none", {"type": "auto"}, None])
def test_a_choice_that_asks_for_no_call_is_not_worth_a_word(http: httpx.Client, choice: Any) -> None:
    body = {"model": NOVA, "messages": [user("Hello")], "tool_choice": choice}
    assert "x-gateway-ignored" not in http.post("/v1/chat/completions", json=body, headers=HEADERS).headers


@pytest.mark.parametrize("path", ["//v1/chat/completions", "/v1/v1/chat/completions", "/v1//chat/completions/"])
def test_a_path_that_was_joined_from_a_base_url_reaches_its_route(http: httpx.Client, path: str) -> None:
    body = {"model": NOVA, "messages": [user("Hello")]}
    reply = http.post(f"{http.base_url}".rstrip("/") + path, json=body, headers=HEADERS)
    assert reply.status_code == 200
    assert "system_fingerprint" not in reply.json()


def test_a_browser_may_read_the_request_id(emulator: Emulator) -> None:
    origin = "https://app.example.com"
    with serving(emulator.url, allowed_origins=(origin,)) as url:
        reply = httpx.get(f"{url}/v1/models", headers=HEADERS | {"Origin": origin})
    exposed = [name.strip() for name in reply.headers["access-control-expose-headers"].split(",")]
    assert {"request-id", "x-request-id"} <= set(exposed)
