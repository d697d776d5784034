"""Short ways to ask the emulator something through boto3, shared by the tests of this folder."""

import json
from typing import Any

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
}


def user(*contents: str | dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": each} if isinstance(each, str) else each for each in contents]}


def assistant(*contents: str | dict[str, Any]) -> dict[str, Any]:
    return {**user(*contents), "role": "assistant"}


def tool(name: str = "get_weather", schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"toolSpec": {"name": name, "inputSchema": {"json": WEATHER if schema is None else schema}}}


def tools(*names: str) -> dict[str, Any]:
    return {"tools": [tool(name) for name in names or ("get_weather",)]}


def tool_use(call_id: str = "t1", name: str = "get_weather") -> dict[str, Any]:
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": {"city": "Paris", "days": 1}}}


def tool_result(call_id: str = "t1", text: str = "sunny") -> dict[str, Any]:
    return {"toolResult": {"toolUseId": call_id, "content": [{"text": text}]}}


def ask(runtime: Any, text: str = "hello", model: str = CLAUDE, **options: Any) -> Any:
    return runtime.converse(modelId=model, messages=[user(text)], **options)


def text_of(response: Any) -> str:
    return "".join(block.get("text", "") for block in response["output"]["message"]["content"])


def stream(runtime: Any, text: str = "hello", model: str = CLAUDE, **options: Any) -> list[dict[str, Any]]:
    events = runtime.converse_stream(modelId=model, messages=[user(text)], **options)["stream"]
    try:
        return list(events)
    finally:
        events.close()  # a stream that raises keeps its connection open otherwise


def deltas(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]


def fold(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Events as the message, stop reason and usage that Converse would have given."""
    blocks: dict[int, dict[str, Any]] = {}
    inputs: dict[int, str] = {}
    folded: dict[str, Any] = {}
    for event in events:
        if "contentBlockStart" in event:
            index = event["contentBlockStart"]["contentBlockIndex"]
            blocks[index] = {"toolUse": dict(event["contentBlockStart"]["start"]["toolUse"])}
            inputs[index] = ""
        elif "contentBlockDelta" in event:
            index = event["contentBlockDelta"]["contentBlockIndex"]
            _add(blocks, inputs, index, event["contentBlockDelta"]["delta"])
        elif "messageStop" in event:
            folded["stopReason"] = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            folded["usage"] = event["metadata"]["usage"]
    for index, text in inputs.items():
        blocks[index]["toolUse"]["input"] = json.loads(text or "{}")
    return folded | {"content": [blocks[index] for index in sorted(blocks)]}


def _add(blocks: dict[int, dict[str, Any]], inputs: dict[int, str], index: int, delta: dict[str, Any]) -> None:
    if "toolUse" in delta:
        inputs[index] += delta["toolUse"]["input"]
    elif "text" in delta:
        block = blocks.setdefault(index, {"text": ""})
        block["text"] += delta["text"]
    else:
        block = blocks.setdefault(index, {"reasoningContent": {"reasoningText": {"text": ""}}})
        reasoning = block["reasoningContent"]["reasoningText"]
        for key, value in delta["reasoningContent"].items():
            reasoning[key] = reasoning.get(key, "") + value
