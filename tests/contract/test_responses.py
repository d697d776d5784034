"""`/responses` through the official SDK: whole, streamed, parsed, and as Codex and the Agents SDK go about it.

`asked` sends each request both ways: what the SDK gathers from the stream has to be the whole answer.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from openai import APIError, AsyncOpenAI, OpenAI
from pydantic import BaseModel

from app.api.responses.sealed import Unsealer
from app.core.prompt import Reasoning
from app.core.reasoning_origin import split_mark
from local.emulator import Emulator
from tests.contract.conftest import KEY, problem, sent, serving
from tests.contract.words import CLAUDE, DEEPSEEK, GPT, NOVA, PDF, data_url, png
from tests.unit.api.responses.bodies import AGENTS, CODEX_FIRST, EXEC, GRAMMAR, PATCH, WEATHER, events_of

NOVA_2 = "us.amazon.nova-2-lite-v1:0"
PARIS = "What is the weather in Paris?"
THOUGHT = 'The user says "What is the weather in Paris?". I will answer that briefly.'
CLOCK: Any = WEATHER | {"name": "get_time", "description": "The time in a city."}
SEALED: Any = ["reasoning.encrypted_content"]
STREAM = pytest.mark.parametrize("stream", [False, True])


def ask(client: OpenAI, stream: bool, **fields: Any) -> Any:
    """The response, as the SDK gives it or gathers it; one that ends incomplete, as the last event has it."""
    if not stream:
        return client.responses.create(**fields)
    with client.responses.stream(**fields) as events:
        last: Any = list(events)[-1]
    return last.response


def comparable(response: Any) -> dict[str, Any]:
    """Without what is new each time."""
    body: dict[str, Any] = json.loads(response.model_dump_json(exclude={"id", "created_at", "completed_at"}))
    for item in body["output"]:
        for name in ("id", "call_id", "encrypted_content", "parsed_arguments"):
            item.pop(name, None)
        for part in item.get("content") or ():
            part.pop("parsed", None)
            if part.get("text", "").startswith("{"):
                part["text"] = json.loads(part["text"])
        if item["type"] == "function_call":
            item["arguments"] = json.loads(item["arguments"])  # a whole reply holds an object, a stream its text
    return body


def items(history: Any, response: Any) -> list[Any]:
    return [*history, *(item.model_dump(exclude_none=True) for item in response.output)]


def user(text: str) -> Any:
    return {"role": "user", "content": text}


CASES: dict[str, dict[str, Any]] = {
    "text": {"input": "Hello"},
    "instructions": {"input": "Hello", "instructions": "Be kind.", "text": {"verbosity": "low"}},
    "a tool": {"input": PARIS, "tools": [WEATHER]},
    "tools in parallel": {"input": "Use the tools for Paris.", "tools": [WEATHER, CLOCK]},
    "a freeform tool": {"input": "Use apply_patch", "tools": [PATCH], "tool_choice": "required"},
    "a namespaced tool": {"input": "Use close_agent", "tools": [AGENTS], "tool_choice": "required"},
    "a search": {"input": "Use tool_search", "tools": [{"type": "tool_search", "execution": "client", "parameters": {
        "type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}}],
        "tool_choice": "required"},
    "thinking": {"input": PARIS, "reasoning": {"effort": "low", "summary": "auto"}},
    "thinking as it is": {"input": PARIS, "reasoning": {"effort": "low"}},
    "thinking, then a tool": {"input": PARIS, "tools": [WEATHER], "reasoning": {"effort": "low"}, "include": SEALED},
    "redacted": {"input": "Hello [[emulate: think redacted]]", "reasoning": {"effort": "low"}, "include": SEALED},
    "citations": {"input": "Hello [[emulate: citations]]"},
    "a filter": {"input": "Hello [[emulate: finish=content_filtered]]"},
    "a schema": {"input": "Paris", "text": {"format": {"type": "json_schema", "name": "city", "strict": True,
        "schema": WEATHER["parameters"] | {"additionalProperties": False}}}},
    "json": {"input": "Answer with a JSON object", "text": {"format": {"type": "json_object"}}},
    "a limit": {"input": "Hello, say something long", "max_output_tokens": 3},
    "an unknown event": {"input": "Hello [[emulate: unknown-event]]"},
}  # fmt: skip


@pytest.mark.parametrize("model", [CLAUDE, NOVA, DEEPSEEK])
@pytest.mark.parametrize("case", CASES)
def test_a_stream_is_the_whole_answer(client: OpenAI, model: str, case: str) -> None:
    asked = CASES[case] | {"model": model, "store": False}
    whole, streamed = ask(client, False, **asked), ask(client, True, **asked)
    assert comparable(streamed) == comparable(whole)
    if case == "a limit":
        assert whole.incomplete_details.reason == "max_output_tokens"
    elif case == "a filter":
        assert whole.incomplete_details.reason == "content_filter"
    else:
        assert whole.status == "completed"
        assert whole.output


def test_a_text_has_its_places(client: OpenAI) -> None:
    response = client.responses.create(model=CLAUDE, input="Hello")
    assert response.output_text == "You said: Hello"
    assert response.id.startswith("resp_")
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


async def test_the_async_client_streams(async_client: AsyncOpenAI) -> None:
    stream = await async_client.responses.create(model=CLAUDE, input="Hello", stream=True)
    kinds = [event.type async for event in stream]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


def test_headers_tell_what_was_done(client: OpenAI) -> None:
    raw = client.responses.with_raw_response.create(
        model=CLAUDE, input="Hello", max_tool_calls=3, tools=[{"type": "image_generation"}], tool_choice="auto"
    )
    assert raw.headers["x-gateway-ignored"] == "image_generation,max_tool_calls"
    assert raw.headers["x-gateway-model"] == CLAUDE
    assert raw.parse().output_text == "You said: Hello"


def test_the_wire_is_openais(http: httpx.Client) -> None:
    body = {"model": CLAUDE, "input": "Hello", "stream": True}
    response = http.post("/v1/responses", json=body, headers={"authorization": f"Bearer {KEY}"})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.content.endswith(b"\n\ndata: [DONE]\n\n")
    events = events_of(response.content)
    assert [event["type"] for event in events][:2] == ["response.created", "response.in_progress"]


class City(BaseModel):
    city: str


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_an_answer_is_parsed(client: OpenAI, model: str) -> None:
    response = client.responses.parse(model=model, input="The city is Paris", text_format=City)
    assert response.output_parsed == City(city="Paris")
    with client.responses.stream(model=model, input="The city is Paris", text_format=City) as events:
        assert events.get_final_response().output_parsed == City(city="Paris")


def test_a_loop_of_two_turns_by_the_agents_sdk(client: OpenAI, emulator: Emulator) -> None:
    history: list[Any] = [user(PARIS)]
    first = client.responses.create(model=CLAUDE, input=history, tools=[WEATHER], include=[])
    (call,) = first.output
    assert call.type == "function_call"
    history = [
        *items(history, first),
        {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"},
    ]
    second = client.responses.create(model=CLAUDE, input=history, tools=[WEATHER])
    assert second.output_text == "The tool answered: 18 degrees"
    assert [turn["role"] for turn in sent(emulator)[1]["messages"]] == ["user", "assistant", "user"]


def test_parallel_calls_can_be_switched_off(client: OpenAI) -> None:
    response = client.responses.create(
        model=CLAUDE, input="Use the tools for Paris.", tools=[WEATHER, CLOCK], parallel_tool_calls=False
    )
    assert len(response.output) == 1


@STREAM
def test_a_freeform_tool_round_trips(client: OpenAI, emulator: Emulator, stream: bool) -> None:
    asked: Any = {"model": CLAUDE, "tools": [PATCH]}
    history: list[Any] = [user('Use apply_patch with input "*** Begin Patch"')]
    first = ask(client, stream, input=history, tool_choice={"type": "custom", "name": "apply_patch"}, **asked)
    (call,) = first.output
    assert (call.type, call.name) == ("custom_tool_call", "apply_patch")
    spec = sent(emulator)[-1]["toolConfig"]["tools"][0]["toolSpec"]
    assert GRAMMAR in spec["description"]
    history = [*items(history, first), {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Done."}]
    assert ask(client, stream, input=history, **asked).output_text == "The tool answered: Done."
    block = sent(emulator)[-1]["messages"][1]["content"][0]["toolUse"]
    assert block["input"] == {"input": call.input}


def test_a_freeform_tools_input_grows(client: OpenAI, emulator: Emulator) -> None:
    """Not only once it is whole: a patch may take a minute to write."""
    fragments = ['{"inp', 'ut": "*** Beg', "in Patch\\n+h\\u00e9", 'llo\\n*** End"', "}"]
    use = {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "apply_patch"}}}
    events: list[dict[str, Any]] = [
        {"type": "messageStart", "payload": {"role": "assistant"}},
        {"type": "contentBlockStart", "payload": use},
        *({"type": "contentBlockDelta", "payload": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": text}}}}
          for text in fragments),
        {"type": "contentBlockStop", "payload": {"contentBlockIndex": 0}},
        {"type": "messageStop", "payload": {"stopReason": "tool_use"}},
        {"type": "metadata", "payload": {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}},
    ]  # fmt: skip
    emulator.script({"operation": "ConverseStream", "events": events})
    stream = client.responses.create(model=CLAUDE, input="Patch it.", tools=[PATCH], stream=True)
    told = [event for event in stream if event.type.startswith("response.custom_tool_call_input")]
    deltas = [event.delta for event in told if event.type == "response.custom_tool_call_input.delta"]
    assert deltas == ["*** Beg", "in Patch\n+h\u00e9", "llo\n*** End"]
    assert told[-1].input == "".join(deltas)  # type: ignore[union-attr]


@STREAM
def test_signed_thoughts_return_byte_for_byte(client: OpenAI, emulator: Emulator, stream: bool) -> None:
    asked: Any = {"model": CLAUDE, "tools": [WEATHER], "reasoning": {"effort": "medium", "summary": "auto"},
                  "include": SEALED, "store": False}  # fmt: skip
    history: list[Any] = [user(PARIS)]
    first = ask(client, stream, input=history, **asked)
    thought, call = first.output
    assert thought.summary[0].text == THOUGHT
    blocks = Unsealer().thoughts(thought.encrypted_content)
    assert blocks
    (block,) = blocks
    assert (block.text, bool(block.signature)) == (THOUGHT, True)
    kept = {"type": "reasoning", "id": thought.id, "content": None, "encrypted_content": thought.encrypted_content,
            "summary": [part.model_dump() for part in thought.summary]}  # fmt: skip
    said = call.model_dump(exclude_none=True, exclude={"parsed_arguments"})
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"}
    with serving(emulator.url) as other, OpenAI(base_url=f"{other}/v1", api_key=KEY, max_retries=0) as elsewhere:
        second = ask(elsewhere, stream, input=[*history, kept, said, output], **asked)  # which stashed nothing
    assert second.output_text == "The tool answered: 18 degrees"
    (sent_block,) = [
        part["reasoningContent"]["reasoningText"]
        for turn in sent(emulator)[-1]["messages"]
        for part in turn["content"]
        if "reasoningContent" in part
    ]
    assert ("claude", sent_block["signature"]) == split_mark(block.signature)
    assert sent_block["text"] == block.text


@pytest.mark.parametrize("model", [CLAUDE, GPT])
def test_redacted_thoughts_return_too(client: OpenAI, emulator: Emulator, model: str) -> None:
    asked: Any = {"model": model, "tools": [WEATHER], "reasoning": {"effort": "medium"}, "include": SEALED}
    history: list[Any] = [user(f"{PARIS} [[emulate: think redacted]]")]
    first = client.responses.create(input=history, **asked)
    thought, call = first.output
    assert (thought.type, call.type) == ("reasoning", "function_call")
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "18"}
    with serving(emulator.url) as other, OpenAI(base_url=f"{other}/v1", api_key=KEY, max_retries=0) as elsewhere:
        elsewhere.responses.create(input=[*items(history, first), output], **asked)
    blocks = [part for turn in sent(emulator)[-1]["messages"] for part in turn["content"] if "reasoningContent" in part]
    (block,) = Unsealer().thoughts(thought.encrypted_content) or [Reasoning()]
    assert blocks == [{"reasoningContent": {"redactedContent": split_mark(block.redacted)[1]}}]


@pytest.mark.parametrize("model", [CLAUDE, NOVA, DEEPSEEK])
def test_reasoning_of_another_provider_is_no_failure(client: OpenAI, model: str) -> None:
    foreign: Any = {"type": "reasoning", "id": "rs_x", "summary": [], "content": None, "encrypted_content": "gAAAAABm"}
    raw = client.responses.with_raw_response.create(model=model, input=[user("Hi"), foreign, user("Hello")])
    assert raw.headers["x-gateway-repairs"].startswith("foreign-reasoning=1")
    assert raw.parse().status == "completed"


def test_codex_goes_on_after_a_command(client: OpenAI, emulator: Emulator) -> None:
    """As `codex exec` does it: streamed, nothing stored, everything sent back with ids of its own."""
    first = ask(client, True, **_spoken(CODEX_FIRST, "[[emulate: call=exec_command]]"))
    *thoughts, call = first.output
    assert thoughts[0].encrypted_content.startswith("gw1.")
    assert (call.type, call.name) == ("function_call", "exec_command")
    history = _codex_kept(first) | {"output": {"type": "function_call_output", "id": "fco_1", "call_id": call.call_id,
                                               "output": "a.py"}}  # fmt: skip
    body = _spoken(CODEX_FIRST, "[[emulate: call=exec_command]]")
    body["input"] = [*body["input"], *history["items"], history["output"]]
    second = ask(client, True, **body)
    assert second.output_text == "The tool answered: a.py"
    system = [block["text"] for block in sent(emulator)[-1]["system"] if "text" in block]
    assert system[-2:] == ["You are Codex.", "<permissions>"]
    names = [tool["toolSpec"]["name"] for tool in sent(emulator)[-1]["toolConfig"]["tools"] if "toolSpec" in tool]
    assert names == ["exec_command", "multi_agent_v1__close_agent", "multi_agent_v1__spawn_agent", "apply_patch"]


def _spoken(body: dict[str, Any], text: str) -> dict[str, Any]:
    *before, _ = body["input"]
    content = [{"type": "input_text", "text": text}]
    asked = body | {"input": [*before, {"type": "message", "id": "msg_9", "role": "user", "content": content}]}
    extra = {"client_metadata": asked.pop("client_metadata")}
    asked.pop("stream")
    return asked | {"extra_body": extra}


def _codex_kept(response: Any) -> dict[str, Any]:
    kept = []
    for item in response.output:
        body = item.model_dump(exclude={"status", "parsed_arguments"})
        if item.type == "reasoning":
            body = {"type": "reasoning", "id": item.id, "summary": body["summary"], "content": None,
                    "encrypted_content": item.encrypted_content}  # fmt: skip
        kept.append(body)
    return {"items": kept}


def test_pictures_and_files_are_read(client: OpenAI) -> None:
    content: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": data_url(png(), "image/png"), "detail": "high"},
        {"type": "input_file", "filename": "paper.pdf", "file_data": data_url(PDF, "application/pdf")},
    ]
    said = client.responses.create(model=CLAUDE, input=[{"role": "user", "content": content}]).output_text
    assert "png" in said
    assert "paper" in said


def test_a_tool_may_answer_with_a_picture(client: OpenAI, emulator: Emulator) -> None:
    output: Any = [{"type": "input_image", "image_url": data_url(png(), "image/png"), "detail": "auto"}]
    history: Any = [
        user("Look."),
        {"type": "function_call", "call_id": "c1", "name": "view_image", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": output},
    ]
    tool = WEATHER | {"name": "view_image"}
    assert client.responses.create(model=CLAUDE, input=history, tools=[tool]).status == "completed"
    result = sent(emulator)[-1]["messages"][-1]["content"][0]["toolResult"]
    assert "image" in result["content"][0]


def test_the_web_is_searched_where_the_model_can(client: OpenAI, emulator: Emulator) -> None:
    asked: Any = {"input": "Hello", "tools": [{"type": "web_search"}]}
    raw = client.responses.with_raw_response.create(model=CLAUDE, **asked)
    assert raw.headers["x-gateway-ignored"] == "web_search"
    raw = client.responses.with_raw_response.create(model=NOVA_2, **asked)
    assert "x-gateway-ignored" not in raw.headers
    assert sent(emulator)[-1]["toolConfig"]["tools"] == [{"systemTool": {"name": "nova_grounding"}}]


def test_a_cache_key_writes_the_prefix(client: OpenAI) -> None:
    asked: Any = {"model": CLAUDE, "instructions": "Long. " * 3000, "input": "Hello", "prompt_cache_key": "thread"}
    first, second = client.responses.create(**asked), client.responses.create(**asked)
    assert first.usage is not None
    assert second.usage is not None
    assert first.usage.input_tokens_details.cache_write_tokens > 0
    assert second.usage.input_tokens_details.cached_tokens > 0


def failed(http: httpx.Client, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last two events of a stream that breaks off, of which the SDK shows none: it raises at the first."""
    body = {"model": CLAUDE, "input": text, "stream": True}
    reply = http.post("/v1/responses", json=body, headers={"Authorization": f"Bearer {KEY}"})
    *_, error, last, end = [frame for frame in reply.text.split("\n\n") if frame]
    assert end == "data: [DONE]"
    assert error.startswith("event: error\ndata: ")
    assert last.startswith("event: response.failed\ndata: ")
    return json.loads(error.partition("data: ")[2]), json.loads(last.partition("data: ")[2])


