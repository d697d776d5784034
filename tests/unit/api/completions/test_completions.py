"""The legacy completions: in as chat prompts, out as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.completions.decode import CONTINUE, FILL, decode
from app.api.completions.encode import CompletionStream, encode_completion
from app.core.events import Batch, Event, Finished, Metered, ReasoningDelta, TextDelta, Usage, fold
from app.core.prompt import Sampling, Text, texts
from app.errors import InvalidRequest
from tests.unit.api.chat.bodies import JSON
from tests.unit.core.answers import streams


def said(**options: Any) -> list[str]:
    """The user turns of a request's prompts."""
    return [texts(prompt.messages[-1].parts) for prompt in decode({"model": "m", "prompt": "a"} | options).prompts]


def refused(**options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decode({"model": "m", "prompt": "a"} | options, max_choices=16)
    return caught.value


def test_a_prompt_is_a_turn_that_asks_for_its_continuation() -> None:
    (prompt,) = decode({"model": "m", "prompt": "Once upon", "max_tokens": 5, "stop": "END", "user": "u"}).prompts
    assert [message.role for message in prompt.messages] == ["system", "user"]
    assert prompt.messages[0].parts == (Text(CONTINUE),)
    assert prompt.sampling == Sampling(5, stop=("END",))
    assert prompt.user == "u"
    assert said(prompt=["a", "b"]) == ["a", "b"]


def test_a_suffix_is_filled_up_to() -> None:
    (prompt,) = decode({"model": "m", "prompt": "def f(", "suffix": "return x"}).prompts
    assert prompt.messages[0].parts == (Text(FILL),)
    assert said(suffix="z") == ["<prefix>a</prefix>\n<suffix>z</suffix>"]


def test_how_the_answer_is_wanted() -> None:
    body = {"model": "m", "prompt": ["a", "b"], "n": 2, "echo": True, "stream": True}
    decoded = decode(body | {"stream_options": {"include_usage": True}})
    assert (decoded.n, decoded.echoes, decoded.stream, decoded.include_usage) == (2, ("a", "b"), True, True)
    assert decode({"model": "m", "prompt": ["a", "b"]}).echoes == ("", "")


def test_what_has_no_effect_is_told() -> None:
    (prompt,) = decode({"model": "m", "prompt": "a", "seed": 7, "frequency_penalty": 0, "presence_penalty": 1}).prompts
    assert prompt.ignored == ("presence_penalty", "seed")


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"best_of": 2}, "best_of"),
        ({"prompt": None}, "prompt"),
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a"] * 33}, "prompt"),
        ({"prompt": ["a", "b"], "n": 9}, "n"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(options: dict[str, Any], param: str) -> None:
    assert refused(**options).param == param


@given(st.dictionaries(st.sampled_from(["model", "prompt", "stop", "n", "suffix", "logit_bias"]), JSON))
def test_any_body_is_prompts_or_a_400(body: dict[str, Any]) -> None:
    try:
        decoded = decode(body)
    except (InvalidRequest, ValidationError):
        return
    assert len(decoded.prompts) == len(decoded.echoes)


@given(st.lists(streams(), min_size=1, max_size=3), st.booleans())
def test_a_stream_adds_up_to_the_whole_answer(answers: list[tuple[list[Event], list[Batch]]], echo: bool) -> None:
    echoes = ["Once "] * len(answers) if echo else [""] * len(answers)
    encoder = CompletionStream("cmpl-1", 7, "m", echoes, 1, include_usage=True)
    data = b"".join(encoder.feed(choice, batch) for choice, (_, batches) in enumerate(answers) for batch in batches)
    data += encoder.finish()
    assert data.endswith(b"data: [DONE]\n\n")
    chunks = [json.loads(frame.removeprefix(b"data: ")) for frame in data.split(b"\n\n")[:-2]]
    whole = encode_completion("cmpl-1", 7, "m", [fold([events]) for events, _ in answers], echoes)
    *body, last = chunks
    assert (last["choices"], last["usage"]) == ([], whole["usage"])
    for choice in whole["choices"]:
        mine = [each["choices"][0] for each in body if each["choices"][0]["index"] == choice["index"]]
        assert "".join(each["text"] for each in mine) == choice["text"]
        assert [each["finish_reason"] for each in mine][-1] == choice["finish_reason"]
        assert all(each["finish_reason"] is None for each in mine[:-1])


def test_thoughts_are_no_text_and_usage_is_told_only_when_asked() -> None:
    encoder = CompletionStream("cmpl-1", 7, "m", ["e"], 2)
    data = encoder.feed(1, [ReasoningDelta("Hm"), TextDelta("a"), Finished("tool_calls"), Metered(Usage(1, 2))])
    found = [json.loads(frame.removeprefix(b"data: "))["choices"][0] for frame in data.split(b"\n\n")[:-1]]
    assert [(each["index"], each["text"], each["finish_reason"]) for each in found] == [
        (1, "e", None),
        (1, "a", None),
        (1, "", "stop"),
    ]
    assert b"usage" not in data
    assert encoder.finish() == b"data: [DONE]\n\n"
    assert encoder.fail({"error": {}}) == b'data: {"error":{}}\n\nevent: error\ndata: {"error":{}}\n\n'
