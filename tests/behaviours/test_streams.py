"""Streams as clients rely on them, and streams that fail honestly."""

from __future__ import annotations

import json
import time

import httpx
import openai
import pytest
from openai import OpenAI

from local.emulator import Emulator
from tests.behaviours.asking import (
    LLAMA,
    NOVA,
    SONNET_45,
    chunks,
    deltas,
    frames,
    message_of,
    post,
    problem,
    say,
    tool,
    whole,
)
from tests.contract.conftest import serving

BOTH = [tool(), tool("get_time")]
USE_BOTH = say("Use get_weather and get_time")


@pytest.mark.parametrize("model", [NOVA, SONNET_45, LLAMA])
def test_streamed_tool_call_index_starts_at_zero(http: httpx.Client, model: str) -> None:
    response = post(http, say("Let me see. Use get_weather"), tools=[tool()], model=model, stream=True)
    calls = [call for delta in deltas(response) for call in delta.get("tool_calls", ())]
    assert calls
    assert {call["index"] for call in calls} == {0}
    assert {choice["index"] for chunk in chunks(response) for choice in chunk["choices"]} == {0}


@pytest.mark.parametrize("model", [NOVA, SONNET_45, LLAMA])
def test_parallel_tool_calls_are_neither_lost_nor_merged(http: httpx.Client, model: str) -> None:
    response = post(http, USE_BOTH, tools=BOTH, model=model, stream=True)
    arguments: dict[int, str] = {}
    heads = []
    for call in (call for delta in deltas(response) for call in delta.get("tool_calls", ())):
        arguments[call["index"]] = arguments.get(call["index"], "") + call["function"]["arguments"]
        heads += [(call["index"], call["function"]["name"])] if "id" in call else []
    assert heads == [(0, "get_weather"), (1, "get_time")]
    assert all(isinstance(json.loads(text), dict) for text in arguments.values())
    assert len(message_of(whole(http, USE_BOTH, tools=BOTH, model=model))["tool_calls"]) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_without_parameters_gets_empty_object_arguments(http: httpx.Client, stream: bool) -> None:
    bare = {"type": "function", "function": {"name": "ping"}}
    response = post(http, say("Use ping"), tools=[bare], tool_choice="required", stream=stream)
    if stream:
        calls = [call for delta in deltas(response) for call in delta.get("tool_calls", ())]
        assert "".join(call["function"]["arguments"] for call in calls) == "{}"
    else:
        assert message_of(response.json())["tool_calls"][0]["function"]["arguments"] == "{}"


FAILURES = ["throttle after=2", "error=InternalServerException after=2", "cut after=2", "no-stop", "bad-crc after=2"]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_stream_that_dies_is_no_normal_stop(http: httpx.Client, failure: str) -> None:
    response = post(http, say(f"[[emulate: {failure}]] [[emulate: tokens=8]]"), stream=True)
    assert response.status_code == 200
    last = json.loads(frames(response)[-1])
    assert {"message", "type", "param", "code"} <= last["error"].keys()
    # The same error twice: unnamed for the SDKs, and named for parsers that read only named errors.
    assert json.loads(frames(response)[-2]) == last
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks(response)[:-2])
    assert "[DONE]" not in frames(response)


@pytest.mark.parametrize("failure", FAILURES)
def test_the_sdk_raises_on_a_stream_that_dies(client: OpenAI, failure: str) -> None:
    text = f"[[emulate: {failure}]] [[emulate: tokens=8]]"
    stream = client.chat.completions.create(model=NOVA, messages=[{"role": "user", "content": text}], stream=True)
    with pytest.raises(openai.APIError):
        list(stream)


@pytest.mark.parametrize(
    ("marker", "status", "code"),
    [
        ("throttle", 429, "rate_limit_exceeded"),
        ("first-event-throttle", 429, "rate_limit_exceeded"),
        ("error=AccessDeniedException", 403, "access_denied"),
        ("context-overflow stream", 400, "context_length_exceeded"),
    ],
)
def test_an_error_before_the_first_token_is_no_http_200(
    http: httpx.Client, marker: str, status: int, code: str
) -> None:
    assert problem(post(http, say(f"[[emulate: {marker}]]"), stream=True))[:2] == (status, code)


def test_long_silence_does_not_drop_the_connection(emulator: Emulator) -> None:
    with serving(emulator.url, ping_interval=0.05) as url, httpx.Client(base_url=url, timeout=20) as http:
        http.headers["authorization"] = "Bearer sk-contract"
        response = post(http, say("[[emulate: stall=0.3 after=1]] [[emulate: tokens=4]]"), stream=True)
    assert ": ping" in response.text
    assert frames(response)[-1] == "[DONE]"


def test_tokens_do_not_arrive_all_at_once(http: httpx.Client) -> None:
    body = {"model": NOVA, "messages": [say("[[emulate: delay=0.03 tokens=10]]")], "stream": True}
    times = []
    with http.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.headers["x-accel-buffering"] == "no"
        assert "no-transform" in response.headers["cache-control"]
        assert "content-encoding" not in response.headers
        for line in response.iter_lines():
            times += [time.monotonic()] if '"content":"' in line else []
    assert len(times) >= 10
    assert times[-1] - times[0] > 0.15


@pytest.mark.parametrize("stream", [True, False])
def test_thoughts_are_not_in_the_content_as_tags(http: httpx.Client, stream: bool) -> None:
    response = post(http, say("Hello [[emulate: think]]"), model=SONNET_45, reasoning_effort="low", stream=stream)
    if stream:
        content = "".join(delta.get("content") or "" for delta in deltas(response))
        thought = "".join(delta.get("reasoning_content") or "" for delta in deltas(response))
    else:
        content, thought = message_of(response.json())["content"], message_of(response.json())["reasoning_content"]
    assert thought
    assert thought not in content
    assert "<think" not in content


def test_citations_do_not_break_the_sdks_stream_helper(client: OpenAI) -> None:
    messages = [{"role": "user", "content": "Hello [[emulate: citations]]"}]
    with client.chat.completions.stream(model=SONNET_45, messages=messages) as stream:  # type: ignore[arg-type]
        final = stream.get_final_completion()
    assert final.choices[0].message.content
    assert final.choices[0].message.annotations
