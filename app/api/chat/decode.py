"""A chat completions body as a prompt. Pure; raises InvalidRequest, or pydantic's ValidationError for wrong types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.api.chat.caching import decode_caching
from app.api.chat.messages import decode_messages
from app.api.chat.parameters import EXTENSIONS, PARAMETERS, TUNING
from app.api.chat.schema import ChatRequest
from app.api.chat.tools import decode_tool_choice, decode_tools
from app.core.prompt import Prompt, ResponseFormat, Sampling, ToolChoice
from app.core.request_limits import USUAL_LIMITS, RequestLimits
from app.core.request_options import (
    EFFORTS,
    SERVICE_TIERS,
    checked_metadata,
    decode_guardrail,
    decode_latency,
    known_value,
    unknown_values,
)
from app.errors import InvalidRequest

_KNOWN = frozenset(PARAMETERS) | frozenset(EXTENSIONS)
MAX_TOLD = 20


@dataclass(frozen=True, slots=True)
class Decoded:
    """The prompt and how the client wants its answer: streamed, how many, with usage, in which dialect of tools."""

    prompt: Prompt
    stream: bool
    n: int
    include_usage: bool
    legacy_functions: bool
    custom_tools: frozenset[str]


def decode(body: Any, *, max_choices: int = 128, limits: RequestLimits = USUAL_LIMITS) -> Decoded:
    """`body` is the decoded JSON of a request."""
    if isinstance(body, Mapping) and "messages" not in body and "input" in body:
        raise InvalidRequest(
            "This looks like a Responses API request; chat completions take `messages`.",
            param="messages",
            code="missing_required_parameter",
        )
    limits.check_lengths(body, "messages", "tools", "functions")
    request = ChatRequest.model_validate(body)
    _refuse(request, max_choices)
    tools, custom = decode_tools(request.tools or [], request.functions or [])
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    prompt = Prompt(
        model=request.model,
        messages=decode_messages(request.messages, custom),
        tools=tools,
        tool_choice=_tool_choice(request, {tool.name for tool in tools}) if tools else ToolChoice(),
        parallel_tool_calls=request.parallel_tool_calls,
        response_format=decode_response_format(request.response_format),
        sampling=Sampling(limit, request.temperature, request.top_p, request.top_k, _stop(request.stop)),
        effort=_effort(request),
        caching=decode_caching(request),
        service_tier=known_value(request.service_tier, SERVICE_TIERS[1:]),
        metadata=checked_metadata(request.metadata),
        user=request.safety_identifier or request.user or "",
        guardrail=decode_guardrail(request.guardrail_config),
        latency=decode_latency(request.performance_config),
        grounding=request.web_search_options is not None,
        extra_fields=_extra_fields(request),
        ignored=(*_ignored(request), *(() if tools else _unforced(request))),
    )
    limits.check_schemas(prompt, "response_format")
    return Decoded(
        prompt,
        stream=bool(request.stream),
        n=request.n or 1,
        include_usage=bool(request.stream_options and request.stream_options.include_usage),
        legacy_functions=bool(request.functions) and not request.tools,
        custom_tools=custom,
    )


def _refuse(request: ChatRequest, max_choices: int) -> None:
    """What would change the answer's shape and can't be had."""
    refused = {
        "audio": request.audio is not None,
        "moderation": request.moderation is not None,
        "modalities": any(word != "text" for word in request.modalities or ()),
    }
    for name, wrong in refused.items():
        if wrong:
            raise InvalidRequest(
                f"{name} is not supported by models on Bedrock Converse.", param=name, code="unsupported_parameter"
            )
    if (request.n or 1) > max_choices:
        raise InvalidRequest(f"n may be at most {max_choices} here.", param="n", code="invalid_value")


def _tool_choice(request: ChatRequest, known: set[str]) -> ToolChoice:
    choice = decode_tool_choice(request.tool_choice, request.function_call)
    if choice.mode == "tool" and choice.name not in known:
        raise InvalidRequest(
            "tool_choice names a tool that is not among the tools.", param="tool_choice", code="invalid_value"
        )
    if choice.allowed is not None and not known.intersection(choice.allowed):
        raise InvalidRequest(
            "tool_choice allows none of the tools that are given.", param="tool_choice", code="invalid_value"
        )
    return choice


def _unforced(request: ChatRequest) -> tuple[str, ...]:
    """The choices that mean nothing without tools. Neither `auto` nor `none` asks for a call."""
    given = {"tool_choice": request.tool_choice, "function_call": request.function_call}
    kinds = {name: value.get("type", "tool") if isinstance(value, Mapping) else value for name, value in given.items()}
    return tuple(name for name, kind in kinds.items() if kind not in (None, "auto", "none"))


def decode_response_format(wanted: Mapping[str, Any] | None) -> ResponseFormat | None:
    """`text` is None. Raises InvalidRequest where a schema is missing."""
    if wanted is None or wanted.get("type") in (None, "text"):
        return None
    if wanted["type"] == "json_object":
        return ResponseFormat("json_object")
    if wanted["type"] != "json_schema":
        raise InvalidRequest(
            "response_format.type must be text, json_object or json_schema.",
            param="response_format.type",
            code="invalid_value",
        )
    holder = wanted.get("json_schema")
    if isinstance(holder, Mapping) and holder.get("schema") is None:
        return ResponseFormat("json_object")  # a schema is optional at OpenAI; any object will do
    schema = holder.get("schema") if isinstance(holder, Mapping) else None
    if not isinstance(holder, Mapping) or not isinstance(schema, Mapping):
        raise InvalidRequest(
            "response_format needs json_schema.schema.",
            param="response_format.json_schema",
            code="missing_required_parameter",
        )
    name, description = holder.get("name"), holder.get("description")
    return ResponseFormat(
        "json_schema",
        schema,
        _schema_name(name) if isinstance(name, str) else "response",
        description if isinstance(description, str) else "",
    )


def _schema_name(name: str) -> str:
    return (
        "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name)[:64]
        or "response"
    )


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)


def _effort(request: ChatRequest) -> str | None:
    """`reasoning_effort`, or the `reasoning` object that other gateways' clients send: effort, enabled, max_tokens."""
    if request.reasoning_effort is not None:
        return known_value(request.reasoning_effort, EFFORTS)
    reasoning = request.reasoning or {}
    effort = reasoning.get("effort")
    if effort is None:
        if reasoning.get("enabled") is False:
            return "none"
        budget = reasoning.get("max_tokens")
        if isinstance(budget, int) and budget > 0:
            return next((level for level, most in _LEVELS_BY_BUDGET if budget <= most), "max")
        return "medium" if reasoning.get("enabled") is True else None
    return known_value(effort, EFFORTS)


