"""InvokeModel and its streaming form: embeddings, and Claude with its native body."""

from typing import Any

from local.behaviour import markers
from local.behaviour import prompt as prompts
from local.behaviour.answer import compose
from local.emulator import anthropic_body
from local.emulator.call import Call, State
from local.emulator.converse import stream_reply
from local.emulator.embeddings import embed
from local.emulator.errors import Invalid, json_reply
from local.emulator.frames import paced
from local.emulator.messages import Reply
from local.emulator.rehearsal import fail_before, first_event_failure, rehearsed, token_delay
from local.models import ModelFacts
from local.rules import naming

_LATENCY = "120"


def invoke_model(call: Call, state: State) -> Reply:
    """One native body in, one native response out, with token counts in the headers."""
    facts = _facts(call, state)
    if facts.outputs == ("EMBEDDING",):
        failure = fail_before(markers.read(call.raw.decode("utf-8", "replace")), "", state, streaming=False)
        return failure or _embedding(facts, call.body)
    body = _native_body(facts, call.body)
    prompt = prompts.read(body)
    failure = fail_before(prompt.markers, prompt.text, state, streaming=False)
    if failure is not None:
        return failure
    answer = compose(facts, body, prompt)
    usage = state.ledger.charge(facts, body).fields(answer.output_tokens, with_cache=False)
    headers = _headers(usage["inputTokens"]) | {"x-amzn-bedrock-output-token-count": str(answer.output_tokens)}
    return json_reply(anthropic_body.response(answer, usage, facts.id), headers)


def invoke_model_stream(call: Call, state: State) -> Reply:
    """Claude's native events in `chunk` frames."""
    facts = _facts(call, state)
    body = _native_body(facts, call.body)
    prompt = prompts.read(body)
    failure = fail_before(prompt.markers, prompt.text, state, streaming=True)
    if failure is not None:
        return failure
    answer = compose(facts, body, prompt)
    usage = state.ledger.charge(facts, body).fields(answer.output_tokens, with_cache=False)
    events = anthropic_body.stream(answer, usage, facts.id)
    delay = token_delay(prompt.markers, state.settings.token_delay)
    random = state.random if state.settings.pad else None
    steps = rehearsed(events, prompt.markers, delay, random) if prompt.markers else paced(events, delay, random)
    early = first_event_failure(prompt.markers)
    return stream_reply(iter(early) if early else steps, state, {"X-Amzn-Bedrock-Content-Type": "application/json"})


def _facts(call: Call, state: State) -> ModelFacts:
    target = call.target()
    if state.settings.validate:
        broken = naming(call.model_id, target)
        if broken:
            raise Invalid(broken)
    return target.facts


def _embedding(facts: ModelFacts, body: Any) -> Reply:
    embedded = embed(facts.id, body)
    return json_reply(embedded.document, _headers(embedded.header_tokens))


def _native_body(facts: ModelFacts, body: Any) -> dict[str, Any]:
    if not facts.is_claude:
        raise Invalid("Malformed input request: this model's native body is not emulated; use Converse.")
    return anthropic_body.to_converse(body)


def _headers(input_tokens: int | None) -> dict[str, str]:
    headers = {"x-amzn-bedrock-invocation-latency": _LATENCY}
    if input_tokens is not None:
        headers["x-amzn-bedrock-input-token-count"] = str(input_tokens)
    return headers
