"""Two requests share an entry of the cache exactly where a model could not tell them apart."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.plan import Plan, Target, Traits
from app.core.prompt import (
    Blob,
    CachePoint,
    Caching,
    Guardrail,
    Link,
    Media,
    Message,
    Part,
    Prompt,
    Reasoning,
    ResponseFormat,
    S3Object,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from app.core.route import Hop
from app.stages.fingerprint import LARGE, digest, fingerprint
from tests.unit.stages.upstreams import plan

MADE = plan()
HASH = digest("key-1", (MADE,), 1)

CHANGES: dict[str, Any] = {
    "messages": (Message("user", (Text("Hello!"),)),),
    "tools": (Tool("f"),),
    "tool_choice": ToolChoice("any"),
    "max_tokens": 5,
    "temperature": 0.0,
    "top_p": 1.0,
    "stop": ("a",),
    "fields": {"top_k": 1},
    "response_paths": ("/usage",),
    "text_format": ResponseFormat("json_object"),
    "json_tool": "answer",
    "json_answer": True,
    "unwrap": "value",
    "instructions": ("Be brief.",),
    "notes": ("Note.",),
    "reasoning": True,
    "cache_points": True,
    "cache_auto": True,
    "cache_ttl": "1h",
    "service_tier": "flex",
    "guardrail": Guardrail("g", "1"),
    "latency": "optimized",
    "grounding": True,
    "silent_tools": True,
    "single_call": True,
    "route": (Hop("m"),),
}
OF_THE_PROMPT: dict[str, Any] = {
    "tools": (Tool("f"),),
    "tool_choice": ToolChoice("none"),
    "parallel_tool_calls": False,
    "response_format": ResponseFormat("json_schema", {"type": "object"}),
    "sampling": Sampling(top_k=3),
    "effort": "low",
    "caching": Caching(auto=True),
    "service_tier": "priority",
    "guardrail": Guardrail("g", "1"),
    "latency": "optimized",
    "grounding": True,
    "extra_fields": {"thinking": {"type": "enabled"}},
    "thinking": Thinking("budget", 2048),
}
OF_THE_TARGET: dict[str, Any] = {"model_id": "eu.m", "base_id": "n", "region": "eu-west-1", "priced_id": "us.m"}


def counted(kind: type[Any], *others: str) -> list[str]:
    """Returns the fields of a dataclass without `others`: each of them counts, and needs an example above."""
    return [field.name for field in fields(kind) if field.name not in others]


@pytest.mark.parametrize("name", counted(Plan, "target", "prompt", "stream", "whole", "metadata"))
def test_what_reaches_the_model_counts(name: str) -> None:
    assert digest("key-1", (replace(MADE, **{name: CHANGES[name]}),), 1) != HASH


@pytest.mark.parametrize(
    "name", counted(Prompt, "model", "messages", "metadata", "user", "ignored", "betas", "grounding_else")
)
def test_what_the_client_asked_counts(name: str) -> None:
    prompt = replace(MADE.prompt, **{name: OF_THE_PROMPT[name]})
    assert digest("key-1", (replace(MADE, prompt=prompt),), 1) != HASH


@pytest.mark.parametrize("name", counted(Target, "traits"))
def test_the_model_that_is_called_counts(name: str) -> None:
    target = replace(MADE.target, **{name: OF_THE_TARGET[name]})
    assert digest("key-1", (replace(MADE, target=target),), 1) != HASH


@pytest.mark.parametrize(
    "same",
    [
        replace(MADE, stream=False, whole=True),
        replace(MADE, metadata={"team": "a"}),
        replace(MADE, target=replace(MADE.target, traits=Traits(stop=False))),
        replace(MADE, prompt=replace(MADE.prompt, model="fast", metadata={"a": "b"}, user="ann", ignored=("seed",))),
        replace(MADE, prompt=replace(MADE.prompt, betas=("b",), grounding_else="web_search")),
    ],
    ids=["stream", "metadata", "traits", "names", "betas"],
)
def test_what_no_model_sees_does_not_count(same: Plan) -> None:
    assert same != MADE
    assert digest("key-1", (same,), 1) == HASH


def test_the_order_in_an_object_does_not_count_and_in_a_list_does() -> None:
    def of(schema: Any) -> str:
        return digest("k", (replace(MADE, tools=(Tool("f", schema=schema),)),), 1)

    assert of({"a": 1, "b": {"c": 2, "d": 3}}) == of({"b": {"d": 3, "c": 2}, "a": 1})
    assert of(["a", "b"]) != of(["b", "a"])
    assert of({"a": {"b": 1}, "c": 2}) != of({"a": {"b": 1, "c": 2}})


def test_tenants_numbers_and_other_prompts_count() -> None:
    other = replace(MADE, temperature=0.0)
    asked = [("key-1", (MADE,), 1), ("key-2", (MADE,), 1), ("key-1", (MADE,), 2), ("key-1", (MADE, MADE), 1)]
    asked += [("key-1", (MADE, other), 1), ("key-1", (other, MADE), 1)]
    assert len({digest(*each) for each in asked}) == len(asked)


PARTS: list[Part] = [
    Text("a"),
    Text("b"),
    Reasoning("a"),
    Reasoning("", "a"),
    Reasoning("", "", "a"),
    CachePoint(),
    CachePoint("1h"),
    ToolCall("a", "b", "c"),
    ToolCall("ab", "", "c"),
    ToolCall("a", "b", '{"a": 1}'),
    ToolResult("a", (Text("a"),)),
    ToolResult("a", (Text("a"),), True),
    ToolResult("a", (Text("a"), Text(""))),
    Media("image", Blob("YQ==", 1)),
    Media("image", Blob("Yg==", 1)),
    Media("video", Blob("YQ==", 1)),
    Media("image", Blob("YQ==", 1), "image/png"),
    Media("document", Blob("YQ==", 1), name="a"),
    Media("image", S3Object("s3://a")),
    Media("image", Link("s3://a")),
]


def test_no_two_parts_look_alike() -> None:
    assert len({digest((Message("user", (part,)),)) for part in PARTS}) == len(PARTS)
    assert digest(Message("user", (PARTS[0],))) != digest(Message("assistant", (PARTS[0],)))
    assert digest(Media("image", Blob("YQ==", 1), param="a")) == digest(Media("image", Blob("YQ==", 1), param="b"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text("ab1:;", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)


def typed(value: Any) -> Any:
    """With the kinds, for 1 == 1.0 == True."""
    if isinstance(value, dict):
        return {name: typed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value).__name__, repr(value)


@given(JSON, JSON)
def test_values_hash_alike_exactly_where_they_are_alike(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) is (typed(one) == typed(other))


@given(st.lists(st.text("ab", max_size=3), max_size=3), st.lists(st.text("ab", max_size=3), max_size=3))
def test_texts_that_join_to_the_same_are_told_apart(one: list[str], other: list[str]) -> None:
    assume(one != other)
    assert digest(*one) != digest(*other)


def test_sets_have_no_order_and_odd_things_do_no_harm() -> None:
    assert digest(frozenset({"a", "b", "c"})) == digest({"c", "b", "a"})
    assert digest("\ud800") != digest("?")
    assert digest(10**5000)
    assert digest(object()) != digest(object())


async def test_a_large_request_is_hashed_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere: list[object] = []

    async def to_thread(work: Any, *given: Any) -> Any:
        elsewhere.append(work)
        return work(*given)

    monkeypatch.setattr("asyncio.to_thread", to_thread)
    assert await fingerprint("key-1", [MADE], 1) == HASH
    for part in (
        Text("a" * LARGE),
        Media("image", Blob("a" * LARGE, 1)),
        ToolCall("a", "b", "c" * LARGE),
        ToolResult("a", (Text("a" * LARGE),)),
    ):
        elsewhere.clear()
        large = replace(MADE, messages=(Message("user", (CachePoint(), part)),))
        assert await fingerprint("key-1", [large], 1) == digest("key-1", (large,), 1)
        assert elsewhere == [digest]
