"""Short ways to ask the gateway something and to see what it asked of Bedrock."""

from __future__ import annotations

import json
from typing import Any

import httpx

from local.emulator import Emulator

NOVA = "amazon.nova-lite-v1:0"
SONNET_45 = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS_5 = "anthropic.claude-opus-5"
GPT = "us.openai.gpt-5.6-sol"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

Json = dict[str, Any]


def tool(name: str = "get_weather", parameters: Any = None) -> Json:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": schema if parameters is None else parameters}}


def called(*ids: str, name: str = "get_weather", arguments: str = '{"city": "Paris"}', **more: Any) -> Json:
    calls = [{"id": each, "type": "function", "function": {"name": name, "arguments": arguments}} for each in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls} | more


def result(call_id: str, content: Any = "sunny") -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def say(text: str = "Hello", role: str = "user") -> Json:
    return {"role": role, "content": text}


def post(http: httpx.Client, *messages: Json, model: str = NOVA, **options: Any) -> httpx.Response:
    body = {"model": model, "messages": list(messages) or [say()]} | options
    return http.post("/v1/chat/completions", json=body)


def whole(http: httpx.Client, *messages: Json, **options: Any) -> Json:
    """The answer of a request that has to succeed."""
    response = post(http, *messages, **options)
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


def message_of(reply: Json) -> Json:
    found: Json = reply["choices"][0]["message"]
    return found


def repairs(response: httpx.Response) -> dict[str, int]:
    told = response.headers.get("x-gateway-repairs", "")
    return {name: int(count) for name, _, count in (each.partition("=") for each in told.split(",") if each)}


def frames(response: httpx.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]


def chunks(response: httpx.Response) -> list[Json]:
    return [json.loads(frame) for frame in frames(response) if frame != "[DONE]"]


def deltas(response: httpx.Response) -> list[Json]:
    return [chunk["choices"][0]["delta"] for chunk in chunks(response) if chunk.get("choices")]


def sent(emulator: Emulator) -> list[Json]:
    """The bodies of the model calls that reached Bedrock."""
    return [each.body for each in emulator.requests if each.method == "POST"]


def problem(response: httpx.Response) -> tuple[int, Any, Any]:
    """Status, code and param of an error, whose envelope has to be OpenAI's."""
    error = response.json()["error"]
    assert {"message", "type", "param", "code"} <= error.keys()
    assert response.headers["x-request-id"]
    return response.status_code, error["code"], error["param"]