_LEVELS_BY_BUDGET = (("low", 1024), ("medium", 2048), ("high", 4096), ("xhigh", 8192))


def _extra_fields(request: ChatRequest) -> dict[str, Any]:
    """Fields for the model itself, unread: Anthropic's `thinking`, `additional_model_request_fields`, `extra_body`."""
    fields: dict[str, Any] = {}
    if request.thinking:
        fields["thinking"] = request.thinking
    fields |= request.additional_model_request_fields or {}
    fields |= {name: value for name, value in (request.extra_body or {}).items() if name != "prompt_caching"}
    return fields


def _ignored(request: ChatRequest) -> tuple[str, ...]:
    """Parameters given that will have no effect; a neutral value is not worth a word. Unknown ones by name."""
    given = [name for name in TUNING if getattr(request, name) not in (None, 0, 0.0, False, {})]
    unknown = [
        name
        for name in request.model_extra or {}
        if name not in _KNOWN and (request.model_extra or {})[name] is not None
    ]
    switches = {
        "reasoning_effort": (request.reasoning_effort, EFFORTS),
        "reasoning.effort": ((request.reasoning or {}).get("effort"), EFFORTS),
        "service_tier": (request.service_tier, SERVICE_TIERS),
    }
    return (*given, *unknown_values(switches), *(clean_name(name) for name in unknown[:MAX_TOLD]))


def clean_name(name: str) -> str:
    """A client's word, fit for a header."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "_" for letter in name)[
        :40
    ]
