"""Converse bodies for the tests of the rules, and the models that they are held against."""

import base64
import json
from typing import Any

from tests.unit.local.asking import assistant, tool, tool_result, tool_use, tools, user

OPUS_5 = "us.anthropic.claude-opus-5"
OPUS_48 = "us.anthropic.claude-opus-4-8"
OPUS_55 = "us.anthropic.claude-opus-5-5"
HAIKU_35 = "us.anthropic.claude-3-5-haiku-20241022-v1:0"
SONNET_4 = "us.anthropic.claude-sonnet-4-20250514-v1:0"
OPUS_45 = "us.anthropic.claude-opus-4-5-20251101-v1:0"
SONNET_46 = "us.anthropic.claude-sonnet-4-6"
GPT = "us.openai.gpt-5.6-sol"
GPT_61 = "us.openai.gpt-6.1-sol"
GROK = "us.xai.grok-4.7"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
OSS = "openai.gpt-oss-20b-1:0"
R1 = "us.deepseek.r1-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
MICRO = "amazon.nova-micro-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
ADAPTIVE = {"thinking": {"type": "adaptive"}}
POINT: dict[str, Any] = {"cachePoint": {"type": "default"}}
HOUR: dict[str, Any] = {"cachePoint": {"type": "default", "ttl": "1h"}}
FIVE: dict[str, Any] = {"cachePoint": {"type": "default", "ttl": "5m"}}


def body(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [user("hi")], **members}


def loop(*leading: dict[str, Any], **members: Any) -> dict[str, Any]:
    return body(user("hi"), assistant(*leading, tool_use()), user(tool_result()), toolConfig=tools(), **members)


def reasoning(text: str = "hm", signature: str | None = None) -> dict[str, Any]:
    inner = {"text": text} | ({"signature": signature} if signature else {})
    return {"reasoningContent": {"reasoningText": inner}}


def redacted(blob: str) -> dict[str, Any]:
    return {"reasoningContent": {"redactedContent": blob}}


def image(kind: str = "png", data: str = PNG) -> dict[str, Any]:
    return {"image": {"format": kind, "source": {"bytes": data}}}


def document(name: str = "notes") -> dict[str, Any]:
    return {"document": {"format": "txt", "name": name, "source": {"bytes": "YWJj"}}}


def text_format(schema: Any) -> dict[str, Any]:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": text, "name": "n"}}}}


def fields(**native: Any) -> dict[str, Any]:
    return body(additionalModelRequestFields=native)


def inference(**members: Any) -> dict[str, Any]:
    return body(inferenceConfig=members)


def choice(kind: str, **members: Any) -> dict[str, Any]:
    chosen = {"name": "get_weather"} if kind == "tool" else {}
    return body(toolConfig={**tools(), "toolChoice": {kind: chosen}}, **members)


def strict() -> dict[str, Any]:
    entry = tool()
    entry["toolSpec"]["strict"] = True
    return body(toolConfig={"tools": [entry]})


CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}
RESULT_IMAGE = {"toolResult": {"toolUseId": "t1", "content": [image()]}}
EMPTY_ERROR = {"toolResult": {"toolUseId": "t1", "content": [], "status": "error"}}
LIST_RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"json": [1]}]}}
