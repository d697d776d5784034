"""What a request is expected to take at most: never less than a sober tokenizer would say of ordinary text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import Usage
from app.core.money import Cost
from app.core.plan import Plan, Target, Traits
from app.core.ports import EmbeddingItem
from app.core.prompt import Blob, Broken, Link, Media, Message, Text, Tool, ToolCall, ToolResult
from app.stages.estimate import chat_demand, embedding_tokens, output_limit, prompt_tokens, text_tokens
from tests.unit.stages.prices import PRICES, PlainPrices
from tests.unit.stages.upstreams import plan
from tests.unit.upstreams.invoke.test_tokens import referee

__all__ = ["referee"]  # a fixture

SAMPLES = {
    "english": "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog about it. " * 20,
    "german": "Donaudampfschifffahrtsgesellschaftskapitäne überqueren täglich die Brücke am Fluß. " * 20,
    "code": "def f(x: int) -> dict[str, int]:\n    return {str(i): i ** 2 for i in range(x) if i % 3}\n" * 20,
    "json": '{"id": 4711, "name": "gateway", "tags": ["a", "b"], "nested": {"ok": true, "n": 3.14}}' * 20,
    "japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 20,
}


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_text_is_rather_over_than_under_estimated(referee: tiktoken.Encoding, text: str) -> None:
    real = len(referee.encode(text))
    assert real <= text_tokens(text)
    assert text_tokens(text) <= 3 * real


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, more: str) -> None:
    assert text_tokens(one) <= text_tokens(one + more)


def saying(*parts: object, **decided: object) -> Plan:
    return plan(messages=(Message("user", tuple(parts)),), **decided)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "least"),
    [
        (Text("x" * 100), 40),
        (ToolCall("id", "name", "x" * 100), 40),
        (ToolResult("id", (Text("x" * 100),)), 40),
        (Media("image", Blob("", 10)), 1600),
        (Media("image", Broken("No image.")), 50),
        (Media("image", Blob("", 20_000_000)), 5000),
        (Media("document", Blob("", 300_000)), 10_000),
        (Media("video", Link("https://example.com/v")), 20_000),
    ],
)
def test_every_part_counts(part: object, least: int) -> None:
    assert prompt_tokens(saying(part)) >= least


def test_tools_and_instructions_count() -> None:
    bare = prompt_tokens(saying(Text("hi")))
    tool = Tool("look_up", "d" * 100, {"type": "object", "properties": {"q": {"description": "e" * 200}}})
    assert prompt_tokens(saying(Text("hi"), tools=(tool,))) > bare + 100
    assert prompt_tokens(saying(Text("hi"), instructions=("i" * 1000,), notes=("n" * 1000,))) > bare + 700


def test_choices_multiply() -> None:
    made = saying(Text("hi"), max_tokens=100)
    one, three = (chat_demand([made], n, PRICES, 4096) for n in (1, 3))
    assert (three.tokens, three.cost) == (3 * one.tokens, 3 * one.cost)
    assert chat_demand([made, made], 3, PRICES, 4096).cost == 6 * one.cost


def test_an_answer_without_limit_is_expected_as_the_setting_says() -> None:
    made = saying(Text("hi"))
    assert output_limit(made, 4096) == 4096
    short = replace(made, target=Target("m", "m", Traits(max_output=1000)))
    assert output_limit(short, 4096) == 1000
    assert output_limit(replace(made, max_tokens=100_000), 4096) == 100_000


def test_a_prompt_that_may_be_written_to_the_cache_costs_that() -> None:
    made = saying(Text("x" * 1000), max_tokens=1)
    assert chat_demand([replace(made, cache_auto=True)], 1, PRICES, 1).cost > chat_demand([made], 1, PRICES, 1).cost


class FreeWrites(PlainPrices):
    def cost(self, called: str, base_id: str, usage: Usage, **options: Any) -> Cost:
        return Cost(input=usage.input, output=usage.output)


def test_a_prompt_is_reserved_though_cache_writes_are_free() -> None:
    """They are with some models, and a short prompt is not kept at all: it is charged as any other."""
    made = saying(Text("x" * 1000), max_tokens=1, cache_points=True)
    assert chat_demand([made], 1, FreeWrites(), 1).cost >= 500


def test_embeddings_count_texts_and_pictures() -> None:
    assert embedding_tokens([EmbeddingItem("x" * 100), EmbeddingItem(image=Blob("", 5))]) == 50 + 1600


def test_what_stands_in_a_models_own_fields_is_read_too() -> None:
    assert prompt_tokens(saying(Text("hi"), fields={"tools": ["x" * 1000]})) >= 500
