"""A bad turn stays in a client's history; none of these may fail every later request of the session."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from local.emulator import Emulator
from tests.behaviours.asking import (
    GPT,
    LLAMA,
    NOVA,
    OPUS_5,
    PNG,
    QWEN,
    SONNET_45,
    called,
    message_of,
    post,
    repairs,
    result,
    say,
    sent,
    tool,
    whole,
)

PICTURE = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
THINKING: dict[str, Any] = {"model": SONNET_45, "tools": [tool()], "reasoning_effort": "low"}


def first_turn(http: httpx.Client) -> dict[str, Any]:
    """The assistant's turn of a tool loop with thinking, as the gateway gave it."""
    message = message_of(whole(http, say("The weather in Paris? [[emulate: call=get_weather]]"), **THINKING))
    assert message["tool_calls"]
    return message


@pytest.mark.parametrize(
    "lane", [{"reasoning_details"}, {"extra_content"}, set()], ids=["reasoning_details", "extra_content", "stash"]
)
def test_second_turn_of_a_tool_loop_with_thinking_is_no_400(
    http: httpx.Client, emulator: Emulator, lane: set[str]
) -> None:
    message = first_turn(http)
    for call in message["tool_calls"]:
        if "extra_content" not in lane:
            call.pop("extra_content", None)
    if "reasoning_details" not in lane:
        message.pop("reasoning_details")
    message.pop("reasoning_content")
    results = [result(call["id"]) for call in message["tool_calls"]]
    response = post(http, say("The weather in Paris?"), message, *results, **THINKING)
    assert response.status_code == 200, response.text
    assert "thinking-off" not in repairs(response)
    turn = sent(emulator)[-1]["messages"][1]["content"]
    assert turn[0]["reasoningContent"]["reasoningText"]["signature"]
    assert "thinking" in sent(emulator)[-1]["additionalModelRequestFields"]


def test_thinking_that_cannot_be_replayed_is_off_for_that_turn_and_told(http: httpx.Client, emulator: Emulator) -> None:
    response = post(http, say(), called("foreign_1"), result("foreign_1"), **THINKING)
    assert (response.status_code, repairs(response)["thinking-off"]) == (200, 1)
    assert "thinking" not in sent(emulator)[-1].get("additionalModelRequestFields", {})


@pytest.mark.parametrize("arguments", ["", "  ", "null", '"{}"', '{"city": "Par', "[1]"])
def test_broken_tool_arguments_in_the_history_are_no_500(http: httpx.Client, arguments: str) -> None:
    history = [say(), called("c1", arguments=arguments), result("c1")]
    assert post(http, *history, tools=[tool()]).status_code == 200


def test_tool_history_without_tools_is_no_400(http: httpx.Client, emulator: Emulator) -> None:
    response = post(http, say(), called("c1"), result("c1"), say("Summarise."))
    assert (response.status_code, repairs(response)["tool-specs"]) == (200, 1)
    assert sent(emulator)[0]["toolConfig"]["tools"][0]["toolSpec"]["name"] == "get_weather"


def test_orphaned_tool_calls_after_an_abort_are_no_400(http: httpx.Client) -> None:
    response = post(http, say(), called("c1", "c2"), result("c2"), say("Go on."), tools=[tool()])
    assert (response.status_code, repairs(response)["orphan-call"]) == (200, 1)
    response = post(http, say(), result("gone"), say("Go on."), tools=[tool()])
    assert (response.status_code, repairs(response)["orphan-result"]) == (200, 1)


@pytest.mark.parametrize("call_id", ["x" * 90, "call|fc_1:2", "functions/get weather"])
def test_tool_ids_of_another_vendor_are_no_400(http: httpx.Client, call_id: str) -> None:
    response = post(http, say(), called(call_id), result(call_id), tools=[tool()])
    assert response.status_code == 200, response.text
    assert repairs(response)["tool-id"] >= 1


@pytest.mark.parametrize("name", ["mcp.server/read_file", "x" * 90])
def test_tool_names_with_dots_or_too_long_work_and_come_back(http: httpx.Client, name: str) -> None:
    response = post(http, say(), tools=[tool(name)], tool_choice="required")
    assert response.status_code == 200, response.text
    assert message_of(response.json())["tool_calls"][0]["function"]["name"] == name
    assert post(http, say(), called("c1", name="inv$nted"), result("c1"), tools=[tool(name)]).status_code == 200


