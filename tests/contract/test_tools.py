"""Tools through the official SDK: every way to choose among them, calls in parallel, streams, and whole loops."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from app.upstreams.converse.property_names import aliases
from local.emulator import Emulator
from tests.contract.conftest import KEY, problem, sent
from tests.contract.words import CLAUDE, CLOCK, NOVA, PING, WEATHER, png, tool_result, user

PARIS = user("What is the weather in Paris?")
BOTH = user("Use the tools for Paris.")


@pytest.mark.parametrize("model", [NOVA, CLAUDE])
def test_a_loop_of_two_turns(client: OpenAI, emulator: Emulator, model: str) -> None:
    first = client.chat.completions.create(model=model, messages=[PARIS], tools=[WEATHER])
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    assert message.tool_calls
    (call,) = message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}

    history: list[Any] = [PARIS, message, tool_result(call.id, "18 degrees")]
    second = client.chat.completions.create(model=model, messages=history, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content == "The tool answered: 18 degrees"
    turns = sent(emulator)[1]["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]


def test_parallel_calls_and_their_results(client: OpenAI) -> None:
    first = client.chat.completions.create(model=CLAUDE, messages=[BOTH], tools=[WEATHER, CLOCK])
    calls = first.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2
    results = [tool_result(call.id, f"result {place}") for place, call in enumerate(calls)]
    history: list[Any] = [BOTH, first.choices[0].message, *reversed(results)]
    second = client.chat.completions.create(model=CLAUDE, messages=history, tools=[WEATHER, CLOCK])
    assert second.choices[0].message.content in (
        "The tool answered: result 0; result 1",
        "The tool answered: result 1; result 0",
    )


def test_parallel_calls_can_be_switched_off(client: OpenAI) -> None:
    for model in (CLAUDE, NOVA):
        reply = client.chat.completions.create(
            model=model, messages=[BOTH], tools=[WEATHER, CLOCK], parallel_tool_calls=False
        )
        assert len(reply.choices[0].message.tool_calls or []) == 1


def test_streamed_calls_have_dense_indexes_and_say_id_and_name_once(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model=CLAUDE, messages=[BOTH], tools=[WEATHER, CLOCK, PING], stream=True)
    )
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert [call.index for call in deltas] == sorted(call.index for call in deltas)
    assert {call.index for call in deltas} == {0, 1, 2}
    for index, name in enumerate(["get_weather", "get_time", "ping_server"]):
        first, *rest = [call for call in deltas if call.index == index]
        assert first.id
        assert first.type == "function"
        assert first.function
        assert first.function.name == name
        assert all(call.id is None and call.type is None for call in rest)
        assert all(call.function and call.function.name is None for call in rest)
        arguments = "".join(call.function.arguments or "" for call in (first, *rest) if call.function)
        assert json.loads(arguments) == ({} if name == "ping_server" else {"city": "Paris"})
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_stream_helper_gathers_calls(client: OpenAI) -> None:
    with client.chat.completions.stream(model=CLAUDE, messages=[BOTH], tools=[WEATHER, CLOCK]) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    assert [(event.index, event.name, event.arguments) for event in done] == [
        (0, "get_weather", '{"city": "Paris"}'),
        (1, "get_time", '{"city": "Paris"}'),
    ]
    message = final.choices[0].message
    assert message.tool_calls
    results = [tool_result(call.id, "fine") for call in message.tool_calls]
    history: list[Any] = [BOTH, message.model_dump(exclude_none=True), *results]
    second = client.chat.completions.create(model=CLAUDE, messages=history, tools=[WEATHER, CLOCK])
    assert second.choices[0].message.content == "The tool answered: fine; fine"


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_without_parameters_gets_an_empty_object(client: OpenAI, stream: bool) -> None:
    asked: Any = {"model": NOVA, "messages": [user("ping_server")], "tools": [PING]}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            message: Any = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(**asked).choices[0].message
    (call,) = message.tool_calls
    assert call.function.arguments == "{}"
    history: Any = [*asked["messages"], message, tool_result(call.id, "")]
    reply = client.chat.completions.create(model=NOVA, messages=history, tools=[PING])
    assert reply.choices[0].finish_reason == "stop"


CHOICES: list[tuple[Any, list[str]]] = [
    ("auto", []),
    ("none", []),
    ("required", ["get_weather"]),
    ("any", ["get_weather"]),
    ({"type": "function", "function": {"name": "get_time"}}, ["get_time"]),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "get_time"}}]}},
        ["get_time"],
    ),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "function", "function": {"name": "get_time"}}]}},
        [],
    ),
]  # fmt: skip


@pytest.mark.parametrize("model", [NOVA, CLAUDE, "us.anthropic.claude-opus-5-5", "qwen.qwen3-235b-a22b-2507-v1:0"])
@pytest.mark.parametrize(("choice", "called"), CHOICES)
def test_tool_choice(client: OpenAI, emulator: Emulator, model: str, choice: Any, called: list[str]) -> None:
    """The last two models take no forced choice: there the gateway asks in words, which this emulator does not follow."""
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[user("Hello there")], tools=[WEATHER, CLOCK], tool_choice=choice
    )
    reply = raw.parse()
    calls = [call.function.name for call in reply.choices[0].message.tool_calls or [] if call.type == "function"]
    if called and model not in (NOVA, CLAUDE):
        assert "tool-choice-told" in raw.headers["x-gateway-repairs"]
    else:
        assert calls == called
        assert reply.choices[0].finish_reason == ("tool_calls" if called else "stop")
    assert emulator.requests[-1].status == 200


def test_no_tool_is_called_with_none_after_tools_were_used(client: OpenAI) -> None:
    first = client.chat.completions.create(model=CLAUDE, messages=[PARIS], tools=[WEATHER])
    calls = first.choices[0].message.tool_calls
    assert calls
    history: list[Any] = [PARIS, first.choices[0].message, tool_result(calls[0].id, "18"), PARIS]
    reply = client.chat.completions.create(model=CLAUDE, messages=history, tools=[WEATHER], tool_choice="none")
    assert reply.choices[0].message.tool_calls is None
    assert reply.choices[0].finish_reason == "stop"
    assert reply.choices[0].message.content


def test_a_history_of_tools_without_tools(client: OpenAI) -> None:
    first = client.chat.completions.create(model=CLAUDE, messages=[PARIS], tools=[WEATHER])
    calls = first.choices[0].message.tool_calls
    assert calls
    history: list[Any] = [PARIS, first.choices[0].message, tool_result(calls[0].id, "18 degrees")]
    raw = client.chat.completions.with_raw_response.create(model=CLAUDE, messages=history)
    assert raw.parse().choices[0].message.content == "The tool answered: 18 degrees"
    assert raw.headers["x-gateway-repairs"]


def test_a_choice_that_names_no_tool_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(
            model=NOVA,
            messages=[PARIS],
            tools=[WEATHER],
            tool_choice={"type": "function", "function": {"name": "missing"}},
        )
    assert problem(raised.value) == ("invalid_request_error", "invalid_value", "tool_choice")


class GetWeather(BaseModel):
    """The weather in a city."""

    city: str


@pytest.mark.parametrize("model", [NOVA, CLAUDE])
def test_parse_reads_arguments_into_a_model(client: OpenAI, model: str) -> None:
    tool = openai.pydantic_function_tool(GetWeather, name="get_weather")
    reply = client.chat.completions.parse(model=model, messages=[PARIS], tools=[tool])
    (call,) = reply.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments == GetWeather(city="Paris")


def test_a_custom_tool_takes_text(client: OpenAI) -> None:
    tool: Any = {"type": "custom", "custom": {"name": "run_code", "description": "Runs code."}}
    question = user("[[emulate: call=run_code]] input: print(1)")
    first = client.chat.completions.create(model=CLAUDE, messages=[question], tools=[tool])
    (call,) = first.choices[0].message.tool_calls or []
    assert call.type == "custom"
    assert (call.custom.name, call.custom.input) == ("run_code", "print(1)")
    history: list[Any] = [question, first.choices[0].message, tool_result(call.id, "1")]
    second = client.chat.completions.create(model=CLAUDE, messages=history, tools=[tool])
    assert second.choices[0].message.content == "The tool answered: 1"


@pytest.mark.parametrize("stream", [False, True])
def test_legacy_functions(client: OpenAI, stream: bool) -> None:
    asked: Any = {"model": NOVA, "messages": [PARIS], "functions": [WEATHER["function"]]}
    if stream:
        chunks = list(client.chat.completions.create(**asked, stream=True))
        calls = [chunk.choices[0].delta.function_call for chunk in chunks if chunk.choices[0].delta.function_call]
        name = "".join(call.name or "" for call in calls)
        arguments, reason = "".join(call.arguments or "" for call in calls), chunks[-1].choices[0].finish_reason
    else:
        choice = client.chat.completions.create(**asked).choices[0]
        assert choice.message.function_call
        name, arguments = choice.message.function_call.name, choice.message.function_call.arguments
        reason = choice.finish_reason
    assert (name, json.loads(arguments), reason) == ("get_weather", {"city": "Paris"}, "function_call")
    history = [PARIS, {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": arguments}},
               {"role": "function", "name": name, "content": "18 degrees"}]  # fmt: skip
    reply = client.chat.completions.create(**asked | {"messages": history})
    assert reply.choices[0].message.content == "The tool answered: 18 degrees"


@pytest.mark.parametrize("arguments", ["", "{}", "null", "{'city': 'Paris'}", '{"city": "Par', "not json"])
def test_broken_arguments_in_the_history_are_taken(client: OpenAI, emulator: Emulator, arguments: str) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    history: list[Any] = [PARIS, {"role": "assistant", "tool_calls": [call]}, tool_result("call_1", "18")]
    reply = client.chat.completions.create(model=CLAUDE, messages=history, tools=[WEATHER])
    assert reply.choices[0].message.content == "The tool answered: 18"
    blocks = [block for turn in sent(emulator)[0]["messages"] for block in turn["content"]]
    (use,) = [block["toolUse"] for block in blocks if "toolUse" in block]
    assert isinstance(use["input"], dict)
    assert use["toolUseId"] == "call_1"


CALLED: Any = {
    "/v1/chat/completions": [
        PARIS,
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f"}}]},
        tool_result("c1", "one"),
        tool_result("c1", "two"),
    ],
    "/v1/responses": [
        PARIS,
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c1", "output": "two"},
    ],
    "/v1/messages": [
        PARIS,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "c1", "content": text} for text in ("one", "two")],
        },
    ],
}


@pytest.mark.parametrize("path", CALLED)
def test_several_results_for_one_call_all_reach_the_model(http: httpx.Client, emulator: Emulator, path: str) -> None:
    member = "input" if path == "/v1/responses" else "messages"
    body = {"model": CLAUDE, member: CALLED[path], "max_tokens": 50}
    if path == "/v1/responses":
        body["max_output_tokens"] = body.pop("max_tokens")
    answer = http.post(path, json=body, headers={"authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200, answer.text
    assert "merged-result=1" in answer.headers["x-gateway-repairs"]
    (result,) = [block for block in sent(emulator)[-1]["messages"][-1]["content"] if "toolResult" in block]
    assert [part["text"] for part in result["toolResult"]["content"]] == ["one", "two"]


def test_an_agent_that_sends_blocks_of_messages_on_chat_has_a_second_turn(client: OpenAI, emulator: Emulator) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    history: Any = [
        {"role": "user", "content": [{"type": "text", "text": "Look."}, {"type": "image", "source": source}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Paris"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "18 degrees"}]},
    ]
    tool: Any = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    reply = client.chat.completions.create(model=CLAUDE, messages=history, tools=[tool])
    assert reply.choices[0].message.content == "The tool answered: 18 degrees"
    turns = sent(emulator)[-1]["messages"]
    assert "image" in turns[0]["content"][1]
    assert turns[1]["content"][0]["toolUse"]["input"] == {"city": "Paris"}


ODD: dict[str, Any] = {
    "type": "object",
    "properties": {"filter[id]": {"type": "string"}, "$top": {"type": "integer"}},
    "required": ["filter[id]", "$top"],
}
ODD_CALL = '[[emulate: call=find {"%s": "7", "%s": 3}]]'


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("surface", ["chat", "responses", "messages"])
def test_arguments_with_names_that_bedrock_refuses_come_back_under_them(
    http: httpx.Client, emulator: Emulator, surface: str, stream: bool
) -> None:
    names = aliases(ODD["properties"])
    said = ODD_CALL % tuple(names.values())
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "chat": ("/v1/chat/completions", {"messages": [user(said)], "tools": [{"type": "function", "function": {
            "name": "find", "parameters": ODD}}]}),
        "responses": ("/v1/responses", {"input": said, "tools": [{"type": "function", "name": "find",
            "parameters": ODD}]}),
        "messages": ("/v1/messages", {"max_tokens": 200, "messages": [user(said)], "tools": [{"name": "find",
            "input_schema": ODD}]}),
    }  # fmt: skip
    path, body = asked[surface]
    request: dict[str, Any] = {"model": CLAUDE, "stream": stream, **body}
    reply = http.post(path, json=request, headers={"x-api-key": KEY})
    assert reply.status_code == 200, reply.text
    assert "property-name" in reply.headers["x-gateway-repairs"]
    schema = sent(emulator)[-1]["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]
    assert list(schema["properties"]) == schema["required"] == [*names.values()]
    text = reply.text.replace("\\", "")
    assert "filter[id]" in text
    assert not any(alias in text for alias in names.values())
