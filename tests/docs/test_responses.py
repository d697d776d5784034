"""docs/responses.md names what the official SDK knows, and each parameter's outcome is what really happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest
from openai.types.responses import ResponseIncludable, ResponseStreamEvent, response_create_params
from openai.types.responses.response_input_item_param import ResponseInputItemParam
from openai.types.responses.tool_param import ToolParam

from app.api.responses.decode import decode
from app.api.responses.encode import response_object
from app.api.responses.parameters import EVENTS, EXTENSIONS, INCLUDES, ITEMS, PARAMETERS, TOOLS
from app.api.responses.schema import ResponsesRequest
from app.api.responses.shape import Decoded
from app.core.plan import Plan
from app.core.ports import Call
from app.errors import InvalidRequest
from app.upstreams.converse.request import to_body
from tests.unit.plan.planning import NOVA, SONNET_45, planned

BODY: dict[str, Any] = {"model": SONNET_45, "input": "Hello"}
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {}},
}
TOOL: dict[str, Any] = {"tools": [WEATHER]}
SCHEMA = {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {}}}

Seen = Callable[[Decoded, Plan, dict[str, Any]], bool]
"""Whether a parameter shows, in how the answer is wanted, in the plan, or in the body that goes to Bedrock."""

HONOURED: dict[str, tuple[Any, dict[str, Any], Seen]] = {
    # a telling value, what has to stand beside it, and where it shows
    "model": (NOVA, {}, lambda how, plan, body: plan.target.model_id == NOVA),
    "input": ("Hello", {}, lambda how, plan, body: body["messages"][0]["content"] == [{"text": "Hello"}]),
    "instructions": ("Be kind.", {}, lambda how, plan, body: body["system"] == [{"text": "Be kind."}]),
    "stream": (True, {}, lambda how, plan, body: how.stream),
    "stream_options": ({"include_obfuscation": True}, {}, lambda how, plan, body: True),
    "store": (False, {}, lambda how, plan, body: not how.store),
    "background": (True, {}, lambda how, plan, body: how.background),
    "previous_response_id": ("resp_1", {}, lambda how, plan, body: how.previous_response_id == "resp_1"),
    "conversation": ("conv_1", {}, lambda how, plan, body: how.conversation == "conv_1"),
    "include": (["reasoning.encrypted_content"], {}, lambda how, plan, body: bool(how.include)),
    "max_output_tokens": (9, {}, lambda how, plan, body: body["inferenceConfig"]["maxTokens"] == 9),
    "metadata": ({"team": "a"}, {}, lambda how, plan, body: body["requestMetadata"]["team"] == "a"),
    "parallel_tool_calls": (False, TOOL, lambda how, plan, body: plan.single_call),
    "temperature": (0.5, {}, lambda how, plan, body: body["inferenceConfig"]["temperature"] == 0.5),
    "top_p": (0.5, {}, lambda how, plan, body: body["inferenceConfig"]["topP"] == 0.5),
    "reasoning": ({"effort": "low"}, {}, lambda how, plan, body: "thinking" in body["additionalModelRequestFields"]),
    "text": ({"format": SCHEMA}, {}, lambda how, plan, body: "textFormat" in body["outputConfig"]),
    "tools": ([WEATHER], {}, lambda how, plan, body: "toolSpec" in body["toolConfig"]["tools"][0]),
    "tool_choice": ("required", TOOL, lambda how, plan, body: body["toolConfig"]["toolChoice"] == {"any": {}}),
    "truncation": ("auto", {}, lambda how, plan, body: how.truncate),
    "service_tier": ("flex", {}, lambda how, plan, body: body["serviceTier"] == {"type": "flex"}),
    "prompt_cache_key": ("k", {}, lambda how, plan, body: "cachePoint" in body["messages"][0]["content"][-1]),
    "prompt_cache_options": ({"mode": "implicit"}, {}, lambda how, plan, body: plan.cache_auto),
    "prompt_cache_retention": ("24h", {}, lambda how, plan, body: plan.cache_ttl == "1h"),
    "safety_identifier": ("ann", {"user": "bob"}, lambda how, plan, body: how.prompt.user == "ann"),
    "user": ("ann", {}, lambda how, plan, body: "user_hash" in body["requestMetadata"]),
    "client_metadata": ({"a": "b"}, {}, lambda how, plan, body: True),
    "top_k": (5, {}, lambda how, plan, body: body["additionalModelRequestFields"] == {"top_k": 5}),
    "thinking": (
        {"type": "enabled", "budget_tokens": 1024},
        {},
        lambda how, plan, body: body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 1024,
    ),
    "guardrail_config": (
        {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        {},
        lambda how, plan, body: body["guardrailConfig"]["guardrailIdentifier"] == "g",
    ),
    "performance_config": (
        {"latency": "optimized"},
        {},
        lambda how, plan, body: body["performanceConfig"] == {"latency": "optimized"},
    ),
    "additional_model_request_fields": (
        {"a": 1},
        {},
        lambda how, plan, body: body["additionalModelRequestFields"]["a"] == 1,
    ),
}
SILENT = {"model", "input", "stream_options", "client_metadata"}
"""Those whose effect can't be told from their absence."""
IGNORED: dict[str, Any] = {
    "max_tool_calls": 3,
    "context_management": [{"type": "compaction", "compact_threshold": 1000}],
    "image": {"context_compression": "auto"},
    "access_programs": ["x"],
    "frequency_penalty": 1,
    "presence_penalty": -1,
    "top_logprobs": 2,
}
REFUSED: dict[str, Any] = {
    "prompt": {"id": "pmpt_1"},
    "moderation": {"model": "omni-moderation-latest"},
}