@pytest.mark.parametrize(
    "parameters",
    [
        {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object"}]},
        {"properties": {"a": {"type": "string"}}},
        {"allOf": [{"properties": {"a": {"type": "string"}}}]},
        {"$ref": "#/$defs/x", "$defs": {"x": {"type": "object"}}},
        {},
    ],
)
def test_one_bad_mcp_tool_does_not_kill_every_request(http: httpx.Client, parameters: dict[str, Any]) -> None:
    assert post(http, say(), tools=[tool("bad", parameters), tool()], model=SONNET_45).status_code == 200


@pytest.mark.parametrize(
    "history",
    [
        [say(), say("", "assistant"), say("Next")],
        [say(), say(" \n", "assistant"), say("")],
        [say("")],
        [say("", "system"), say()],
        [say(), called("c1"), result("c1", "")],
        [say(), {"role": "assistant", "content": [{"type": "text", "text": " "}]}, say("x")],
    ],
)
def test_blank_text_anywhere_is_no_400(http: httpx.Client, history: list[dict[str, Any]]) -> None:
    assert post(http, *history, model=SONNET_45).status_code == 200


def test_assistant_message_prefill_is_no_400(http: httpx.Client, emulator: Emulator) -> None:
    history = [say(), say("The answer is", "assistant")]
    response = post(http, *history, model=OPUS_5)
    assert (response.status_code, repairs(response)["prefill"]) == (200, 1)
    assert post(http, *history, model=SONNET_45).status_code == 200
    assert sent(emulator)[-1]["messages"][-1]["role"] == "assistant", "a real prefill is kept where it is allowed"


@pytest.mark.parametrize(("model", "inside"), [(SONNET_45, True), (GPT, False)])
def test_a_screenshot_in_a_tool_result_is_no_400(
    http: httpx.Client, emulator: Emulator, model: str, inside: bool
) -> None:
    response = post(http, say(), called("c1"), result("c1", PICTURE), model=model, tools=[tool()])
    assert response.status_code == 200, response.text
    content = sent(emulator)[0]["messages"][-1]["content"]
    assert any("image" in block for block in content[0]["toolResult"]["content"]) is inside
    assert any("image" in block for block in content) is not inside


def test_a_screenshot_for_a_model_that_cannot_see_is_a_word(http: httpx.Client, emulator: Emulator) -> None:
    assert post(http, say(), called("c1"), result("c1", PICTURE), model=QWEN, tools=[tool()]).status_code == 200
    assert "image" not in sent(emulator)[0]["messages"][-1]["content"][0]["toolResult"]["content"][0]


@pytest.mark.parametrize(
    "history",
    [
        [say("Greetings, traveller.", "assistant"), say()],
        [say("You are a pirate.", "system")],
        [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, say()],
    ],
)
def test_assistant_first_and_system_only_chats_are_no_500(http: httpx.Client, history: list[dict[str, Any]]) -> None:
    assert post(http, *history).status_code == 200


@pytest.mark.parametrize("content", ["[1, 2]", "true", '"text"', '{"a": 1}'])
def test_tool_results_that_are_arrays_or_scalars_are_no_400(
    http: httpx.Client, emulator: Emulator, content: str
) -> None:
    assert post(http, say(), called("c1"), result("c1", content), tools=[tool()]).status_code == 200
    block = sent(emulator)[0]["messages"][-1]["content"][0]["toolResult"]
    assert block["content"] == [{"text": content}]


@pytest.mark.parametrize("model", [NOVA, LLAMA, SONNET_45])
def test_the_results_of_parallel_calls_go_back_in_one_turn(http: httpx.Client, emulator: Emulator, model: str) -> None:
    history = [say(), called("c1", "c2", "c3"), result("c3"), result("c1"), result("c2")]
    assert post(http, *history, model=model, tools=[tool()]).status_code == 200
    turns = sent(emulator)[0]["messages"]
    assert [block["toolUse"]["toolUseId"] for block in turns[1]["content"]] == ["c1", "c2", "c3"]
    results = [block["toolResult"]["toolUseId"] for block in turns[2]["content"] if "toolResult" in block]
    assert results == ["c1", "c2", "c3"]


def test_a_system_message_in_mid_conversation_does_not_change_the_cached_prefix(
    http: httpx.Client, emulator: Emulator
) -> None:
    start = [say("Be brief.", "system"), say("One"), say("Two", "assistant")]
    for more in ([say("Three")], [say("Reminder.", "system"), say("Three")]):
        whole(http, *start, *more, model=SONNET_45)
    before, after = sent(emulator)
    assert before["system"] == after["system"]
    assert before["messages"][1] == after["messages"][1]
    assert "<system-reminder>\nReminder." in after["messages"][2]["content"][0]["text"]


BAD_FILES = {
    "svg": "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=",
    "bmp": "data:image/bmp;base64,Qk0eAAAAAAAAABoAAAAMAAAAAQABAAEAGAAAAP8A",
    "tiff": "data:image/tiff;base64,SUkqAAgAAAAAAAAAAAAAAA==",
    "html": "data:image/png;base64,PCFkb2N0eXBlIGh0bWw+PGh0bWw+PC9odG1sPg==",
    "empty": "data:image/png;base64,",
    "broken base64": "data:image/png;base64,!!!",
    "malformed data URL": "data:image/png",
    "unreachable": "https://127.0.0.1/cat.png",
    "unknown scheme": "file://cat.png",
}


def bad_turns(surface: str, url: str) -> tuple[str, dict[str, Any], Any]:
    """The path, a body whose last user turn is that image, and a function that makes it older."""
    if surface == "messages":
        head, _, data = url.partition(";base64,")
        source = {"type": "base64", "media_type": head.removeprefix("data:"), "data": data}
        source = source if data or head != url else {"type": "url", "url": url}
        turn: Any = {
            "role": "user",
            "content": [{"type": "image", "source": source}, {"type": "text", "text": "This?"}],
        }
        return "/v1/messages", {"model": NOVA, "max_tokens": 50, "messages": [turn]}, "messages"
    if surface == "responses":
        image = {"type": "input_image", "image_url": url}
        turn = {"role": "user", "content": [image, {"type": "input_text", "text": "This?"}]}
        return "/v1/responses", {"model": NOVA, "input": [turn]}, "input"
    turn = {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "This?"}],
    }
    return "/v1/chat/completions", {"model": NOVA, "messages": [turn]}, "messages"


