"""The legacy completions through the official SDK."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI

from tests.contract.conftest import problem
from tests.contract.words import NOVA


def test_whole(client: OpenAI) -> None:
    reply = client.completions.create(model=NOVA, prompt="Once upon a time")
    assert reply.object == "text_completion"
    assert reply.id.startswith("cmpl-")
    (choice,) = reply.choices
    assert (choice.index, choice.text, choice.finish_reason) == (0, "You said: Once upon a time", "stop")
    assert reply.usage
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_streamed(client: OpenAI) -> None:
    chunks = list(
        client.completions.create(
            model=NOVA, prompt="Once upon a time", stream=True, stream_options={"include_usage": True}
        )
    )
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == "You said: Once upon a time"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage


@pytest.mark.parametrize("stream", [False, True])
def test_several_prompts_and_choices(client: OpenAI, stream: bool) -> None:
    texts: dict[int, str] = {}
    if stream:
        for chunk in client.completions.create(model=NOVA, prompt=["one", "two"], n=2, stream=True):
            for choice in chunk.choices:
                texts[choice.index] = texts.get(choice.index, "") + choice.text
    else:
        reply = client.completions.create(model=NOVA, prompt=["one", "two"], n=2)
        texts = {choice.index: choice.text for choice in reply.choices}
    assert texts == {0: "You said: one", 1: "You said: one", 2: "You said: two", 3: "You said: two"}


def test_echo_stop_and_limit(client: OpenAI) -> None:
    reply = client.completions.create(model=NOVA, prompt="alpha beta gamma", echo=True, stop="gamma")
    assert reply.choices[0].text == "alpha beta gammaYou said: alpha beta "
    reply = client.completions.create(model=NOVA, prompt="[[emulate: tokens=50]]", max_tokens=3)
    assert reply.choices[0].finish_reason == "length"


def test_a_suffix(client: OpenAI) -> None:
    reply = client.completions.create(model=NOVA, prompt="def f(x):", suffix="return y")
    assert "<suffix>return y</suffix>" in reply.choices[0].text


def test_logprobs_are_null_and_reported(client: OpenAI) -> None:
    reply = client.completions.with_raw_response.create(model=NOVA, prompt="a", logprobs=3)
    assert reply.parse().choices[0].logprobs is None
    assert reply.headers["x-gateway-ignored"] == "logprobs"


def test_what_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.completions.create(model=NOVA, prompt=[])
    assert problem(raised.value)[2] == "prompt"


@pytest.mark.parametrize("stream", [False, True])
def test_errors(client: OpenAI, stream: bool) -> None:
    with pytest.raises(openai.RateLimitError):
        client.completions.create(model=NOVA, prompt="[[emulate: throttle]]", stream=stream)


def test_a_completion_that_breaks_off_is_raised(client: OpenAI) -> None:
    stream = client.completions.create(
        model=NOVA, prompt="one two three four five [[emulate: throttle after=2]]", stream=True
    )
    with pytest.raises(openai.APIError) as raised:
        list(stream)
    assert raised.value.code == "rate_limit_exceeded"