def named(outcome: str) -> set[str]:
    return {name for name, parameter in (PARAMETERS | EXTENSIONS).items() if parameter.outcome == outcome}


def sent(body: dict[str, Any]) -> tuple[Decoded, Plan, Call, dict[str, Any]]:
    how = decode(body)
    plan, call = planned(how.prompt, stream=how.stream)
    return how, plan, call, to_body(plan)[0]


def types(union: Any) -> set[str]:
    """The values that `type` has in a union of the SDK's."""
    found: set[str] = set()
    for member in get_args(union):
        if hasattr(member, "model_fields"):
            found |= _literals(member.model_fields["type"].annotation)
        elif isinstance(member, type):
            hint = get_type_hints(member).get("type")
            found |= {value for value in _literals(hint) if isinstance(value, str)}
        else:
            found |= types(member)
    return found


def _literals(hint: Any) -> set[Any]:
    inner = get_args(hint)
    return set().union(*(_literals(each) for each in inner)) if inner else {hint}


def test_the_table_has_the_parameters_of_the_official_sdk_and_no_others() -> None:
    hints = get_type_hints(response_create_params.ResponseCreateParamsStreaming)
    assert PARAMETERS.keys() == hints.keys()
    assert PARAMETERS.keys() | EXTENSIONS.keys() == ResponsesRequest.model_fields.keys()


def test_every_value_of_include_is_known() -> None:
    assert set(INCLUDES) == set(get_args(ResponseIncludable))


def test_the_table_has_every_item_of_the_official_sdk() -> None:
    assert ITEMS.keys() == types(ResponseInputItemParam)


def test_the_table_has_every_tool_of_the_official_sdk() -> None:
    plain = {name for name in types(ToolParam) if not name.startswith("web_search_")} | {"web_search_preview"}
    assert TOOLS.keys() == plain


def test_the_table_has_events_of_the_official_sdk_only() -> None:
    assert EVENTS.keys() <= types(ResponseStreamEvent)


@pytest.mark.parametrize("name", sorted(named("honoured")))
def test_what_is_honoured_shows(name: str) -> None:
    value, beside, seen = HONOURED[name]
    how, plan, call, body = sent(BODY | beside | {name: value})
    assert seen(how, plan, body)
    assert not call.receipt.ignored


@pytest.mark.parametrize("name", sorted(named("honoured") - SILENT))
def test_what_shows_does_not_show_by_itself(name: str) -> None:
    """The other half of the test above: without the parameter its sign is not there."""
    _, beside, seen = HONOURED[name]
    how, plan, _, body = sent(BODY | beside)
    try:
        shown = seen(how, plan, body)
    except KeyError:
        shown = False
    assert not shown


@pytest.mark.parametrize("name", sorted(named("ignored")))
def test_what_is_ignored_is_told(name: str) -> None:
    _, _, call, body = sent(BODY | {name: IGNORED[name]})
    assert list(call.receipt.ignored) == [name]
    assert body == sent(BODY)[3]


@pytest.mark.parametrize("name", sorted(named("refused")))
def test_what_is_refused_is_named(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(BODY | {name: REFUSED[name]})
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")


@pytest.mark.parametrize("name", sorted((PARAMETERS.keys() | EXTENSIONS.keys()) - {"model", "input"}))
def test_a_null_is_as_good_as_nothing(name: str) -> None:
    without, null = decode(BODY), decode(BODY | {name: None})
    assert (null.prompt, null.echo) == (without.prompt, without.echo)


def test_what_is_repeated_in_the_response_is_what_was_asked() -> None:
    """Every parameter that OpenAI's response object has."""
    told = response_object("r", 0, decode(BODY), status="queued").keys()
    asked = {name: HONOURED[name][0] for name in HONOURED.keys() & told}
    response = response_object("r", 0, decode(BODY | asked), status="queued")
    for name, value in asked.items():
        if name == "reasoning":
            assert response[name] == {"effort": "low", "summary": None}
        elif name == "tools":
            assert response[name] == [{"description": None, "strict": None} | WEATHER]
        else:
            assert response[name] == value
