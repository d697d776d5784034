"""Limits and options among a model's own request fields: found wherever a client puts them, and nothing else touched."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.model_fields import MAX_DEPTH, MAX_REPORTED, PREFIX, client_limit, split_fields
from app.core.prompt import Prompt, Sampling


@pytest.mark.parametrize(
    "fields",
    [
        {name: 700}
        for name in (
            *("max_tokens", "maxTokens", "max_completion_tokens", "max_new_tokens", "max_gen_len", "maxTokenCount"),
            *("max_output_tokens", "max_tokens_to_sample", "MAX_TOKENS", "max-tokens", "num_predict"),
        )
    ]
    + [
        {"inferenceConfig": {"maxTokens": 700}},
        {"textGenerationConfig": {"maxTokenCount": 700}},
        {"extra_body": {"additional_model_request_fields": {"max_tokens": 700}}},
        {"parameters": {"max_new_tokens": 700.0}},
        {"max_tokens": "700"},
    ],
)
def test_an_output_limit_is_found_wherever_it_is(fields: dict[str, Any]) -> None:
    found = split_fields(fields)
    assert (found.fields, found.limit, dict(found.dropped)) == ({}, 700, {})
    assert client_limit(Prompt("m", (), extra_fields=fields)) == 700


def test_the_smallest_limit_wins() -> None:
    found = split_fields({"a": {"max_tokens": 5}, "max_tokens": 7, "b": {"max_tokens": 6}, "maxTokens": 9})
    assert (found.limit, found.limits) == (5, {PREFIX + "max_tokens": 5, PREFIX + "maxTokens": 9})
    assert list(found.above(5)) == [PREFIX + "maxTokens"]
    assert list(found.dropped) == [PREFIX + "max_tokens"]
    assert client_limit(Prompt("m", (), sampling=Sampling(max_tokens=3), extra_fields={"max_tokens": 5})) == 3
    assert client_limit(Prompt("m", ())) is None


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "many", [5], {"maxTokens": 5}, "9" * 20, float("inf")])
def test_a_limit_that_is_no_number_is_dropped_and_reported(value: object) -> None:
    found = split_fields({"max_tokens": value, "top_k": 1})
    assert (found.fields, found.limits, list(found.dropped)) == ({"top_k": 1}, {}, [PREFIX + "max_tokens"])


def test_a_null_limit_counts_as_absent() -> None:
    found = split_fields({"max_tokens": None})
    assert (found.fields, found.limits, found.dropped) == ({}, {}, {})


def test_several_answers_and_a_tier_cannot_be_asked_for_among_model_fields() -> None:
    found = split_fields({"n": 8, "num_generations": 5, "service_tier": "priority", "top_k": 3})
    assert found.fields == {"top_k": 3}
    assert list(found.dropped) == [PREFIX + "n", PREFIX + "num_generations", PREFIX + "service_tier"]
    assert split_fields({"n": 1}).fields == {"n": 1}


def test_what_is_no_limit_of_the_answer_stays_as_it_is() -> None:
    fields = {
        "tools": [{"max_tokens": 5}],
        "properties": {"max_tokens": {"type": "integer"}},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "inferenceConfig": {},
        "top_k": None,
        "anthropic_beta": ["x"],
    }
    found = split_fields(fields)
    assert (found.fields, found.limits, found.dropped) == (fields, {}, {})


def test_the_clients_own_objects_are_not_changed() -> None:
    fields = {"inferenceConfig": {"maxTokens": 9000, "topK": 5}}
    assert split_fields(fields).fields == {"inferenceConfig": {"topK": 5}}
    assert fields == {"inferenceConfig": {"maxTokens": 9000, "topK": 5}}


def test_many_names_and_deep_objects_are_bounded() -> None:
    many = {"max" + "_" * count + "tokens": 100 - count for count in range(MAX_REPORTED + 10)}
    found = split_fields(many)
    assert (found.fields, found.limit, len(found.limits) <= MAX_REPORTED + 1) == ({}, 71, True)
    worthless: dict[str, Any] = dict.fromkeys(many, -1)
    assert len(split_fields(worthless).dropped) == MAX_REPORTED
    deep: dict[str, Any] = {"max_tokens": 5}
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": deep}
    assert split_fields(deep).fields == deep
