"""The response cache through the official SDK: the same answer again, whole or streamed, without asking the model."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState

from local.emulator import Emulator
from tests.contract.conftest import KEY, problem, sent
from tests.contract.words import CLAUDE, NOVA, TITAN, WEATHER, tool_result, user

HOUR = {"x-gateway-cache": "ttl=3600"}


def chat(client: OpenAI, stream: bool, text: str, headers: Any = HOUR, **more: Any) -> tuple[Any, Any]:
    """The completion and the response's headers."""
    asked: dict[str, Any] = {"model": NOVA, "messages": [user(text)], "extra_headers": headers} | more
    if not stream:
        raw = client.chat.completions.with_raw_response.create(**asked)
        return raw.parse(), raw.headers
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    with client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}) as chunks:
        for chunk in chunks:
            state.handle_chunk(chunk)
        return state.get_final_completion(), chunks.response.headers


def said(completion: Any) -> Any:
    """What an answer says, without what belongs to the one response."""
    shown = completion.model_dump(exclude={"id", "created", "object"})
    for choice in shown["choices"]:
        message = choice["message"]
        choice["message"] = {name: value for name, value in message.items() if value and name != "parsed"}
        for call in message.get("tool_calls") or ():
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
    return shown["choices"], shown["usage"]


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True), (False, False)])
def test_the_model_is_asked_once(client: OpenAI, emulator: Emulator, first: bool, second: bool) -> None:
    text = f"Cached {first} {second}? [[emulate: tokens=300]]"
    before, missed = chat(client, first, text)
    after, hit = chat(client, second, text)
    assert len(sent(emulator)) == 1
    assert [headers["x-gateway-cache"] for headers in (missed, hit)] == ["miss", "hit"]
    assert {headers["cache-control"] for headers in (missed, hit)} == {"private, no-store, no-transform"}
    assert hit["x-gateway-model"] == missed["x-gateway-model"]
    assert said(after) == said(before)
    assert before.usage
    assert after.id != before.id


@pytest.mark.parametrize("second", [False, True])
def test_signed_thoughts_and_tool_calls_come_back_as_they_were(
    client: OpenAI, emulator: Emulator, second: bool
) -> None:
    asked: Any = {"model": CLAUDE, "tools": [WEATHER], "reasoning_effort": "medium"}
    text = f"What is the weather in Paris, {second}?"
    before, _ = chat(client, True, text, **asked)
    after, _ = chat(client, second, text, **asked)
    assert len(sent(emulator)) == 1
    assert said(after) == said(before)
    message = after.choices[0].message
    body = message.model_dump(exclude_none=True, exclude={"parsed"})
    history = [user(text), body, tool_result(message.tool_calls[0].id, "18")]
    reply = client.chat.completions.create(messages=history, **asked)
    assert reply.choices[0].message.content == "The tool answered: 18"


@pytest.mark.parametrize("stream", [False, True])
def test_several_prompts_and_choices_of_the_legacy_api(client: OpenAI, emulator: Emulator, stream: bool) -> None:
    asked: Any = {"model": NOVA, "prompt": [f"one {stream}", "two"], "n": 2, "extra_headers": HOUR}
    whole = client.completions.create(**asked)
    texts: dict[int, str] = {}
    if stream:
        for chunk in client.completions.create(**asked, stream=True):
            for choice in chunk.choices:
                texts[choice.index] = texts.get(choice.index, "") + choice.text
    else:
        texts = {choice.index: choice.text for choice in client.completions.create(**asked).choices}
    assert len(sent(emulator)) == 4
    assert texts == {choice.index: choice.text for choice in whole.choices}


def test_who_does_not_ask_gets_a_new_answer(client: OpenAI, emulator: Emulator) -> None:
    for headers in (HOUR, {}, {"x-gateway-cache": "off"}):
        _, told = chat(client, False, "Not for me.", headers)
        assert told.get("x-gateway-cache") == ("miss" if headers == HOUR else None)
    assert len(sent(emulator)) == 3


def test_refresh(client: OpenAI, emulator: Emulator) -> None:
    for header, told in (("ttl=60", "miss"), ("ttl=60, refresh", "miss"), ("ttl=60", "hit")):
        assert chat(client, False, "Anew.", {"x-gateway-cache": header})[1]["x-gateway-cache"] == told
    assert len(sent(emulator)) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("header", ["yes", "ttl=0", "ttl=-5", "refresh", "ttl=1e9999"])
def test_a_header_that_says_nothing(client: OpenAI, emulator: Emulator, header: str, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        chat(client, stream, "Hello", {"x-gateway-cache": header})
    assert problem(raised.value) == ("invalid_request_error", "invalid_value", "x-gateway-cache")
    assert sent(emulator) == []


@pytest.mark.parametrize(("header", "told"), [("ttl=60", "x-gateway-cache"), ("off", None)])
def test_embeddings_are_not_kept_and_say_so(client: OpenAI, header: str, told: str | None) -> None:
    raw = client.embeddings.with_raw_response.create(model=TITAN, input="a", extra_headers={"x-gateway-cache": header})
    assert raw.headers.get("x-gateway-ignored") == told


@pytest.mark.parametrize(
    ("fault", "stream", "status"),
    [
        ("throttle", False, 429),
        ("throttle", True, 429),
        ("throttle after=3", True, 200),
        ("error=ModelErrorException", False, 502),
        ("cut after=3", True, 200),
    ],
)
def test_what_failed_is_not_kept(http: httpx.Client, fault: str, stream: bool, status: int) -> None:
    body = {"model": NOVA, "messages": [user(f"[[emulate: {fault}]]")], "stream": stream}
    for _ in range(2):
        reply = http.post("/v1/chat/completions", json=body, headers=HOUR | {"authorization": f"Bearer {KEY}"})
        assert (reply.status_code, reply.headers["x-gateway-cache"]) == (status, "miss")
        assert "error" in reply.text
