"""Reasoning stays with the model family that produced it, when a session moves from one model to another and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.behaviour.reasoning import is_sealed, seal
from local.emulator import Emulator
from tests.wire.gateway import Gateway, serving

CLAUDE, GPT = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.openai.gpt-5.6-sol"
THROTTLED = {"status": 429, "headers": {"x-amzn-ErrorType": "ThrottlingException"}, "body": {"message": "slow down"}}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
SETTINGS: dict[str, dict[str, Any]] = {
    CHAT: {
        "reasoning_effort": "low",
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}],
    },
    RESPONSES: {
        "reasoning": {"effort": "low"},
        "tools": [{"type": "function", "name": "get_weather", "parameters": SCHEMA}],
        "include": ["reasoning.encrypted_content"],
        "store": False,
    },
    MESSAGES: {
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "max_tokens": 4096,
        "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
    },
}
KEEPING = {"reasoning_content", "reasoning_details", "extra_content"}
DROPPING: set[str] = set()


@pytest.fixture
def gateway(emulator: Emulator) -> Iterator[Gateway]:
    with serving(emulator.url, model_aliases=json.dumps({"either": [CLAUDE, GPT]})) as gateway:
        yield gateway


class Session:
    """A client on one surface that appends what it gets to its history. `lanes`: what it keeps of reasoning on chat."""

    def __init__(self, client: httpx.Client, path: str, lanes: set[str] = KEEPING) -> None:
        self._client, self._path, self._lanes = client, path, lanes
        self.history: list[Any] = []

    def say(self, text: str) -> httpx.Response:
        self.history.append({"role": "user", "content": text})
        return self._ask()

    def answer(self) -> httpx.Response:
        """Sends the results of the last turn's tool calls."""
        for call_id in self._call_ids():
            self.history.append(_result(self._path, call_id))
        return self._ask()

    def _ask(self) -> httpx.Response:
        name = "input" if self._path == RESPONSES else "messages"
        reply = self._client.post(self._path, json={"model": "either", name: self.history, **SETTINGS[self._path]})
        assert reply.status_code == 200, reply.text
        body = reply.json()
        if self._path == RESPONSES:
            self.history += body["output"]
        elif self._path == MESSAGES:
            self.history.append({"role": "assistant", "content": body["content"]})
        else:
            self.history.append(self._kept(body["choices"][0]["message"]))
        return reply

    def _kept(self, message: dict[str, Any]) -> dict[str, Any]:
        for call in message.get("tool_calls", ()):
            for name in call.keys() - self._lanes - {"id", "type", "function"}:
                del call[name]
        return {name: value for name, value in message.items() if name in self._lanes or name not in KEEPING}

    def _call_ids(self) -> list[str]:
        if self._path == RESPONSES:
            answered = {item.get("call_id") for item in self.history if item.get("type") == "function_call_output"}
            calls = [item for item in self.history if item.get("type") == "function_call"]
            return [item["call_id"] for item in calls if item["call_id"] not in answered]
        last = self.history[-1]
        if self._path == MESSAGES:
            return [block["id"] for block in last["content"] if block["type"] == "tool_use"]
        return [call["id"] for call in last["tool_calls"]]


def _result(path: str, call_id: str) -> dict[str, Any]:
    if path == RESPONSES:
        return {"type": "function_call_output", "call_id": call_id, "output": "18"}
    if path == MESSAGES:
        return {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call_id, "content": "18"}],
        }
    return {"role": "tool", "tool_call_id": call_id, "content": "18"}


def models(emulator: Emulator) -> list[str | None]:
    return [each.model_id for each in emulator.requests if each.method == "POST"]


def reasoning(emulator: Emulator) -> list[Any]:
    """The reasoning blocks in the history of the last request."""
    blocks = [block for turn in emulator.requests[-1].body["messages"] for block in turn["content"]]
    return [block["reasoningContent"] for block in blocks if "reasoningContent" in block]


def repairs(reply: httpx.Response) -> dict[str, int]:
    pairs = [pair.split("=") for pair in reply.headers.get("x-gateway-repairs", "").split(",") if pair]
    return {kind: int(count) for kind, count in pairs}