@pytest.mark.parametrize("surface", ["chat", "responses", "messages"])
@pytest.mark.parametrize("url", BAD_FILES.values(), ids=list(BAD_FILES))
def test_a_bad_image_in_an_older_turn_does_not_end_the_session(
    http: httpx.Client, emulator: Emulator, surface: str, url: str
) -> None:
    path, body, member = bad_turns(surface, url)
    assert http.post(path, json=body).status_code == 400
    body[member] += [say("It is a cat.", "assistant"), say("Thanks.")]
    response = http.post(path, json=body)
    assert response.status_code == 200, response.text
    assert repairs(response)["media-omitted"] == 1
    assert sent(emulator)[-1]["messages"][0]["content"][0]["text"].startswith("[image omitted: ")


def test_a_bad_image_in_a_tool_result_does_not_end_the_session(http: httpx.Client, emulator: Emulator) -> None:
    shown = [{"type": "image_url", "image_url": {"url": BAD_FILES["svg"]}}]
    response = post(http, say(), called("c"), result("c", shown), tools=[tool()], model=SONNET_45)
    assert response.status_code == 200, response.text
    assert repairs(response)["media-omitted"] == 1
    block = sent(emulator)[-1]["messages"][2]["content"][0]
    assert block["toolResult"]["content"][0]["text"].startswith("[image omitted: ")


def test_the_half_input_of_a_call_that_was_cut_off_does_not_end_the_session(
    http: httpx.Client, emulator: Emulator
) -> None:
    call = {"type": "tool_use", "id": "c", "name": "get_weather", "input": '{"city": "Par'}
    messages = [
        say(),
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "cut off"}]},
    ]
    tools = [{"name": "get_weather", "input_schema": {"type": "object"}}]
    body = {"model": NOVA, "max_tokens": 50, "messages": messages, "tools": tools}
    response = http.post("/v1/messages", json=body)
    assert response.status_code == 200, response.text
    assert repairs(response)["tool-arguments"] == 1
    assert sent(emulator)[-1]["messages"][1]["content"][0]["toolUse"]["input"] == {"_raw": '{"city": "Par'}