@pytest.mark.parametrize("marker", ["cut after=2", "bad-crc after=2", "no-stop", "error-frame=SomeCode after=2"])
def test_a_stream_that_breaks_off_has_failed(http: httpx.Client, marker: str) -> None:
    error, last = failed(http, f"Hello, how are you today? [[emulate: {marker}]]")
    assert error["sequence_number"] == last["sequence_number"] - 1
    told = error["error"]
    assert told.keys() == {"type", "code", "message", "param"}
    assert {name: error[name] for name in ("code", "message", "param")} == {
        name: told[name] for name in ("code", "message", "param")
    }
    assert last["response"]["error"] == {"code": "server_error", "message": told["message"]}
    assert last["response"]["output"][0]["status"] == "incomplete"
    assert last["response"]["usage"] is None


def test_throttling_in_mid_stream_is_told_as_such(http: httpx.Client) -> None:
    error, last = failed(http, "Hello, how are you? [[emulate: throttle after=2]]")
    assert error["error"]["type"] == "rate_limit_error"
    assert last["response"]["error"]["code"] == "rate_limit_exceeded"


def test_half_an_answer_is_not_taken_for_a_success(client: OpenAI) -> None:
    """The SDK raises, as its users and the frameworks on it expect of a stream that broke."""
    seen: list[str] = []
    with (
        pytest.raises(APIError) as raised,
        client.responses.stream(model=CLAUDE, input="Hello, how are you? [[emulate: throttle after=2]]") as events,
    ):
        seen.extend(event.type for event in events)
    assert "response.output_text.delta" in seen
    assert (raised.value.type, raised.value.code) == ("rate_limit_error", "rate_limit_exceeded")