@pytest.mark.parametrize(
    ("path", "lanes"),
    [(CHAT, KEEPING), (CHAT, {"extra_content"}), (CHAT, DROPPING), (RESPONSES, KEEPING), (MESSAGES, KEEPING)],
    ids=["chat", "chat extra_content", "chat store", "responses", "messages"],
)
def test_one_throttled_request_of_an_alias_does_not_end_the_session(
    gateway: Gateway, emulator: Emulator, path: str, lanes: set[str]
) -> None:
    with gateway.client() as client:
        session = Session(client, path, lanes)
        emulator.script(THROTTLED)
        session.say("What is the weather in Paris?")
        assert models(emulator) == [CLAUDE, GPT]

        back = session.answer()  # to Claude, which cannot read what GPT thought before its call
        assert models(emulator)[2:] == [CLAUDE], "no refused call"
        assert reasoning(emulator) == []
        assert repairs(back) == {"foreign-reasoning": 1, "thinking-off": 1}

        session.say("And in Rome? What is the weather?")
        assert models(emulator)[3:] == [CLAUDE]
        assert "thinking" in emulator.requests[-1].body["additionalModelRequestFields"], "for that turn only"

        emulator.script(THROTTLED)
        reply = session.answer()
        assert models(emulator)[4:] == [CLAUDE, GPT]
        (block,) = reasoning(emulator)
        assert is_sealed(block["redactedContent"], "OpenAI"), (
            "GPT gets its own thought back, and Claude's does not follow"
        )
        assert repairs(reply)["foreign-reasoning"] == 1


@pytest.mark.parametrize("path", SETTINGS)
def test_a_signature_of_unknown_origin_costs_one_retry_and_thinking_stays_on(
    gateway: Gateway, emulator: Emulator, path: str
) -> None:
    """As a client has it that came from another gateway: several such thoughts, none of them in the open tool turn."""
    with gateway.client() as client:
        session = Session(client, path)
        for number in range(3):
            session.history += [{"role": "user", "content": f"Question {number}"}, _foreign_turn(path, number)]
        reply = session.say("What is the weather in Paris?")
        refused = path != RESPONSES  # encrypted_content of another provider is dropped when it is read
        assert models(emulator) == [CLAUDE] * (1 + refused)
        assert "thinking" in emulator.requests[-1].body["additionalModelRequestFields"]
        assert repairs(reply).get("reasoning-refused", 0) == 3 * refused
        assert "thinking-off" not in repairs(reply)

        other = client.post(
            CHAT, json={"model": CLAUDE, "messages": [{"role": "user", "content": "Hi"}], **SETTINGS[CHAT]}
        )
        assert "x-gateway-ignored" not in other.headers, "nothing is remembered of the model"
        assert "thinking" in emulator.requests[-1].body["additionalModelRequestFields"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "provider"), [(GPT, "Anthropic"), (CLAUDE, "OpenAI")])
def test_encrypted_reasoning_of_unknown_origin_costs_one_retry(
    gateway: Gateway, emulator: Emulator, model: str, provider: str, stream: bool
) -> None:
    """As sessions have it that began before values carried their family."""
    thought = {"type": "redacted_thinking", "data": seal("Hm", provider)}
    history: list[Any] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [thought, thought, {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "And now?"},
    ]
    with gateway.client() as client:
        body = SETTINGS[MESSAGES] | {"model": model, "messages": history, "stream": stream}
        reply = client.post(MESSAGES, json=body)
    assert (reply.status_code, models(emulator)) == (200, [model] * 2)
    assert reasoning(emulator) == []
    assert repairs(reply) == {"unsupported-reasoning-replay": 1, "reasoning-refused": 2}


@pytest.mark.parametrize("model", [CLAUDE, GPT])
def test_reasoning_of_the_family_itself_that_was_stored_without_its_name_still_returns(
    gateway: Gateway, emulator: Emulator, model: str
) -> None:
    data = seal("Hm", "Anthropic" if model == CLAUDE else "OpenAI")
    call = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": data}, call]},
        _result(MESSAGES, "t1"),
    ]
    with gateway.client() as client:
        reply = client.post(MESSAGES, json=SETTINGS[MESSAGES] | {"model": model, "messages": history})
    assert (reply.status_code, models(emulator)) == (200, [model])
    assert reasoning(emulator) == [{"redactedContent": data}]
    assert repairs(reply) == {}


def _foreign_turn(path: str, number: int) -> dict[str, Any]:
    thought = {"type": "thinking", "thinking": f"Hm {number}", "signature": "Zm9yZWlnbg=="}
    if path == MESSAGES:
        return {"role": "assistant", "content": [thought, {"type": "text", "text": "Answer"}]}
    if path == RESPONSES:
        return {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": f"gAAAA{number}"}
    return {"role": "assistant", "content": "Answer", "thinking_blocks": [thought]}
