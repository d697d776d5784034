"""A responses body as a prompt. Pure; raises InvalidRequest or NotFound, or pydantic's ValidationError for wrong types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.api.responses.choice import decode_choice
from app.api.responses.ids import item_id
from app.api.responses.items import Turns, item_not_found, kind_of
from app.api.responses.parameters import EXTENSIONS, INCLUDES, PARAMETERS, TUNING
from app.api.responses.schema import ResponsesRequest
from app.api.responses.shape import Decoded, Item
from app.api.responses.summary import TRIGGER, since_summary, summary_task
from app.api.responses.tools import Toolbox, echoed
from app.api.responses.wishes import (
    SUMMARIES,
    TIERS,
    TRUNCATIONS,
    VERBOSITY,
    decode_caching,
    decode_effort,
    decode_format,
    decode_verbosity,
    extra_fields,
    unknown_switches,
    wants_summary,
)
from app.core.old_media import mark_old_media
from app.core.prompt import Message, Prompt, Sampling, Text, ToolChoice
from app.core.request_limits import USUAL_LIMITS, RequestLimits
from app.core.request_options import (
    SERVICE_TIERS,
    checked_metadata,
    decode_guardrail,
    decode_latency,
    known_value,
)
from app.errors import InvalidRequest

MAX_TOLD = 20
LOGPROBS = "message.output_text.logprobs"
_KNOWN = frozenset(PARAMETERS) | frozenset(EXTENSIONS)


def references(body: Any) -> list[str]:
    """The ids of the items that a request refers to and does not hold. Of a body that is no such request: none."""
    items = body.get("input") if isinstance(body, Mapping) else None
    found: dict[str, None] = {}
    for item in items if isinstance(items, list) else []:
        known = isinstance(item, Mapping) and item.get("type") in (None, "item_reference") and "role" not in item
        if known and isinstance(item.get("id"), str):
            found[item["id"]] = None
    return list(found)


def decode(
    body: Any,
    *,
    history: Sequence[Mapping[str, Any]] = (),
    referenced: Mapping[str, Mapping[str, Any]] | None = None,
    limits: RequestLimits = USUAL_LIMITS,
) -> Decoded:
    """`body` is the decoded JSON of a request. `history`: the items that precede its own input, oldest first.

    `referenced`: items that are kept elsewhere, by id; those of the history are found there.
    """
    _refuse_chat(body)
    limits.check_lengths(body, "input", "tools")
    request = ResponsesRequest.model_validate(body)
    _refuse(request)
    box = Toolbox(limits.tools)
    box.add(request.tools or [], "tools")
    own = _own_items(request, history, referenced or {})
    compacts = bool(own) and own[-1]["type"] == TRIGGER
    turns = _turns(box, since_summary(history), own[:-1] if compacts else own, limits.messages)
    summary = wants_summary(request.reasoning)
    messages = mark_old_media(tuple(turns.messages) if compacts else (*_instructions(request), *turns.messages))
    if not messages:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    prompt = _prompt(request, box, turns, messages)
    limits.check_schemas(prompt, "text.format")
    return Decoded(
        _asking_for_summary(prompt, request.instructions) if compacts else prompt,
        stream=bool(request.stream),
        store=request.store is not False,
        background=bool(request.background),
        previous_response_id=request.previous_response_id or "",
        conversation=_conversation(request.conversation),
        include=frozenset(request.include or ()),
        names=box.names,
        echo=_echo(request),
        input_items=[item for item in own if item["type"] != TRIGGER],
        summary=summary,
        truncate=request.truncation == "auto",
        compacts=compacts,
        repairs=turns.repairs,
    )


def _refuse_chat(body: Any) -> None:
    if isinstance(body, Mapping) and "input" not in body and "messages" in body:
        raise InvalidRequest(
            "This looks like a chat completions request; responses take `input`.",
            param="input",
            code="missing_required_parameter",
        )


def _refuse(request: ResponsesRequest) -> None:
    """What would change the answer's shape and can't be had, and what contradicts itself."""
    refused = {
        "prompt": request.prompt is not None,
        "moderation": request.moderation is not None,
    }
    for name, wrong in refused.items():
        if wrong:
            raise InvalidRequest(f"{name} is not supported here: {PARAMETERS[name].note}", param=name,
                                 code="unsupported_parameter")  # fmt: skip
    if request.previous_response_id and request.conversation:
        raise InvalidRequest(
            "previous_response_id and conversation can't be given together.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )


def _own_items(
    request: ResponsesRequest, history: Sequence[Mapping[str, Any]], referenced: Mapping[str, Mapping[str, Any]]
) -> list[Item]:
    """The request's input as items with type and id; references are replaced by what they refer to."""
    given = request.input
    if given is None:
        return []
    if isinstance(given, str):
        content = [{"type": "input_text", "text": given}]
        return [
            {"id": item_id("message"), "type": "message", "status": "completed", "role": "user", "content": content}
        ]
    known: dict[str, Mapping[str, Any]] = {**referenced, **{str(item.get("id")): item for item in history}}
    items: list[Item] = []
    repeated: set[str] = set()
    for place, item in enumerate(given):
        param = f"input.{place}"
        kind = kind_of(item, param)
        if kind == "item_reference":
            asked = str(item.get("id"))
            if asked in repeated:  # once is enough: a small request would grow without bounds
                continue
            repeated.add(asked)
            item = known.get(asked)
            if item is None:
                raise item_not_found(asked, f"{param}.id")
            kind = kind_of(item, param)
        own = {**item, "type": kind, "id": _own_id(item, kind)}
        known[own["id"]] = own
        items.append(own)
    return items