@STREAM
def test_an_early_failure_is_an_http_error(client: OpenAI, stream: bool) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client, stream, model=CLAUDE, input="Hello [[emulate: throttle]]")
    assert caught.value.code == "rate_limit_exceeded"
    with pytest.raises(openai.BadRequestError) as overflow:
        ask(client, stream, model=CLAUDE, input="Hello [[emulate: context-overflow]]")
    assert overflow.value.code == "context_length_exceeded"


def test_a_model_that_is_throttled_once_answers_all_the_same(emulator: Emulator) -> None:
    with serving(emulator.url) as url, OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=2) as client:
        response = client.responses.create(model=CLAUDE, input="Hello [[emulate: fail-once=ThrottlingException]]")
    assert response.output_text


def test_long_silence_does_not_drop_the_connection(emulator: Emulator) -> None:
    body = {"model": CLAUDE, "input": "Hello [[emulate: stall=0.3 after=1]] you", "stream": True}
    with serving(emulator.url, ping_interval=0.05) as url, httpx.Client(base_url=url, timeout=20) as http:
        text = http.post("/v1/responses", json=body, headers={"authorization": f"Bearer {KEY}"}).text
        with OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
            assert ask(client, True, model=CLAUDE, input=body["input"]).status == "completed"
    assert "\n\n: ping\n\n" in text
    assert text.endswith("data: [DONE]\n\n")


