"""Chat completions through the official SDK: whole, streamed, several at once, with their usage and headers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from app.api.chat.parameters import PARAMETERS
from local.emulator import Emulator
from tests.contract.conftest import sent
from tests.contract.words import CLAUDE, NOVA, system, user


def test_a_whole_answer(client: OpenAI) -> None:
    reply = client.chat.completions.create(model=NOVA, messages=[system("Be brief."), user("Hello there")])
    assert reply.object == "chat.completion"
    assert reply.id.startswith("chatcmpl-")
    assert reply.model == NOVA
    (choice,) = reply.choices
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "stop", None)
    assert (choice.message.role, choice.message.content) == ("assistant", "You said: Hello there")
    assert choice.message.refusal is None
    assert choice.message.tool_calls is None


def test_usage_adds_up(client: OpenAI) -> None:
    usage = client.chat.completions.create(model=NOVA, messages=[user("Hello there")]).usage
    assert usage is not None
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 0


def test_chunks_share_their_head_and_the_role_comes_once(client: OpenAI) -> None:
    chunks = list(client.chat.completions.create(model=NOVA, messages=[user("Hello there")], stream=True))
    assert {(chunk.object, chunk.model) for chunk in chunks} == {("chat.completion.chunk", NOVA)}
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant"] + [None] * (len(chunks) - 1)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: Hello there"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)


def test_the_usage_chunk_comes_last_and_only_when_asked(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model=NOVA, messages=[user("Hello")], stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0
    assert all(chunk.choices and chunk.usage is None for chunk in chunks[:-1])
    whole = client.chat.completions.create(model=NOVA, messages=[user("Hello")])
    assert chunks[-1].usage == whole.usage


def test_the_stream_helper_follows_the_stream(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=NOVA, messages=[user("Hello there")], stream_options={"include_usage": True}
    ) as stream:
        kinds = Counter(event.type for event in stream)
        final = stream.get_final_completion()
    assert kinds["content.delta"] > 1
    assert kinds["content.done"] == 1
    assert final.choices[0].message.content == "You said: Hello there"
    assert final.choices[0].finish_reason == "stop"
    assert final.usage is not None


@pytest.mark.parametrize("model", [NOVA, CLAUDE])
def test_three_choices_whole(client: OpenAI, emulator: Emulator, model: str) -> None:
    reply = client.chat.completions.create(model=model, messages=[user("Hello")], n=3)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert {choice.message.content for choice in reply.choices} == {"You said: Hello"}
    one = client.chat.completions.create(model=model, messages=[user("Hello")])
    assert reply.usage is not None
    assert one.usage is not None
    assert reply.usage.completion_tokens == 3 * one.usage.completion_tokens
    assert len(sent(emulator)) == 4


def test_choices_begin_in_the_order_of_their_index(client: OpenAI) -> None:
    """openai-python (3.52) keeps the choices of a stream in a list: IndexError where index 1 arrives before index 0."""
    chunks = client.chat.completions.create(model=NOVA, messages=[user("Hello")], n=8, stream=True)
    seen = dict.fromkeys(chunk.choices[0].index for chunk in chunks if chunk.choices)
    assert list(seen) == list(range(8))


def test_three_choices_streamed(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=NOVA, messages=[user("Hello")], n=3, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    assert sorted(choice.index for choice in final.choices) == [0, 1, 2]
    assert {choice.message.content for choice in final.choices} == {"You said: Hello"}
    assert {choice.finish_reason for choice in final.choices} == {"stop"}
    assert final.usage is not None


@pytest.mark.parametrize("stop", ["beta", ["beta"], ["", "  ", "beta"]])
def test_stop_sequences_end_the_answer_and_are_not_in_it(client: OpenAI, stop: Any) -> None:
    reply = client.chat.completions.create(model=NOVA, messages=[user("alpha beta gamma")], stop=stop)
    assert reply.choices[0].message.content == "You said: alpha "
    assert reply.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_is_kept_and_told(client: OpenAI, emulator: Emulator, name: str) -> None:
    limit: dict[str, Any] = {name: 5}
    reply = client.chat.completions.create(model=NOVA, messages=[user("[[emulate: tokens=50]]")], **limit)
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 5
    assert sent(emulator)[0]["inferenceConfig"]["maxTokens"] == 5


def test_no_limit_is_invented(client: OpenAI, emulator: Emulator) -> None:
    client.chat.completions.create(model=CLAUDE, messages=[user("Hello")])
    assert "maxTokens" not in sent(emulator)[0].get("inferenceConfig", {})


def test_headers_tell_what_was_done(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="anthropic.claude-sonnet-4-5-20250929-v1:0",
        messages=[user("Hello")],
        seed=7,
        temperature=0.5,
        top_p=0.5,
        extra_body={"min_p": 0.1, "unknown": None},
    )
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["x-gateway-model"] == CLAUDE
    assert set(raw.headers["x-gateway-ignored"].split(",")) == {"seed", "top_p", "min_p"}
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert raw.parse().choices[0].message.content == "You said: Hello"


def test_a_stream_has_the_headers_too(client: OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model=NOVA, messages=[user("Hello")], stream=True, seed=7
    ) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["x-gateway-model"] == NOVA
        assert raw.headers["x-gateway-ignored"] == "seed"
        assert raw.headers["x-request-id"].startswith("req_")
        lines = [line for line in raw.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(line.startswith("data: ") for line in lines)


def test_explicit_nulls_are_accepted(client: OpenAI) -> None:
    nulls: dict[str, Any] = {name: None for name in PARAMETERS if name not in ("model", "messages")}
    reply = client.chat.completions.create(model=NOVA, messages=[user("Hello")], extra_body=nulls)
    assert reply.choices[0].message.content == "You said: Hello"


async def test_the_async_client(async_client: AsyncOpenAI) -> None:
    reply = await async_client.chat.completions.create(model=NOVA, messages=[user("Hello there")])
    assert reply.choices[0].message.content == "You said: Hello there"
    stream = await async_client.chat.completions.create(model=NOVA, messages=[user("Hello there")], stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == "You said: Hello there"


async def test_the_async_stream_helper(async_client: AsyncOpenAI) -> None:
    async with async_client.chat.completions.stream(model=NOVA, messages=[user("Hello there")]) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "You said: Hello there"


def test_a_client_that_leaves_early_harms_nobody(client: OpenAI, emulator: Emulator) -> None:
    stream = client.chat.completions.create(
        model=NOVA, messages=[user("[[emulate: tokens=5000]] [[emulate: delay=0.01]]")], stream=True
    )
    next(iter(stream))
    stream.close()
    (request,) = [each for each in emulator.requests if each.method == "POST"]
    assert request.wait(5)
    assert request.hung_up
    reply = client.chat.completions.create(model=NOVA, messages=[user("Hello")])
    assert reply.choices[0].message.content == "You said: Hello"


HALVES: Any = [
    {"type": "messageStart", "payload": {"role": "assistant"}},
    {"type": "contentBlockDelta", "payload": {"contentBlockIndex": 0, "delta": {"text": "a\ud83d"}}},
    {"type": "contentBlockDelta", "payload": {"contentBlockIndex": 0, "delta": {"text": "\ude00b"}}},
    {"type": "contentBlockDelta", "payload": {"contentBlockIndex": 0, "delta": {"text": "\ud83d"}}},
    {"type": "contentBlockStop", "payload": {"contentBlockIndex": 0}},
    {"type": "messageStop", "payload": {"stopReason": "end_turn"}},
    {"type": "metadata", "payload": {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}},
]


def test_a_character_split_between_deltas_does_not_end_the_stream(client: OpenAI, emulator: Emulator) -> None:
    emulator.script({"operation": "ConverseStream", "events": HALVES})
    chunks = client.chat.completions.create(model=NOVA, messages=[user("Hello")], stream=True)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "a\U0001f600b\ufffd"
    assert choices[-1].finish_reason == "stop"


def test_half_a_character_in_a_whole_answer_is_replaced(client: OpenAI, emulator: Emulator) -> None:
    content = [{"text": "a\ud83d"}, {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"x": "\ude00"}}}]
    body = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    }
    emulator.script({"operation": "Converse", "body": body})
    message = client.chat.completions.create(model=NOVA, messages=[user("Hello")]).choices[0].message
    assert message.content == "a\ufffd"
    assert message.tool_calls
    assert message.tool_calls[0].type == "function"
    assert message.tool_calls[0].function.arguments == '{"x":"\ufffd"}'
