"""What a model that obliges answers, whole and streamed, through a stock boto3 client."""

import json
import struct
import zlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.behaviour.prompt import dimensions
from local.emulator import Emulator
from tests.unit.local.asking import (
    CLAUDE,
    NOVA,
    ask,
    assistant,
    deltas,
    fold,
    stream,
    text_of,
    tools,
    user,
)

NOVA_REASONING = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}


def png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def test_the_answer_mentions_the_question(runtime: Any) -> None:
    response = ask(runtime, "Where is the harbour?")
    assert "Where is the harbour?" in text_of(response)
    assert response["stopReason"] == "end_turn"
    assert response["metrics"]["latencyMs"] > 0
    assert len(response["ResponseMetadata"]["RequestId"]) == 36


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"inferenceConfig": {"maxTokens": 4}},
        {"inferenceConfig": {"stopSequences": ["sunny"]}},
        {"toolConfig": tools("get_weather", "get_time")},
        {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}},
    ],
)
def test_the_stream_folds_to_the_whole_answer(runtime: Any, options: dict[str, Any]) -> None:
    question = "Is it sunny weather in Paris? call get_weather and get_time"
    whole = ask(runtime, question, **options)
    folded = fold(stream(runtime, question, **options))
    assert folded["content"] == whole["output"]["message"]["content"]
    assert folded["stopReason"] == whole["stopReason"]
    assert folded["usage"] == whole["usage"]


def test_events_come_in_the_documented_order(runtime: Any) -> None:
    names = [next(iter(event)) for event in stream(runtime, "hi")]
    assert names[0] == "messageStart"
    assert names[1] == "contentBlockDelta"
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]


def test_max_tokens_cuts_the_answer(runtime: Any) -> None:
    response = ask(runtime, "a fairly long question", inferenceConfig={"maxTokens": 3})
    assert response["stopReason"] == "max_tokens"
    assert response["usage"]["outputTokens"] == 3


def test_a_stop_sequence_ends_the_answer_and_is_named_when_asked_for(runtime: Any) -> None:
    response = ask(
        runtime,
        "one two STOP three",
        inferenceConfig={"stopSequences": ["STOP"]},
        additionalModelResponseFieldPaths=["/stop_sequence", "/unknown"],
    )
    assert response["stopReason"] == "stop_sequence"
    assert text_of(response).endswith("one two ")
    assert response["additionalModelResponseFields"] == {"stop_sequence": "STOP"}


def test_thinking_tokens_are_told_when_asked_for(runtime: Any) -> None:
    response = ask(
        runtime,
        additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 2000}},
        additionalModelResponseFieldPaths=["/usage/output_tokens_details"],
    )
    details = response["additionalModelResponseFields"]["usage"]["output_tokens_details"]
    assert 0 < details["thinking_tokens"] < response["usage"]["outputTokens"]


def test_a_malformed_pointer_is_refused(runtime: Any) -> None:
    with pytest.raises(ClientError, match="not a valid JSON Pointer"):
        ask(runtime, additionalModelResponseFieldPaths=["stop_sequence"])


def test_claude_signs_its_reasoning_after_the_text(runtime: Any) -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    parts = [delta["reasoningContent"] for delta in deltas(stream(runtime, additionalModelRequestFields=thinking))
             if "reasoningContent" in delta]  # fmt: skip
    assert all("text" in part for part in parts[:-1])
    assert "signature" in parts[-1]


def test_reasoning_can_be_redacted(runtime: Any) -> None:
    block = ask(runtime, "hm [[emulate: think redacted]]")["output"]["message"]["content"][0]
    assert isinstance(block["reasoningContent"]["redactedContent"], bytes)
    pieces = [
        each["reasoningContent"]["redactedContent"]
        for each in deltas(stream(runtime, "hm [[emulate: think redacted]]"))
        if "reasoningContent" in each
    ]
    assert len(pieces) > 1
    assert b"".join(pieces) == block["reasoningContent"]["redactedContent"]


@pytest.mark.parametrize(
    ("model", "fields"),
    [("us.openai.gpt-5.5", {"reasoning": {"effort": "high"}}), ("us.xai.grok-4.7", {"reasoning_effort": "low"})],
)
def test_openai_and_xai_encrypt_their_reasoning(runtime: Any, model: str, fields: Any) -> None:
    block = ask(runtime, model=model, additionalModelRequestFields=fields)["output"]["message"]["content"][0]
    assert set(block["reasoningContent"]) == {"redactedContent"}


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        ("us.amazon.nova-2-lite-v1:0", NOVA_REASONING, "[REDACTED]"),
        ("openai.gpt-oss-20b-1:0", {"reasoning_effort": "low"}, "The user says"),
        ("us.deepseek.r1-v1:0", None, "The user says"),
    ],
)
def test_other_families_reason_without_signing(runtime: Any, model: str, fields: Any, expected: str) -> None:
    options = {"additionalModelRequestFields": fields} if fields else {}
    reasoning = ask(runtime, model=model, **options)["output"]["message"]["content"][0]["reasoningContent"]
    assert reasoning["reasoningText"]["text"].startswith(expected)
    assert "signature" not in reasoning["reasoningText"]


def test_effort_none_does_not_reason(runtime: Any) -> None:
    response = ask(runtime, model="us.openai.gpt-5.5", additionalModelRequestFields={"reasoning": {"effort": "none"}})
    assert "reasoningContent" not in response["output"]["message"]["content"][0]


def test_structured_output_fits_its_schema(runtime: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    text_format = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema), "name": "person"}}}
    response = ask(runtime, 'age 41, name is "Ada"', outputConfig={"textFormat": text_format})
    assert json.loads(text_of(response)) == {"name": "Ada", "age": 41}