def test_truncation_cuts_the_older_half(client: OpenAI, emulator: Emulator) -> None:
    history: list[Any] = [
        user("[[emulate: context-overflow]] One"),
        {"role": "assistant", "content": "Two"},
        user("Three"),
    ]
    too_long = {"status": 400, "headers": {"x-amzn-ErrorType": "ValidationException"},
                "body": {"message": "Input is too long for requested model."}}  # fmt: skip
    emulator.script(too_long)
    raw = client.responses.with_raw_response.create(model=CLAUDE, input=history[1:] + history[2:], truncation="auto")
    assert raw.parse().status == "completed"
    assert raw.parse().truncation == "auto"
    assert "truncated=" in raw.headers["x-gateway-repairs"]
    emulator.script(too_long)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=CLAUDE, input=history[2:], truncation="auto")


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": [{"type": "thought"}]}, "input.0.type", "invalid_value"),
        ({"input": [{"id": "msg_unknown", "type": "item_reference"}]}, "input.0.id", "item_not_found"),
        ({"input": "a", "tools": [{"type": "teleport"}]}, "tools.0.type", "invalid_value"),
        ({"input": "a", "max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
        ({"input": 7}, "input", "invalid_type"),
        ({}, "input", "missing_required_parameter"),
    ],
)
def test_what_is_wrong_is_named(client: OpenAI, fields: Any, param: str, code: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(model=CLAUDE, **fields)
    assert problem(caught.value) == ("invalid_request_error", code, param)


def test_orphans_are_mended_and_told(client: OpenAI) -> None:
    history: Any = [
        user("Hi"),
        {"type": "function_call_output", "call_id": "lost", "output": "18"},
        {"type": "function_call", "call_id": "x" * 300, "name": "exec_command", "arguments": "{"},
        user("Go on."),
    ]
    raw = client.responses.with_raw_response.create(model=CLAUDE, input=history, tools=[EXEC])
    assert raw.parse().status == "completed"
    assert {"orphan-result", "orphan-call", "tool-id"} <= {
        each.split("=")[0] for each in raw.headers["x-gateway-repairs"].split(",")
    }


def test_a_stranger_gets_nothing(http: httpx.Client) -> None:
    response = http.post("/v1/responses", json={"model": CLAUDE, "input": "Hello"})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"
