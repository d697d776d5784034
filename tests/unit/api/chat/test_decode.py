"""What is beside the messages: formats, guardrails, model fields, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.api.chat.decode import Decoded, clean_name, decode
from app.core.prompt import Guardrail, Prompt, ResponseFormat
from app.errors import InvalidRequest

SCHEMA = {"type": "object", "properties": {}}


def decoded(**options: Any) -> Decoded:
    return decode({"model": "m", "messages": [{"role": "user", "content": "hi"}]} | options)


def prompt(**options: Any) -> Prompt:
    return decoded(**options).prompt


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, None),
        ({}, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, ResponseFormat("json_object")),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, ResponseFormat("json_object")),
        ({"type": "json_schema", "json_schema": {"schema": SCHEMA}}, ResponseFormat("json_schema", SCHEMA)),
        (
            {"type": "json_schema", "json_schema": {"schema": SCHEMA, "name": "a b/ü" + "x" * 70, "description": "D"}},
            ResponseFormat("json_schema", SCHEMA, ("a_b__" + "x" * 70)[:64], "D"),
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": SCHEMA, "name": "", "description": None}},
            ResponseFormat("json_schema", SCHEMA),
        ),
    ],
)
def test_response_formats(wanted: Any, expected: ResponseFormat | None) -> None:
    assert prompt(response_format=wanted).response_format == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, None),
        ({"guardrailIdentifier": "g"}, Guardrail("g", "DRAFT")),
        (
            {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled", "streamProcessingMode": "async"},
            Guardrail("g", "1", "async", "enabled"),
        ),
        (
            {"guardrail_identifier": "g", "guardrail_version": 2, "stream_processing_mode": "sync"},
            Guardrail("g", "2", "sync"),
        ),
    ],
)
def test_guardrails_in_both_spellings(config: Any, expected: Guardrail | None) -> None:
    assert prompt(guardrail_config=config).guardrail == expected


def test_the_models_own_fields_travel_unread_in_their_order() -> None:
    asked = prompt(
        thinking={"type": "adaptive"},
        additional_model_request_fields={"a": 1},
        extra_body={"b": 2, "prompt_caching": True},
    )
    assert asked.extra_fields == {"thinking": {"type": "adaptive"}, "a": 1, "b": 2}


def test_stop_is_a_word_or_a_list() -> None:
    assert [prompt(stop=stop).sampling.stop for stop in (None, "a", ["a", "b"])] == [(), ("a",), ("a", "b")]


def test_the_newer_name_of_the_limit_wins() -> None:
    assert prompt(max_completion_tokens=5, max_tokens=7).sampling.max_tokens == 5
    assert prompt(max_tokens=7).sampling.max_tokens == 7


def test_reasoning_effort_under_both_names() -> None:
    assert prompt(reasoning={"effort": "xhigh"}).effort == "xhigh"
    assert prompt(reasoning_effort="low", reasoning={"effort": "high"}).effort == "low"
    assert prompt(reasoning={"summary": "auto"}).effort is None


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        ({"enabled": False}, "none"),
        ({"enabled": True}, "medium"),
        ({"max_tokens": 1000}, "low"),
        ({"max_tokens": 4096}, "high"),
        ({"max_tokens": 99_999}, "max"),
        ({"max_tokens": 0}, None),
        ({"max_tokens": "many", "enabled": True}, "medium"),
        ({}, None),
    ],
)
def test_reasoning_in_the_words_of_other_gateways(reasoning: dict[str, Any], effort: str | None) -> None:
    assert prompt(reasoning=reasoning).effort == effort


def test_unknown_parameters_are_told_but_nulls_are_not() -> None:
    asked = prompt(min_p=0.1, unknown=None, seed=0, store=False, logit_bias={}, **{"a\r\nb": 1})
    assert asked.ignored == ("min_p", "a__b")
    assert clean_name("é" * 60) == "_" * 40


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"reasoning_effort": "enormous"}, "reasoning_effort"),
        ({"reasoning": {"effort": "extreme"}}, "reasoning.effort"),
        ({"reasoning": {"effort": ["low"]}}, "reasoning.effort"),
        ({"service_tier": "express"}, "service_tier"),
        ({"verbosity": "telegraphic"}, "verbosity"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
    ],
)
def test_an_unknown_value_of_a_switch_is_ignored_and_reported(options: dict[str, Any], name: str) -> None:
    asked = prompt(**options)
    assert asked.ignored == (name,)
    assert (asked.effort, asked.service_tier) == (None, None)


def test_a_flood_of_unknown_parameters_is_told_in_part() -> None:
    assert len(prompt(**{f"x{number}": 1 for number in range(100)}).ignored) == 20


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"n": 17}, "n"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": 1}}}, "response_format.json_schema"),
        ({"metadata": {"a" * 65: "b"}}, "metadata"),
        ({"metadata": {"a": "b" * 513}}, "metadata"),
        ({"guardrail_config": {"guardrailVersion": "1"}}, "guardrail_config"),
        ({"guardrail_config": {"guardrailIdentifier": "g", "trace": "all"}}, "guardrail_config"),
        ({"performance_config": {"latency": "fast"}}, "performance_config.latency"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(options: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode({"model": "m", "messages": [{"role": "user", "content": "hi"}]} | options, max_choices=16)
    assert caught.value.param == param


def test_a_responses_body_is_told_apart() -> None:
    with pytest.raises(InvalidRequest, match="Responses API") as caught:
        decode({"model": "m", "input": "hi"})
    assert caught.value.param == "messages"


@pytest.mark.parametrize("body", [None, [], "x", {}, {"model": "m"}, {"model": "", "messages": [{}]}])
def test_what_is_no_request_is_a_validation_error(body: Any) -> None:
    with pytest.raises(ValidationError):
        decode(body)
