"""Whatever a client sends, Converse's rules hold afterwards, and a valid history is untouched."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.plan import Traits
from app.core.prompt import CachePoint, Message, Prompt, Text, ToolCall, ToolResult, texts
from app.upstreams.converse.repair import Repaired, repair
from app.upstreams.converse.request import to_body
from local.emulator.shapes import check_body
from local.rules import violations
from tests.examples import examples
from tests.unit.upstreams.converse.grammar import broken
from tests.unit.upstreams.converse.histories import MODELS, OPUS_5, SONNET_45, conversations, messages_for, target
from tests.unit.upstreams.converse.planning import planned

PATIENT = settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow])
FLAGS = st.booleans()
TOO_MANY = "You can't include more than"
"""Nobody but the user can say which of his documents to leave out."""
LOST_THOUGHTS = "Expected `thinking` or `redacted_thinking`"
"""Whether a tool loop can go on thinking is the planner's to decide, and on this very refusal the healing stage's."""


def as_history(repaired: Repaired) -> tuple[Message, ...]:
    lead = (Message("system", repaired.system),) if repaired.system else ()
    return (*lead, *repaired.messages)


@pytest.mark.parametrize("model", MODELS)
@PATIENT
@given(data=st.data(), effort=st.sampled_from([None, "none", "low"]), stream=FLAGS)
def test_whatever_is_sent_bedrock_takes_it(model: str, data: Any, effort: str | None, stream: bool) -> None:
    prompt = Prompt(model, data.draw(messages_for(target(model).traits)), effort=effort)
    plan = planned(prompt, stream=stream)
    body, _ = to_body(plan)
    check_body("bedrock-runtime", "ConverseRequest" if plan.whole else "ConverseStreamRequest", body)
    assert broken(body, plan.target.traits) == []
    refusals = violations(model, body, streaming=not plan.whole)
    assert [text for text in refusals if not text.startswith(TOO_MANY) and LOST_THOUGHTS not in text] == []


@pytest.mark.parametrize("model", MODELS)
@PATIENT
@given(data=st.data(), reasoning=FLAGS, tools=FLAGS)
def test_a_repaired_history_needs_no_repair(model: str, data: Any, reasoning: bool, tools: bool) -> None:
    traits = target(model).traits
    once = repair(data.draw(messages_for(traits)), traits, reasoning=reasoning, tools=tools)
    twice = repair(as_history(once), traits, reasoning=reasoning, tools=tools)
    assert (twice.system, twice.messages, twice.repairs) == (once.system, once.messages, Counter())


@pytest.mark.parametrize("model", MODELS)
@PATIENT
@given(data=st.data(), reasoning=FLAGS)
def test_a_valid_history_is_untouched(model: str, data: Any, reasoning: bool) -> None:
    traits = target(model).traits
    messages = data.draw(conversations(traits, reasoning))
    repaired = repair(messages, traits, reasoning=reasoning, tools=True)
    assert as_history(repaired) == messages
    assert repaired.repairs == Counter()


@PATIENT
@given(data=st.data(), model=st.sampled_from(MODELS), reasoning=FLAGS, tools=FLAGS)
def test_no_word_of_the_user_or_the_model_is_lost(data: Any, model: str, reasoning: bool, tools: bool) -> None:
    traits = target(model).traits
    messages = data.draw(messages_for(traits))
    repaired = repair(messages, traits, reasoning=reasoning, tools=tools)
    kept = Counter(word for message in as_history(repaired) for word in words(message))
    said = [word for message in messages for word in words(message)]
    assert all(any(word in other for other in kept) for word in said)
    plain = Counter(word for word in said if word.isalpha())
    assert all(sum(count for other, count in kept.items() if word in other) >= times for word, times in plain.items())


def words(message: Message) -> list[str]:
    return [part.text.strip() for part in message.parts if isinstance(part, Text) and part.text.strip()]


@PATIENT
@given(data=st.data(), model=st.sampled_from(MODELS))
def test_no_text_of_a_tool_result_is_lost(data: Any, model: str) -> None:
    traits = target(model).traits
    messages = tuple(message for message in data.draw(messages_for(traits)) if message.role == "user")
    calls = sorted({part.call_id for message in messages for part in message.parts if isinstance(part, ToolResult)})
    asking = Message("assistant", tuple(ToolCall(identifier, "f", "{}") for identifier in calls))
    repaired = repair((Message("user", (Text("hi"),)), asking, *messages), traits)
    kept = [
        result.content for message in repaired.messages for result in message.parts if isinstance(result, ToolResult)
    ]
    said = [result.content for message in messages for result in message.parts if isinstance(result, ToolResult)]
    texts_kept = {item.text for content in kept for item in content if isinstance(item, Text)}
    assert {
        item.text for content in said for item in content if isinstance(item, Text) and item.text.strip()
    } <= texts_kept


@PATIENT
@given(data=st.data(), model=st.sampled_from(MODELS))
def test_the_same_history_is_repaired_the_same_way(data: Any, model: str) -> None:
    traits = target(model).traits
    messages = data.draw(messages_for(traits))
    first, second = repair(messages, traits), repair(tuple(messages), traits)
    assert (first.system, first.messages, first.repairs) == (second.system, second.messages, second.repairs)


@pytest.mark.parametrize("model", [SONNET_45, OPUS_5, "amazon.nova-pro-v1:0"])
@PATIENT
@given(data=st.data(), order=st.randoms())
def test_a_cached_prefix_stays_the_same_as_the_conversation_grows(model: str, data: Any, order: Any) -> None:
    traits = target(model).traits
    history = as_openai_sends_it(data.draw(conversations(traits)), order)
    ends = [
        at + 1
        for at, message in enumerate(history)
        if message.role == "user" and (at + 1 == len(history) or history[at + 1].role == "assistant")
    ]
    whole = repair(history, traits, tools=True)
    for end in ends:
        earlier = repair(history[:end], traits, tools=True)
        assert earlier.system == whole.system
        assert earlier.messages == whole.messages[: len(earlier.messages)]


def as_openai_sends_it(messages: tuple[Message, ...], order: Any) -> tuple[Message, ...]:
    """Every result a message of its own, in any order."""
    sent: list[Message] = []
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        others = tuple(part for part in message.parts if not isinstance(part, ToolResult))
        order.shuffle(results)
        sent.extend(Message("user", (result,)) for result in results)
        if others:
            sent.append(Message(message.role, others))
    return tuple(sent)


@PATIENT
@given(data=st.data(), order=st.randoms())
def test_results_sent_as_messages_of_their_own_are_no_repair(data: Any, order: Any) -> None:
    traits: Traits = target(SONNET_45).traits
    messages = tuple(
        Message(message.role, tuple(part for part in message.parts if not isinstance(part, CachePoint)))
        for message in data.draw(conversations(traits))
    )
    repaired = repair(as_openai_sends_it(messages, order), traits, tools=True)
    assert as_history(repaired) == messages
    assert repaired.repairs == Counter()


@PATIENT
@given(data=st.data())
def test_every_call_keeps_its_own_result(data: Any) -> None:
    traits = target(SONNET_45).traits
    messages = data.draw(conversations(traits))
    results = {
        part.call_id: texts(part.content)
        for message in messages
        for part in message.parts
        if isinstance(part, ToolResult)
    }
    repaired = repair(messages, traits, tools=True)
    for asking, answering in zip(repaired.messages, repaired.messages[1:], strict=False):
        calls = [part.id for part in asking.parts if isinstance(part, ToolCall)]
        answers = [part for part in answering.parts if isinstance(part, ToolResult)]
        assert [part.call_id for part in answers] == calls
        assert all(texts(part.content) == results[part.call_id] for part in answers)
