"""Converse and ConverseStream: the same answer, whole or as events."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from local import eventstream
from local.behaviour import prompt as prompts
from local.behaviour.answer import Answer, compose
from local.behaviour.prompt import Body, Prompt
from local.emulator import events
from local.emulator.call import Call, State
from local.emulator.errors import Invalid, json_reply, standard_headers
from local.emulator.frames import chopper, paced
from local.emulator.guardrail import blocked_words, trace
from local.emulator.messages import Reply, Step
from local.emulator.rehearsal import fail_before, first_event_failure, rehearsed, token_delay
from local.models import ModelFacts, Target

_BASE_LATENCY = 120
_TOKEN_LATENCY = 8


@dataclass(slots=True)
class Exchange:
    """A request with its answer: `metadata` is what the last event of a stream carries."""

    answer: Answer
    metadata: dict[str, Any]
    native: dict[str, Any] | None


def converse(call: Call, state: State) -> Reply:
    """The whole answer as one JSON document."""
    prompt = prompts.read(call.body)
    failure = fail_before(prompt.markers, prompt.text, state, streaming=False)
    if failure is not None:
        return failure
    exchange = exchange_for(call, call.target(), prompt, state)
    document: dict[str, Any] = {
        "output": {"message": events.message(exchange.answer)},
        "stopReason": exchange.answer.stop_reason,
        **exchange.metadata,
    }
    if exchange.native is not None:
        document["additionalModelResponseFields"] = exchange.native
    if "no-usage" in prompt.markers:
        del document["usage"]
    return json_reply(document)


def converse_stream(call: Call, state: State) -> Reply:
    """The answer as event-stream frames, with whatever failure the prompt asks for."""
    prompt = prompts.read(call.body)
    failure = fail_before(prompt.markers, prompt.text, state, streaming=True)
    if failure is not None:
        return failure
    steps: Iterator[Step] = iter(first_event_failure(prompt.markers))
    if not {"first-event-throttle", "context-overflow"} & prompt.markers.keys():
        exchange = exchange_for(call, call.target(), prompt, state)
        steps = _steps(exchange, prompt, state)
    return stream_reply(steps, state)


def stream_reply(steps: Iterator[Step], state: State, headers: dict[str, str] | None = None) -> Reply:
    """An event stream on the wire."""
    cut_up = chopper(state.random) if state.settings.chop else None
    return Reply(200, standard_headers(eventstream.CONTENT_TYPE) | (headers or {}), steps, chunked=True, cut_up=cut_up)


def exchange_for(call: Call, target: Target, prompt: Prompt, state: State) -> Exchange:
    """Composes the answer and accounts for it; raises Invalid for a prompt that the model's context cannot hold."""
    body: Body = call.body
    usage = state.ledger.charge(target.facts, body)
    total = usage.fresh + usage.read + sum(usage.written.values())
    if total > target.facts.context:
        raise Invalid(f"The model returned the following errors: prompt is too long: {total} tokens > "
                      f"{target.facts.context} maximum")  # fmt: skip
    words = blocked_words(body.get("guardrailConfig"), prompt.text, state.settings.guardrail_word)
    answer = compose(target.facts, body, prompt, blocked=bool(words))
    metadata: dict[str, Any] = {
        "usage": usage.fields(answer.output_tokens, with_cache=target.facts.cache_minimum is not None),
        "metrics": {"latencyMs": _BASE_LATENCY + _TOKEN_LATENCY * answer.output_tokens},
    }
    traced = trace(body.get("guardrailConfig"), words)
    if target.router:
        arn = f"arn:aws:bedrock:{call.region}::foundation-model/{target.facts.id}"
        traced["promptRouter"] = {"invokedModelId": arn}
    if traced:
        metadata["trace"] = traced
    for echoed in ("serviceTier", "performanceConfig"):
        if echoed in body:
            metadata[echoed] = body[echoed]
    return Exchange(answer, metadata, _native(target.facts, answer, body))


def _steps(exchange: Exchange, prompt: Prompt, state: State) -> Iterator[Step]:
    stream = events.stream(exchange.answer, exchange.metadata, exchange.native)
    delay = token_delay(prompt.markers, state.settings.token_delay)
    random = state.random if state.settings.pad else None
    if prompt.markers:
        return rehearsed(stream, prompt.markers, delay, random)
    return paced(stream, delay, random)


def _native(facts: ModelFacts, answer: Answer, body: Body) -> dict[str, Any] | None:
    """The members of the model's native response that the request points at; unknown ones are left out."""
    pointers = body.get("additionalModelResponseFieldPaths")
    if not pointers:
        return None
    response = {
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "usage": {"output_tokens_details": {"thinking_tokens": answer.thinking_tokens}},
    }
    chosen: dict[str, Any] = {}
    for pointer in pointers:
        if not pointer.startswith("/"):
            raise Invalid(f"The value {pointer} in additionalModelResponseFieldPaths is not a valid JSON Pointer.")
        if facts.is_claude:
            _copy(response, pointer[1:].split("/"), chosen)
    return chosen


def _copy(source: dict[str, Any], path: list[str], into: dict[str, Any]) -> None:
    """Copies the value at `path` to the same place in `into`."""
    *parents, last = path
    found: Any = source
    for part in chain(parents, (last,)):
        if not isinstance(found, dict) or part not in found:
            return
        found = found[part]
    for part in parents:
        into = into.setdefault(part, {})
    into[last] = found
