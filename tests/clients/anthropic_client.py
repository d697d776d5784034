"""The official Anthropic SDK over Messages; `tests/contract` goes into every corner."""

from __future__ import annotations

from typing import Any

import anthropic

from tests.clients.checks import API_KEY, BASE_URL, CLAUDE, NOVA, check, main, told

client = anthropic.Anthropic(base_url=BASE_URL.removesuffix("/v1"), api_key=API_KEY)
WEATHER: Any = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
THINKING: Any = {"type": "enabled", "budget_tokens": 1024}


def user(text: str) -> Any:
    return {"role": "user", "content": text}


@check
def does_what_the_documentation_says() -> None:
    assert told("Anthropic's SDK") == "You said: Hello!"


@check
def creates_a_message() -> None:
    for model in (CLAUDE, NOVA):
        reply = client.messages.create(model=model, max_tokens=100, messages=[user("Hello")])
        assert [block.text for block in reply.content if block.type == "text"] == ["You said: Hello"]
        assert reply.stop_reason == "end_turn"


@check
def streams() -> None:
    for model in (CLAUDE, NOVA):
        with client.messages.stream(model=model, max_tokens=100, messages=[user("Hello")]) as stream:
            assert "".join(stream.text_stream) == "You said: Hello"
            assert stream.get_final_message().usage.output_tokens


@check
def runs_a_streamed_tool_loop_with_thinking() -> None:
    messages: list[Any] = [user("What is the weather in Paris?")]
    asked: Any = {"model": CLAUDE, "max_tokens": 3000, "tools": [WEATHER], "thinking": THINKING}
    with client.messages.stream(messages=messages, **asked) as stream:
        first = stream.get_final_message()
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    call: Any = first.content[-1]
    assert call.input == {"city": "Paris"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    last: Any = client.messages.create(messages=messages, **asked).content[-1]
    assert last.text == "The tool answered: 18 degrees"


@check
def runs_the_sdks_own_tool_loop() -> None:
    def get_weather(city: str) -> str:
        """The weather in a city."""
        return f"18 degrees in {city}"

    runner = client.beta.messages.tool_runner(
        model=CLAUDE,
        max_tokens=500,
        tools=[anthropic.beta_tool(get_weather)],
        messages=[user("What is the weather in Paris?")],
    )
    last: Any = list(runner)[-1].content[-1]
    assert last.text == "The tool answered: 18 degrees in Paris"


@check
def counts_tokens() -> None:
    for model in (CLAUDE, NOVA):
        assert client.messages.count_tokens(model=model, messages=[user("Hello")]).input_tokens > 0


@check
def lists_models() -> None:
    assert CLAUDE in [model.id for model in client.models.list()]


@check
def raises_its_own_errors() -> None:
    kinds = []
    try:
        client.messages.create(model="missing", max_tokens=5, messages=[user("Hello")])
    except anthropic.NotFoundError as problem:
        kinds.append(problem.type)
    assert kinds == ["not_found_error"]


main()
