"""Structured output through the official SDK, where a model has it natively and where a forced tool stands in."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import pytest
from openai import OpenAI
from pydantic import BaseModel, Field

from local.emulator import Emulator
from tests.contract.conftest import sent
from tests.contract.words import CLAUDE, NOVA, WEATHER, tool_result, user

MODELS = pytest.mark.parametrize("model", [CLAUDE, NOVA])


class Place(BaseModel):
    country: str
    population: int = Field(ge=0)


class City(BaseModel):
    """A city."""

    name: str
    size: Literal["small", "large"]
    place: Place
    tags: list[str]


QUESTION = user('A city: name is "Paris", size: large, country: France, population: 2100000')
PARIS = {"name": "Paris", "size": "large", "place": {"country": "France", "population": 2100000}}


@MODELS
def test_parse_gives_the_model(client: OpenAI, model: str) -> None:
    reply = client.chat.completions.parse(model=model, messages=[QUESTION], response_format=City)
    choice = reply.choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.tool_calls is None
    assert choice.message.parsed is not None
    assert choice.message.parsed.model_dump(exclude={"tags"}) == PARIS


@MODELS
def test_the_stream_helper_parses(client: OpenAI, model: str) -> None:
    with client.chat.completions.stream(model=model, messages=[QUESTION], response_format=City) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert json.loads("".join(deltas))["name"] == "Paris"
    assert final.choices[0].finish_reason == "stop"
    assert final.choices[0].message.tool_calls is None
    assert final.choices[0].message.parsed is not None
    assert final.choices[0].message.parsed.model_dump(exclude={"tags"}) == PARIS


def test_each_model_gets_its_own_way(client: OpenAI, emulator: Emulator) -> None:
    for model in (CLAUDE, NOVA):
        client.chat.completions.parse(model=model, messages=[QUESTION], response_format=City)
    native, forced = sent(emulator)
    assert native["outputConfig"]["textFormat"]["type"] == "json_schema"
    assert "toolConfig" not in native
    assert "outputConfig" not in forced
    assert "tool" in forced["toolConfig"]["toolChoice"]


@MODELS
@pytest.mark.parametrize("stream", [False, True])
def test_tools_beside_a_format(client: OpenAI, model: str, stream: bool) -> None:
    """First the tool, then the answer in form: the model must stay free to call."""
    question = user("Weather in Paris as JSON please; country: France")
    strict = {**WEATHER, "function": WEATHER["function"] | {"strict": True}}  # the SDK parses beside strict tools only
    asked: Any = {"model": model, "tools": [strict], "response_format": Place}

    def ask(messages: Any) -> Any:
        if not stream:
            return client.chat.completions.parse(messages=messages, **asked).choices[0]
        with client.chat.completions.stream(messages=messages, **asked) as events:
            return events.get_final_completion().choices[0]

    first = ask([question])
    assert first.finish_reason == "tool_calls"
    (call,) = first.message.tool_calls
    assert call.function.name == "get_weather"
    history = [question, first.message.model_dump(exclude_none=True, exclude={"parsed"}), tool_result(call.id, "18")]
    second = ask(history)
    assert second.finish_reason == "stop"
    assert isinstance(second.message.parsed, Place)


@pytest.mark.parametrize("schema", [
    {"type": "array", "items": {"type": "string"}},
    {"type": "string", "enum": ["yes", "no"]},
    {"anyOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"type": "null"}]},
])  # fmt: skip
@MODELS
@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_whose_root_is_no_object(client: OpenAI, schema: Any, model: str, stream: bool) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    text = text_of(client, stream, model=model, messages=[user("Say yes")], response_format=form)
    value = json.loads(text)
    assert isinstance(value, list) or value == "yes" or "a" in value


@MODELS
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fenced", ["", " [fenced]"])
def test_json_object(client: OpenAI, model: str, stream: bool, fenced: str) -> None:
    text = text_of(
        client,
        stream,
        model=model,
        messages=[user("Answer with a JSON object." + fenced)],
        response_format={"type": "json_object"},
    )
    assert isinstance(json.loads(text), dict)


def text_of(client: OpenAI, stream: bool, **asked: Any) -> str:
    """The content of the answer; asserts that it ended well and has no calls in it."""
    if not stream:
        choice = client.chat.completions.create(**asked).choices[0]
        assert choice.message.tool_calls is None
        content, reason = choice.message.content or "", choice.finish_reason
    else:
        chunks = list(client.chat.completions.create(**asked, stream=True))
        assert not any(chunk.choices[0].delta.tool_calls for chunk in chunks)
        content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        reason = chunks[-1].choices[0].finish_reason or "stop"
    assert reason == "stop"
    return content


class Scores(BaseModel):
    name: str
    points: dict[str, int]


@MODELS
def test_a_map_stays_a_map(client: OpenAI, emulator: Emulator, model: str) -> None:
    """Native output wants every object closed, and a closed map without properties could only ever be empty."""
    client.chat.completions.parse(model=model, messages=[user("name: x")], response_format=Scores)
    assert re.search(r'"points": {[^{}]*"additionalProperties": {"type": "integer"}', schema_sent(emulator))


def schema_sent(emulator: Emulator) -> str:
    """The schema of the last request, by whichever way it went, as JSON with spaces."""
    body = sent(emulator)[-1]
    if "outputConfig" in body:
        return json.dumps(json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]))
    (spec,) = [tool["toolSpec"] for tool in body["toolConfig"]["tools"] if "toolSpec" in tool]
    return json.dumps(spec["inputSchema"]["json"])