def _own_id(item: Mapping[str, Any], kind: str) -> str:
    given = item.get("id")
    return given if isinstance(given, str) and given else item_id(kind)


def _turns(box: Toolbox, history: Sequence[Mapping[str, Any]], own: list[Item], limit: int) -> Turns:
    if len(history) + len(own) > limit:
        raise InvalidRequest(
            f"A response takes at most {limit} input items, with those before it.",
            param="input",
            code="context_length_exceeded",
        )
    turns = Turns(box)
    for place, item in enumerate(history):
        turns.add(dict(item), kind_of(item, f"history.{place}"), f"history.{place}")
    for place, item in enumerate(own):
        turns.add(item, item["type"], f"input.{place}")
    return turns


def _instructions(request: ResponsesRequest) -> list[Message]:
    verbosity = decode_verbosity(request.text)
    return [Message("system", (Text(text),)) for text in (request.instructions, verbosity) if text]


def _prompt(request: ResponsesRequest, box: Toolbox, turns: Turns, messages: tuple[Message, ...]) -> Prompt:
    text, reasoning = request.text or {}, request.reasoning or {}
    effort = decode_effort(reasoning.get("effort"))
    wanted = decode_format(text.get("format"))
    choice = decode_choice(request.tool_choice, box)  # may have to be told
    return Prompt(
        model=request.model,
        messages=messages,
        tools=box.tools,
        tool_choice=choice,
        parallel_tool_calls=request.parallel_tool_calls,
        response_format=wanted if turns.format is None else decode_format(turns.format, "input"),
        sampling=Sampling(request.max_output_tokens, request.temperature, request.top_p, request.top_k),
        effort=effort if turns.effort is None else decode_effort(turns.effort),
        caching=decode_caching(request),
        service_tier=_tier(request.service_tier),
        metadata=checked_metadata(request.metadata),
        user=request.safety_identifier or request.user or "",
        guardrail=decode_guardrail(request.guardrail_config),
        latency=decode_latency(request.performance_config),
        grounding=box.web,
        grounding_else="web_search",
        extra_fields=extra_fields(request),
        ignored=(*box.ignored, *unknown_switches(request, turns.effort), *_ignored(request)),
    )


def _asking_for_summary(prompt: Prompt, instructions: str | None) -> Prompt:
    """The same conversation, with the task of a summary as its last turn and nothing that would shape the answer."""
    task = Message("user", (Text(summary_task(instructions)),))
    return replace(
        prompt,
        messages=(*prompt.messages, task),
        tools=(),
        tool_choice=ToolChoice(),
        response_format=None,
        grounding=False,
    )


def _tier(asked: str | None) -> str | None:
    return "fast" if asked == "ultrafast" else known_value(asked, SERVICE_TIERS[1:])


def _conversation(given: str | dict[str, Any] | None) -> str:
    if given is None or isinstance(given, str):
        return given or ""
    held = given.get("id")
    if not isinstance(held, str) or not held:
        raise InvalidRequest("conversation needs an id.", param="conversation.id", code="missing_required_parameter")
    return held


def _ignored(request: ResponsesRequest) -> tuple[str, ...]:
    """Parameters given that will have no effect; a neutral value is not worth a word. Unknown ones by name."""
    given = [name for name in TUNING if getattr(request, name) not in (None, 0, 0.0, [], {})]
    if not set(request.include or ()) <= set(INCLUDES) - {LOGPROBS}:
        given.append("include")
    extra = request.model_extra or {}
    unknown = [name for name in extra if name not in _KNOWN and extra[name] is not None]
    return (*given, *(_clean(name) for name in unknown[:MAX_TOLD]))


def _clean(name: str) -> str:
    """A client's word, fit for a header."""
    letters = (letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "_" for letter in name[:40])
    return "".join(letters)


def _echo(request: ResponsesRequest) -> dict[str, Any]:
    """What the response repeats. Numbers and lists are never null: strict schemas refuse that (Open Responses 2026-04)."""
    reasoning, text = request.reasoning or {}, request.text or {}
    echo: dict[str, Any] = {
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": {
            "effort": decode_effort(reasoning.get("effort")),
            "summary": known_value(reasoning.get("summary"), SUMMARIES),
        },
        "safety_identifier": request.safety_identifier,
        "service_tier": known_value(request.service_tier, TIERS[1:]) or "default",
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {"format": text.get("format") or {"type": "text"}}
        | ({"verbosity": text["verbosity"]} if known_value(text.get("verbosity"), VERBOSITY) else {}),
        "tool_choice": request.tool_choice or "auto",
        "tools": [echoed(tool) for tool in request.tools or ()],
        "top_logprobs": 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": known_value(request.truncation, TRUNCATIONS) or "disabled",
        "metadata": request.metadata or {},
        "presence_penalty": request.presence_penalty or 0.0,
        "frequency_penalty": request.frequency_penalty or 0.0,
    }
    given = {"user": request.user, "prompt_cache_retention": request.prompt_cache_retention}
    return echo | {name: value for name, value in given.items() if value is not None}
