"""DEBUG's lines: what a request was made of, its words as length and hash unless they were asked for."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from app.core.ports import Call, Caller, EmbeddingItem, EmbeddingRequest, Embeddings
from app.core.prompt import (
    Blob,
    CachePoint,
    Link,
    Media,
    Message,
    Prompt,
    Reasoning,
    ResponseFormat,
    S3Object,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from app.meter.shapes import LogInputs, LogPrompts

CALL = Call("req_1", Caller("default"), "chat.completions")
BASE64 = "aGlkZGVuIHBpY3R1cmU="
PROMPT = Prompt(
    "model",
    (
        Message("system", (Text("hidden rule"), CachePoint())),
        Message(
            "user", (Text("hidden word"), Media("image", Blob(BASE64, 14)), Media("image", Link("https://hidden/x")))
        ),
        Message("assistant", (Reasoning("hidden thought", "seal"), ToolCall("call_1", "hidden_tool", '{"hidden": 1}'))),
        Message("user", (ToolResult("call_1", (Text("hidden result"),)), Media("document", S3Object("s3://hidden/y")))),
    ),
    tools=(Tool("hidden_tool", "hidden description", {"type": "object"}),),
    response_format=ResponseFormat("json_object"),
    sampling=Sampling(max_tokens=5, temperature=0.0, stop=("hidden",)),
    extra_fields={"field": "hidden"},
)


async def line(caplog: pytest.LogCaptureFixture, *, content: bool, level: int = logging.DEBUG) -> Any:
    with caplog.at_level(level, logger="gateway.shape"):
        assert await LogPrompts(content=content).prepare(PROMPT, CALL) is PROMPT
    return json.loads(caplog.messages[0]) if caplog.messages else None


async def test_a_prompt_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    told = await line(caplog, content=False)
    assert "hidden" not in json.dumps(told)
    assert BASE64 not in caplog.text
    assert (told["request_id"], told["endpoint"], told["max_tokens"]) == ("req_1", "chat.completions", 5)
    assert [message["role"] for message in told["messages"]] == ["system", "user", "assistant", "user"]
    kinds = [[part["kind"] for part in message["parts"]] for message in told["messages"]]
    assert kinds == [["text", "cache_point"], ["text", "image", "image"], ["reasoning", "tool_call"],
                     ["tool_result", "document"]]  # fmt: skip
    text = told["messages"][1]["parts"][0]["text"]
    assert text["length"] == 11
    assert len(text["sha256"]) == 12


async def test_with_log_content_the_words_are_told_and_pictures_are_not(caplog: pytest.LogCaptureFixture) -> None:
    told = json.dumps(await line(caplog, content=True))
    for word in ("hidden word", "hidden thought", "hidden_tool", "hidden result", "https://hidden/x", "s3://hidden/y"):
        assert word in told
    assert BASE64 not in told


async def test_a_temperature_of_zero_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert (await line(caplog, content=False))["temperature"] == 0


async def test_nothing_is_told_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    assert await line(caplog, content=True, level=logging.INFO) is None


class Inner:
    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        return Embeddings([[1.0]], 1, request.model)


@pytest.mark.parametrize("content", [False, True])
async def test_inputs_of_embeddings(caplog: pytest.LogCaptureFixture, content: bool) -> None:
    request = EmbeddingRequest(
        "model", (EmbeddingItem("hidden"), EmbeddingItem(image=Blob(BASE64, 14))), dimensions=256
    )
    with caplog.at_level(logging.DEBUG, logger="gateway.shape"):
        assert (await LogInputs(Inner(), content=content).embed(request, CALL)).tokens == 1
    told = json.loads(caplog.messages[0])
    assert ("hidden" in caplog.text) is content
    assert BASE64 not in caplog.text
    assert (len(told["inputs"]), told["dimensions"]) == (2, 256)