def test_a_prompt_that_asks_for_json_gets_an_object_fenced_on_request(runtime: Any) -> None:
    assert json.loads(text_of(ask(runtime, "Answer with a JSON object."))) == {"answer": "Answer with a JSON object."}
    assert text_of(ask(runtime, "Answer with a JSON object. [fenced]")).startswith("```json\n{")


def test_a_schema_in_the_instruction_is_followed(runtime: Any) -> None:
    schema = json.dumps({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    response = ask(runtime, "n is 7", system=[{"text": f"Respond with JSON after this schema: {schema}"}])
    assert json.loads(text_of(response)) == {"n": 7}


def test_images_and_documents_are_described(runtime: Any) -> None:
    image = {"image": {"format": "png", "source": {"bytes": png(12, 34)}}}
    document = {"document": {"format": "txt", "name": "notes", "source": {"bytes": b"abc"}}}
    response = runtime.converse(modelId=CLAUDE, messages=[user("What is this?", image, document)])
    assert "a png image of 12x34 pixels" in text_of(response)
    assert 'the document "notes"' in text_of(response)


def test_citations_on_request(runtime: Any) -> None:
    block = ask(runtime, "cite [[emulate: citations]]")["output"]["message"]["content"][0]["citationsContent"]
    streamed = [
        delta["citation"] for delta in deltas(stream(runtime, "cite [[emulate: citations]]")) if "citation" in delta
    ]
    assert [citation["location"] for citation in block["citations"]] == [each["location"] for each in streamed]


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        (png(3, 4), (3, 4)),
        (b"GIF89a" + struct.pack("<HH", 5, 6), (5, 6)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 8, 7) + b"\x03", (7, 8)),
        (b"\xff\xd8\xff", (0, 0)),
        (b"RIFF", (0, 0)),
    ],
)
def test_the_size_of_an_image(raw: bytes, size: tuple[int, int]) -> None:
    assert dimensions(raw) == size


def test_video_and_audio_are_mentioned(runtime: Any) -> None:
    video = {"video": {"format": "mp4", "source": {"bytes": b"abc"}}}
    audio = {"audio": {"format": "wav", "source": {"bytes": b"abc"}}}
    seen = runtime.converse(modelId=NOVA, messages=[user("What is this?", video)])
    heard = runtime.converse(modelId="mistral.voxtral-mini-3b-2507", messages=[user("What is this?", audio)])
    assert "a mp4 video" in text_of(seen)
    assert "wav audio" in text_of(heard)


def test_service_tier_and_performance_are_echoed(runtime: Any) -> None:
    tier, latency = {"type": "flex"}, {"latency": "optimized"}
    response = ask(runtime, model=NOVA, serviceTier=tier, performanceConfig=latency)
    assert (response["serviceTier"], response["performanceConfig"]) == (tier, latency)


def test_a_guardrail_blocks_its_word_and_says_so_in_the_trace(runtime: Any) -> None:
    config = {"guardrailIdentifier": "gr1234567890", "guardrailVersion": "1", "trace": "enabled"}
    blocked = ask(runtime, "something Forbidden", guardrailConfig=config)
    assert blocked["stopReason"] == "guardrail_intervened"
    assert "Forbidden" not in text_of(blocked)
    policy = blocked["trace"]["guardrail"]["inputAssessment"]["gr1234567890"]["wordPolicy"]
    assert policy["customWords"][0]["match"] == "Forbidden"
    assert ask(runtime, "something else", guardrailConfig=config)["stopReason"] == "end_turn"


def test_apply_guardrail(runtime: Any) -> None:
    def applied(text: str) -> Any:
        return runtime.apply_guardrail(
            guardrailIdentifier="gr1", guardrailVersion="DRAFT", source="INPUT", content=[{"text": {"text": text}}]
        )

    assert applied("forbidden fruit")["action"] == "GUARDRAIL_INTERVENED"
    assert applied("fruit")["action"] == "NONE"


def test_a_prompt_router_tells_the_model_it_chose(runtime: Any) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/amazon.nova:1"
    assert ask(runtime, model=arn)["trace"]["promptRouter"]["invokedModelId"].endswith("amazon.nova-lite-v1:0")


def test_prefill_is_continued_where_a_model_allows_it(runtime: Any) -> None:
    assert runtime.converse(modelId=CLAUDE, messages=[user("hi"), assistant("Well,")])["stopReason"] == "end_turn"


def test_token_counts_are_those_of_the_usage(runtime: Any) -> None:
    messages = [user("a question of some length")]
    counted = runtime.count_tokens(
        modelId="anthropic.claude-sonnet-4-5-20250929-v1:0", input={"converse": {"messages": messages}}
    )
    assert counted["inputTokens"] == runtime.converse(modelId=CLAUDE, messages=messages)["usage"]["inputTokens"]
    native = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    body = {"invokeModel": {"body": native}}
    assert runtime.count_tokens(modelId="anthropic.claude-opus-4-7", input=body)["inputTokens"] > 0
    with pytest.raises(ClientError, match="doesn't support counting tokens"):
        runtime.count_tokens(modelId="amazon.nova-lite-v1:0", input=body)


def test_requests_are_recorded(emulator: Emulator, runtime: Any) -> None:
    ask(runtime, "hi", model=NOVA)
    (entry,) = emulator.requests
    assert (entry.method, entry.operation, entry.model_id, entry.status) == ("POST", "Converse", NOVA, 200)
    assert entry.path == "/model/amazon.nova-lite-v1%3A0/converse"
    assert entry.body["messages"][0]["role"] == "user"
    assert entry.headers["content-type"] == "application/json"
