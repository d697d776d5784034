"""The official Python SDK, as a user has it; `tests/contract` goes into every corner."""

from __future__ import annotations

import json
from typing import Any

import openai
from pydantic import BaseModel

from tests.clients.checks import CLAUDE, NOVA, TITAN, check, main

client = openai.OpenAI()
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
QUESTION: Any = {"role": "user", "content": "What is the weather in Paris?"}


class City(BaseModel):
    name: str
    country: str


@check
def chats() -> None:
    reply = client.chat.completions.create(model=NOVA, messages=[{"role": "user", "content": "Hello"}])
    assert reply.choices[0].message.content == "You said: Hello"


@check
def streams_with_usage() -> None:
    chunks = list(
        client.chat.completions.create(
            model=NOVA,
            messages=[{"role": "user", "content": "Hello"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "You said: Hello"
    assert chunks[-1].usage is not None


@check
def runs_a_tool_loop_with_reasoning_in_a_stream() -> None:
    messages: list[Any] = [QUESTION]
    asked: Any = {"model": CLAUDE, "tools": [WEATHER], "reasoning_effort": "low"}
    with client.chat.completions.stream(messages=messages, **asked) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls
    call = message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"}]
    reply = client.chat.completions.create(messages=messages, **asked)
    assert reply.choices[0].message.content == "The tool answered: 18 degrees"


@check
def parses_into_a_model_natively_and_by_tool() -> None:
    for model in (CLAUDE, NOVA):
        reply = client.chat.completions.parse(
            model=model, messages=[{"role": "user", "content": "name: Paris, country: France"}], response_format=City
        )
        assert reply.choices[0].message.parsed == City(name="Paris", country="France")


@check
def embeds() -> None:
    reply = client.embeddings.create(model=TITAN, input=["alpha", "beta"])
    assert [len(each.embedding) for each in reply.data] == [1024, 1024]


@check
def lists_models() -> None:
    assert CLAUDE in [model.id for model in client.models.list()]


@check
def raises_its_own_errors() -> None:
    codes: list[str | None] = []
    try:
        client.chat.completions.create(model="missing", messages=[QUESTION])
    except openai.NotFoundError as problem:
        codes.append(problem.code)
    assert codes == ["model_not_found"]


main()
