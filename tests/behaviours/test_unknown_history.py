"""Types that the gateway doesn't know: an error in the last user turn, which its client can change, and never in older ones."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from local.emulator import Emulator
from tests.behaviours.asking import NOVA, called, post, repairs, say, sent, tool

UNKNOWN = {"type": "hologram", "hologram": {"data": "YQ=="}}
TEXT: dict[str, Any] = {"chat": {"type": "text"}, "messages": {"type": "text"}, "responses": {"type": "input_text"}}
ROUTES: dict[str, tuple[str, dict[str, Any], str]] = {
    "chat": ("/v1/chat/completions", {"model": NOVA}, "messages"),
    "messages": ("/v1/messages", {"model": NOVA, "max_tokens": 50}, "messages"),
    "responses": ("/v1/responses", {"model": NOVA}, "input"),
}


def ask(http: httpx.Client, surface: str, *turns: dict[str, Any], **body: Any) -> httpx.Response:
    path, base, member = ROUTES[surface]
    return http.post(path, json=base | {member: list(turns)} | body)


@pytest.mark.parametrize("surface", ROUTES)
@pytest.mark.parametrize("part", [UNKNOWN, {}, 5], ids=["unknown type", "text without text", "no object"])
def test_an_unknown_part_of_an_older_turn_does_not_end_the_session(
    http: httpx.Client, emulator: Emulator, surface: str, part: Any
) -> None:
    part = TEXT[surface] | {"text": 5} if part == {} else part
    turn = {"role": "user", "content": [part, TEXT[surface] | {"text": "What is this?"}]}
    assert ask(http, surface, turn).status_code == 400
    response = ask(http, surface, turn, say("A cat.", "assistant"), say("Thanks."))
    assert response.status_code == 200, response.text
    assert repairs(response)["media-omitted"] == 1
    told = sent(emulator)[-1]["messages"][0]["content"]
    assert told[0]["text"].startswith("[content omitted: ")
    assert told[1]["text"] == "What is this?"


@pytest.mark.parametrize("surface", ROUTES)
def test_an_unknown_part_of_the_assistants_does_not_end_the_session(http: httpx.Client, surface: str) -> None:
    content = [UNKNOWN, {"type": "output_text" if surface == "responses" else "text", "text": "A cat."}]
    response = ask(http, surface, say(), {"role": "assistant", "content": content}, say("Thanks."))
    assert response.status_code == 200, response.text
    assert repairs(response)["misplaced-part"] == 1


@pytest.mark.parametrize("surface", ROUTES)
def test_unknown_parts_of_a_tools_result_are_shown_as_json(
    http: httpx.Client, emulator: Emulator, surface: str
) -> None:
    shown = [{"type": "resource", "resource": {"uri": "file:///a"}}, {"row": 1}]
    schema = {"type": "object"}
    if surface == "responses":
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
        turns: list[Any] = [say(), call, {"type": "function_call_output", "call_id": "c", "output": shown}]
        tools: list[Any] = [{"type": "function", "name": "f", "parameters": schema}]
    elif surface == "messages":
        result = {"type": "tool_result", "tool_use_id": "c", "content": shown}
        use = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
        turns = [say(), {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
        tools = [{"name": "f", "input_schema": schema}]
    else:
        turns = [say(), called("c", name="f"), {"role": "tool", "tool_call_id": "c", "content": shown}]
        tools = [tool("f")]
    response = ask(http, surface, *turns, tools=tools)
    assert response.status_code == 200, response.text
    told = sent(emulator)[-1]["messages"][2]["content"][0]["toolResult"]["content"]
    assert "file:///a" in str(told)
    assert "row" in str(told)


def test_a_call_of_another_providers_type_does_not_end_the_session(http: httpx.Client) -> None:
    calls = [{"id": "s", "type": "web_search", "web_search": {"query": "cats"}}]
    message = {"role": "assistant", "content": "A cat.", "tool_calls": calls}
    response = post(http, say(), message, say("Thanks."))
    assert response.status_code == 200, response.text
    assert repairs(response)["misplaced-part"] == 1
    message["tool_calls"] = [{"id": "s", "type": "function"}]
    assert post(http, say(), message, say("Thanks.")).status_code == 400


def test_an_unknown_item_of_an_older_turn_does_not_end_the_session(http: httpx.Client, emulator: Emulator) -> None:
    assert ask(http, "responses", say(), UNKNOWN).status_code == 400
    response = ask(http, "responses", say(), UNKNOWN, say("A cat.", "assistant"), say("Thanks."))
    assert response.status_code == 200, response.text
    assert repairs(response)["media-omitted"] == 1
    assert "hologram" in sent(emulator)[-1]["messages"][0]["content"][1]["text"]


def test_a_call_of_a_newer_type_and_its_output_are_read_as_such(http: httpx.Client, emulator: Emulator) -> None:
    call = {"type": "hologram_call", "id": "h_1", "call_id": "c", "action": {"show": "cat"}, "status": "completed"}
    output = {"type": "hologram_call_output", "call_id": "c", "output": "It turns."}
    served = {"type": "oracle_call", "id": "o_1", "status": "completed", "query": "cats"}
    response = ask(http, "responses", say(), served, call, output)
    assert response.status_code == 200, response.text
    assert repairs(response)["dropped-item"] == 1
    _, use, result = sent(emulator)[-1]["messages"]
    assert use["content"][0]["toolUse"]["name"] == "hologram"
    assert use["content"][0]["toolUse"]["input"] == {"action": {"show": "cat"}}
    assert result["content"][0]["toolResult"]["content"] == [{"text": "It turns."}]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "redacted_thinking"},
        {"type": "redacted_thinking", "data": None},
        {"type": "tool_use", "name": "f", "input": {}},
        {"type": "tool_use", "id": "c", "input": {}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "video"}]}},
        {"type": "search_result", "source": "x"},
    ],
    ids=["no data", "null data", "no id", "no name", "document of a video", "search result without title"],
)
def test_a_block_that_lacks_something_does_not_end_the_session(http: httpx.Client, block: Any) -> None:
    content = [block, {"type": "text", "text": "A cat."}]
    response = ask(http, "messages", say(), {"role": "assistant", "content": content}, say("Thanks."))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("content", [None, [], 5])
def test_an_assistants_turn_without_content_does_not_end_the_session(http: httpx.Client, content: Any) -> None:
    response = ask(http, "messages", say(), {"role": "assistant", "content": content}, say("Thanks."))
    assert response.status_code == 200, response.text
