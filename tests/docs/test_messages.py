"""docs/messages.md names every parameter, block and event of the official SDK, and each outcome is what really happens."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, get_type_hints

import anthropic.types
import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_create_params as beta_params
from pydantic import BaseModel

from app.api.messages.blocks import BLOCKS as DECODED
from app.api.messages.blocks import SERVER
from app.api.messages.decode import Decoded, decode
from app.api.messages.parameters import ALL, BETA_PARAMETERS, BLOCKS, ERRORS, EVENTS, OLDER, PARAMETERS, STOP_REASONS
from app.api.messages.schema import CountRequest, MessagesRequest
from app.api.messages.tools import CLIENT
from app.api.messages.tools import SERVER as SERVER_TOOLS
from app.core.plan import Plan
from app.core.ports import Call
from app.errors import InvalidRequest
from app.upstreams.converse.request import to_body
from tests.unit.api.messages.bodies import EPHEMERAL, WEATHER
from tests.unit.plan.planning import NOVA, SONNET_45, planned

BODY: dict[str, Any] = {"model": SONNET_45, "max_tokens": 2000, "messages": [{"role": "user", "content": "Hello"}]}
SCHEMA = {"type": "json_schema", "schema": {"type": "object", "properties": {}}}
TOOLS: dict[str, Any] = {"tools": [WEATHER]}
HEADERS = {"betas"}
"""What the SDK takes as a parameter and sends as a header."""

Seen = Callable[[Decoded, Plan, dict[str, Any]], bool]
HONOURED: dict[str, tuple[Any, dict[str, Any], Seen]] = {
    # a telling value, what has to stand beside it, and where it shows
    "model": (NOVA, {}, lambda how, plan, body: plan.target.model_id == NOVA),
    "messages": (BODY["messages"], {}, lambda how, plan, body: body["messages"][0]["content"] == [{"text": "Hello"}]),
    "max_tokens": (9, {}, lambda how, plan, body: body["inferenceConfig"]["maxTokens"] == 9),
    "system": ("Be brief.", {}, lambda how, plan, body: body["system"] == [{"text": "Be brief."}]),
    "stream": (True, {}, lambda how, plan, body: how.stream),
    "temperature": (0.5, {}, lambda how, plan, body: body["inferenceConfig"]["temperature"] == 0.5),
    "top_p": (0.5, {}, lambda how, plan, body: body["inferenceConfig"]["topP"] == 0.5),
    "top_k": (5, {}, lambda how, plan, body: body["additionalModelRequestFields"] == {"top_k": 5}),
    "stop_sequences": (["END"], {}, lambda how, plan, body: body["inferenceConfig"]["stopSequences"] == ["END"]),
    "tools": ([WEATHER], {}, lambda how, plan, body: "toolSpec" in body["toolConfig"]["tools"][0]),
    "tool_choice": ({"type": "any"}, TOOLS, lambda how, plan, body: body["toolConfig"]["toolChoice"] == {"any": {}}),
    "thinking": (
        {"type": "enabled", "budget_tokens": 1024},
        {},
        lambda how, plan, body: body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 1024,
    ),
    "output_config": ({"format": SCHEMA}, {}, lambda how, plan, body: "textFormat" in body["outputConfig"]),
    "output_format": (SCHEMA, {}, lambda how, plan, body: "textFormat" in body["outputConfig"]),
    "cache_control": (EPHEMERAL, {}, lambda how, plan, body: plan.cache_auto),
    "metadata": ({"user_id": "ann"}, {}, lambda how, plan, body: "user_hash" in body["requestMetadata"]),
    "service_tier": ("standard_only", {}, lambda how, plan, body: body["serviceTier"] == {"type": "default"}),
}  # fmt: skip
IGNORED: dict[str, Any] = {
    "container": "c",
    "inference_geo": "us",
    "speed": "fast",
    "diagnostics": {"previous_message_id": "m"},
    "user_profile_id": "u",
    "workspace_id": "w",
    "context_management": {"edits": []},
    "compaction": {"type": "auto"},
    "fallbacks": [{"model": "m"}],
    "fallback_credit_token": "t",
    "thread": {"type": "create"},
    "billing_policy": {"type": "a"},
}
REFUSED: dict[str, Any] = {"mcp_servers": [{"name": "a"}]}


def named(outcome: str) -> set[str]:
    return {name for name, parameter in ALL.items() if parameter.outcome == outcome}


def sent(body: dict[str, Any]) -> tuple[Decoded, Plan, Call, dict[str, Any]]:
    how = decode(body)
    plan, call = planned(how.prompt, stream=how.stream)
    return how, plan, call, to_body(plan)[0]


def words(union: Any) -> set[str]:
    """The values of `type` among the members of a union of the SDK's types."""
    found = set()
    for member in typing.get_args(union):
        model = issubclass(member, BaseModel) if isinstance(member, type) and not typing.is_typeddict(member) else False
        found |= _strings(member.model_fields["type"].annotation if model else get_type_hints(member).get("type"))
    return found


def _strings(hint: Any) -> set[str]:
    if isinstance(hint, str):
        return {hint}
    return {word for each in typing.get_args(hint) for word in _strings(each)}


def test_the_tables_have_the_parameters_of_the_official_sdk_and_no_others() -> None:
    stable = get_type_hints(message_create_params.MessageCreateParamsStreaming).keys()
    beta = get_type_hints(beta_params.MessageCreateParamsStreaming).keys()
    assert PARAMETERS.keys() == stable
    assert (PARAMETERS | BETA_PARAMETERS).keys() == (beta | stable) - HEADERS
    assert not OLDER.keys() & (beta | stable)
    assert MessagesRequest.model_fields.keys() == ALL.keys()
    counted = get_type_hints(message_count_tokens_params.MessageCountTokensParams).keys()
    assert counted <= CountRequest.model_fields.keys()


def test_the_tables_have_its_blocks_events_and_reasons() -> None:
    given = words(anthropic.types.ContentBlockParam)
    assert given <= {*DECODED, *SERVER}
    assert set(BLOCKS) == set(DECODED)
    events = words(typing.get_args(anthropic.types.RawMessageStreamEvent)[0])
    assert events | {"ping", "error"} == set(EVENTS)
    reasons = set(typing.get_args(anthropic.types.StopReason))
    assert set(STOP_REASONS) == reasons - {"pause_turn"}  # of tools that servers run


def test_every_tool_of_the_sdk_is_known() -> None:
    for kind in words(anthropic.types.ToolUnionParam) - {"custom"}:
        assert kind.startswith((*CLIENT, *SERVER_TOOLS)), kind


def test_the_errors_are_those_of_the_sdk() -> None:
    kinds = words(typing.get_args(anthropic.types.shared.ErrorObject)[0])
    assert kinds <= set(ERRORS.values()) | {"request_too_large"}


@pytest.mark.parametrize("name", sorted(named("honoured")))
def test_what_is_honoured_shows(name: str) -> None:
    value, beside, seen = HONOURED[name]
    how, plan, call, body = sent(BODY | beside | {name: value})
    assert seen(how, plan, body)
    assert not call.receipt.ignored


@pytest.mark.parametrize("name", sorted(named("honoured") - {"model", "messages"}))
def test_what_shows_does_not_show_by_itself(name: str) -> None:
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


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_null_is_as_good_as_nothing(name: str) -> None:
    if name not in ("model", "messages", "max_tokens"):
        assert decode(BODY | {name: None}) == decode(BODY)
