"""Cache accounting: what is written first is read later, and inputTokens leaves both out."""

from typing import Any

import pytest

from tests.unit.local.asking import CLAUDE, NOVA, assistant, stream, user

LONG = "word " * 2000
POINT: dict[str, Any] = {"cachePoint": {"type": "default"}}
HOUR: dict[str, Any] = {"cachePoint": {"type": "default", "ttl": "1h"}}


def usage(runtime: Any, *messages: Any, model: str = CLAUDE, **options: Any) -> Any:
    return runtime.converse(modelId=model, messages=list(messages), **options)["usage"]


def system(*points: Any, text: str = LONG) -> dict[str, Any]:
    return {"system": [{"text": text}, *points]}


def test_a_repeated_prefix_is_written_then_read(runtime: Any) -> None:
    first = usage(runtime, user("one"), **system(POINT))
    second = usage(runtime, user("another"), **system(POINT))
    assert first["cacheWriteInputTokens"] == second["cacheReadInputTokens"] == 2500
    assert first["cacheReadInputTokens"] == second["cacheWriteInputTokens"] == 0
    assert first["cacheDetails"] == [{"ttl": "5m", "inputTokens": 2500}]
    assert second["cacheDetails"] == []
    assert first["inputTokens"] < 10
    assert first["totalTokens"] == first["inputTokens"] + 2500 + first["outputTokens"]


def test_a_stream_tells_the_same(runtime: Any) -> None:
    first = stream(runtime, "hi", **system(POINT))[-1]["metadata"]["usage"]
    second = stream(runtime, "hi", **system(POINT))[-1]["metadata"]["usage"]
    assert first["cacheWriteInputTokens"] == second["cacheReadInputTokens"] > 0


def test_a_growing_conversation_reads_its_past(runtime: Any) -> None:
    first = usage(runtime, user(LONG, POINT))
    second = usage(runtime, user(LONG), assistant("ok"), user(LONG, POINT))
    assert second["cacheReadInputTokens"] == first["cacheWriteInputTokens"]
    assert second["cacheWriteInputTokens"] > 0


def test_the_past_is_not_found_beyond_twenty_blocks(runtime: Any) -> None:
    usage(runtime, user(LONG, POINT))
    assert usage(runtime, user(LONG, *["more"] * 25, POINT))["cacheReadInputTokens"] == 0


def test_times_to_live_are_told_apart(runtime: Any) -> None:
    written = usage(runtime, user(LONG, POINT), **system(HOUR))
    assert [detail["ttl"] for detail in written["cacheDetails"]] == ["1h", "5m"]


def test_other_tools_or_models_make_another_prefix(runtime: Any) -> None:
    usage(runtime, user("one"), **system(POINT))
    assert (
        usage(runtime, user("one"), model="us.anthropic.claude-sonnet-4-6", **system(POINT))["cacheReadInputTokens"]
        == 0
    )
    assert usage(runtime, user("one"), **system(POINT, text="new " + LONG))["cacheReadInputTokens"] == 0


def test_a_prefix_below_the_minimum_is_ignored(runtime: Any) -> None:
    told = usage(runtime, user("one"), **system(POINT, text="short"))
    assert (told["cacheReadInputTokens"], told["cacheWriteInputTokens"], told["cacheDetails"]) == (0, 0, [])


@pytest.mark.parametrize(("model", "told"), [(NOVA, True), ("openai.gpt-oss-20b-1:0", False)])
def test_only_models_with_a_cache_tell_of_it(runtime: Any, model: str, told: bool) -> None:
    assert ("cacheReadInputTokens" in usage(runtime, user("one"), model=model)) is told
