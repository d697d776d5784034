"""A plan as the request that goes to Bedrock: path and JSON body of `Converse` or `ConverseStream`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json

from app.core.plan import Plan
from app.core.prompt import Media, Message, Text, ToolResult
from app.upstreams.converse.cache import place_cache_points
from app.upstreams.converse.flatten import flattened
from app.upstreams.converse.media import MediaBlocks
from app.upstreams.converse.messages import Blocks, to_messages, to_system
from app.upstreams.converse.repair import repair
from app.upstreams.converse.tools import to_tool_config


def to_path(plan: Plan) -> str:
    """`/model/{modelId}/converse`; the id is percent-encoded whole, ARNs too."""
    return f"/model/{quote(plan.target.model_id, safe='')}/{'converse' if plan.whole else 'converse-stream'}"


def to_body(plan: Plan) -> tuple[dict[str, Any], Counter[str]]:
    """The body as a JSON object (blobs are base64 text) and the repairs it took."""
    traits = plan.target.traits
    messages = _instructed(plan.messages, plan.instructions)
    with_tools = bool(plan.tools) or plan.grounding
    repaired = repair(messages, traits, reasoning=plan.reasoning, tools=with_tools)
    repairs = repaired.repairs
    turns = repaired.messages if traits.tool_use else flattened(repaired.messages)
    if turns is not repaired.messages:
        repairs["flattened-tools"] += 1
    media = MediaBlocks(traits, plan.prompt.model, repairs, _images(turns))
    tool_config, names = to_tool_config(plan, repairs)
    writer = Blocks(media, names, repairs, statuses=traits.tool_result_status)
    body: dict[str, Any] = {"messages": to_messages(turns, writer)}
    if repaired.system:
        body["system"] = to_system(repaired.system)
    if tool_config is not None:
        body["toolConfig"] = tool_config
    place_cache_points(
        body,
        explicit=plan.cache_points,
        auto=plan.cache_auto,
        tools=traits.cache_tools,
        ttl=plan.cache_ttl,
        one_hour=traits.cache_one_hour,
    )
    _note(body["messages"], plan.notes)
    return body | _settings(plan), repairs


def _images(turns: Sequence[Message]) -> int:
    parts = [part for turn in turns for part in turn.parts]
    inner = [item for part in parts if isinstance(part, ToolResult) for item in part.content]
    return sum(isinstance(part, Media) and part.kind == "image" for part in (*parts, *inner))


def to_bytes(body: dict[str, Any]) -> bytes:
    return to_json(body)


def _settings(plan: Plan) -> dict[str, Any]:
    """Every member beside the conversation; absent where there is nothing to say."""
    limits = {
        "maxTokens": plan.max_tokens,
        "temperature": plan.temperature,
        "topP": plan.top_p,
        "stopSequences": list(plan.stop) or None,
    }
    inference = {name: value for name, value in limits.items() if value is not None}
    settings = {
        "inferenceConfig": inference,
        "additionalModelRequestFields": dict(plan.fields),
        "additionalModelResponseFieldPaths": list(plan.response_paths),
        "outputConfig": _output_config(plan),
        "guardrailConfig": _guardrail(plan),
        "requestMetadata": dict(plan.metadata),
        "performanceConfig": {"latency": plan.latency} if plan.latency else None,
        "serviceTier": {"type": plan.service_tier} if plan.service_tier else None,
    }
    return {name: value for name, value in settings.items() if value}


def _output_config(plan: Plan) -> dict[str, Any] | None:
    wanted = plan.text_format
    if wanted is None:
        return None
    schema: dict[str, Any] = {"schema": to_json(wanted.schema).decode(), "name": wanted.name}
    if wanted.description:
        schema["description"] = wanted.description
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _guardrail(plan: Plan) -> dict[str, Any] | None:
    guardrail = plan.guardrail
    if guardrail is None:
        return None
    config = {"guardrailIdentifier": guardrail.identifier, "guardrailVersion": guardrail.version}
    if guardrail.trace:
        config["trace"] = guardrail.trace
    if guardrail.stream_mode and not plan.whole:
        config["streamProcessingMode"] = guardrail.stream_mode
    return config


def _instructed(messages: tuple[Message, ...], instructions: tuple[str, ...]) -> tuple[Message, ...]:
    """The gateway's own instructions behind the client's leading ones, whichever way the model is told them."""
    if not instructions:
        return messages
    lead = next((at for at, message in enumerate(messages) if message.role != "system"), len(messages))
    told = Message("system", tuple(Text(text) for text in instructions))
    return (*messages[:lead], told, *messages[lead:])


def _note(turns: list[dict[str, Any]], notes: tuple[str, ...]) -> None:
    """The notes at the end of the last user turn, behind its cache point: the next request will not have them."""
    last = next(turn for turn in reversed(turns) if turn["role"] == "user")
    last["content"].extend({"text": note} for note in notes)
