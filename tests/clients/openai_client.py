"""The official Python SDK, as a user has it; `tests/contract` goes into every corner."""

from __future__ import annotations

import json
import time
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
def creates_responses_and_retrieves_them() -> None:
    for model in (CLAUDE, NOVA):
        made = client.responses.create(model=model, instructions="Be brief.", input="Hello")
        assert made.output_text == "You said: Hello"
        assert client.responses.retrieve(made.id).output_text == made.output_text
        more = client.responses.create(model=model, input="And now?", previous_response_id=made.id)
        assert more.output_text == "You said: And now?"
        assert [item.type for item in client.responses.input_items.list(more.id)] == ["message"] * 3


@check
def streams_responses_in_a_tool_loop_with_reasoning() -> None:
    asked: Any = {"model": CLAUDE, "store": False, "include": ["reasoning.encrypted_content"]}
    asked |= {"reasoning": {"effort": "low", "summary": "auto"}}
    asked["tools"] = [{"type": "function", "strict": False, **WEATHER["function"]}]
    history: list[Any] = [QUESTION]
    with client.responses.stream(input=history, **asked) as stream:
        kinds = [event.type for event in stream]
        first = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.reasoning_summary_text.delta" in kinds
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    call: Any = first.output[-1]
    assert json.loads(call.arguments) == {"city": "Paris"}
    history += [*first.output, {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"}]
    assert client.responses.create(input=history, **asked).output_text == "The tool answered: 18 degrees"


@check
def parses_responses_natively_and_by_tool() -> None:
    for model in (CLAUDE, NOVA):
        parsed = client.responses.parse(model=model, input="name: Paris, country: France", text_format=City)
        assert parsed.output_parsed == City(name="Paris", country="France")


@check
def runs_a_response_in_the_background() -> None:
    made = client.responses.create(model=NOVA, input="Hello", background=True)
    deadline = time.monotonic() + 20
    while made.status in ("queued", "in_progress") and time.monotonic() < deadline:
        time.sleep(0.05)
        made = client.responses.retrieve(made.id)
    assert (made.status, made.output_text) == ("completed", "You said: Hello")


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
