"""docs/parameters.md names every parameter of the official SDK, and each one's outcome is what really happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

import pytest
from openai.types import completion_create_params as legacy_params
from openai.types.chat import completion_create_params as chat_params

from app.api.chat.decode import Decoded, decode
from app.api.chat.parameters import EXTENSIONS, PARAMETERS
from app.api.chat.schema import ChatRequest
from app.api.completions.decode import decode as decode_legacy
from app.api.completions.parameters import PARAMETERS as LEGACY
from app.api.completions.schema import CompletionRequest
from app.core.plan import Plan
from app.core.ports import Call
from app.errors import InvalidRequest
from app.upstreams.converse.request import to_body
from tests.unit.plan.planning import NOVA, SONNET_45, WEATHER, planned

FUNCTION = WEATHER["function"]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}}}
BODY: dict[str, Any] = {"model": SONNET_45, "messages": [{"role": "user", "content": "Hello"}]}
TOOLS: dict[str, Any] = {"tools": [WEATHER]}
NOVA_2 = "amazon.nova-2-lite-v1:0"

Seen = Callable[[Decoded, Plan, dict[str, Any]], bool]
"""Whether a parameter shows, in how the answer is wanted, in the plan, or in the body that goes to Bedrock."""

HONOURED: dict[str, tuple[Any, dict[str, Any], Seen]] = {
    # a telling value, what has to stand beside it, and where it shows
    "model": (NOVA, {}, lambda how, plan, body: plan.target.model_id == NOVA),
    "messages": (BODY["messages"], {}, lambda how, plan, body: body["messages"][0]["content"] == [{"text": "Hello"}]),
    "stream": (True, {}, lambda how, plan, body: how.stream),
    "stream_options": ({"include_usage": True}, {}, lambda how, plan, body: how.include_usage),
    "max_completion_tokens": (9, {"max_tokens": 8}, lambda how, plan, body: body["inferenceConfig"]["maxTokens"] == 9),
    "max_tokens": (8, {}, lambda how, plan, body: body["inferenceConfig"]["maxTokens"] == 8),
    "temperature": (0.5, {}, lambda how, plan, body: body["inferenceConfig"]["temperature"] == 0.5),
    "top_p": (0.5, {}, lambda how, plan, body: body["inferenceConfig"]["topP"] == 0.5),
    "n": (3, {}, lambda how, plan, body: how.n == 3),
    "stop": (["END"], {}, lambda how, plan, body: body["inferenceConfig"]["stopSequences"] == ["END"]),
    "tools": ([WEATHER], {}, lambda how, plan, body: "toolSpec" in body["toolConfig"]["tools"][0]),
    "tool_choice": ("required", TOOLS, lambda how, plan, body: body["toolConfig"]["toolChoice"] == {"any": {}}),
    "parallel_tool_calls": (False, TOOLS, lambda how, plan, body: plan.single_call),
    "functions": ([FUNCTION], {}, lambda how, plan, body: how.legacy_functions and "toolConfig" in body),
    "function_call": (
        {"name": "get_weather"},
        {"functions": [FUNCTION]},
        lambda how, plan, body: "tool" in body["toolConfig"]["toolChoice"],
    ),
    "response_format": (SCHEMA, {}, lambda how, plan, body: "textFormat" in body["outputConfig"]),
    "reasoning_effort": ("low", {}, lambda how, plan, body: "thinking" in body["additionalModelRequestFields"]),
    "service_tier": ("flex", {}, lambda how, plan, body: body["serviceTier"] == {"type": "flex"}),
    "metadata": ({"team": "a"}, {}, lambda how, plan, body: body["requestMetadata"]["team"] == "a"),
    "user": ("ann", {}, lambda how, plan, body: "user_hash" in body["requestMetadata"]),
    "safety_identifier": ("ann", {"user": "bob"}, lambda how, plan, body: how.prompt.user == "ann"),
    "prompt_cache_key": ("k", {}, lambda how, plan, body: "cachePoint" in body["messages"][0]["content"][-1]),
    "prompt_cache_options": ({"mode": "implicit"}, {}, lambda how, plan, body: plan.cache_auto),
    "prompt_cache_retention": ("24h", {}, lambda how, plan, body: plan.cache_ttl == "1h"),
    "web_search_options": (
        {},
        {"model": NOVA_2},
        lambda how, plan, body: body["toolConfig"]["tools"] == [{"systemTool": {"name": "nova_grounding"}}],
    ),
    "modalities": (["text"], {}, lambda how, plan, body: True),
    "top_k": (5, {}, lambda how, plan, body: body["additionalModelRequestFields"] == {"top_k": 5}),
    "reasoning": ({"effort": "low"}, {}, lambda how, plan, body: "thinking" in body["additionalModelRequestFields"]),
    "thinking": (
        {"type": "enabled", "budget_tokens": 1024},
        {},
        lambda how, plan, body: body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 1024,
    ),
    "cache_control": ({"type": "ephemeral"}, {}, lambda how, plan, body: plan.cache_auto),
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
    "extra_body": ({"a": 1}, {}, lambda how, plan, body: body["additionalModelRequestFields"]["a"] == 1),
}
IGNORED: dict[str, Any] = {
    "frequency_penalty": 1,
    "presence_penalty": -1,
    "logit_bias": {"50256": -100},
    "seed": 7,
    "prediction": {"type": "content", "content": "a"},
    "store": True,
    "verbosity": "low",
    "logprobs": True,
    "top_logprobs": 2,
}
REFUSED: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "moderation": {"model": "omni-moderation-latest"},
}


def named(outcome: str) -> set[str]:
    return {name for name, parameter in (PARAMETERS | EXTENSIONS).items() if parameter.outcome == outcome}


def sent(body: dict[str, Any]) -> tuple[Decoded, Plan, Call, dict[str, Any]]:
    how = decode(body)
    plan, call = planned(how.prompt, stream=how.stream)
    return how, plan, call, to_body(plan)[0]


def test_the_table_has_the_parameters_of_the_official_sdk_and_no_others() -> None:
    assert PARAMETERS.keys() == get_type_hints(chat_params.CompletionCreateParamsStreaming).keys()
    assert LEGACY.keys() == get_type_hints(legacy_params.CompletionCreateParamsStreaming).keys()
    assert PARAMETERS.keys() | EXTENSIONS.keys() == ChatRequest.model_fields.keys()
    assert LEGACY.keys() == CompletionRequest.model_fields.keys()


@pytest.mark.parametrize("name", sorted(named("honoured")))
def test_what_is_honoured_shows(name: str) -> None:
    value, beside, seen = HONOURED[name]
    how, plan, call, body = sent(BODY | beside | {name: value})
    assert seen(how, plan, body)
    assert not call.receipt.ignored


@pytest.mark.parametrize("name", sorted(named("honoured") - {"model", "messages", "modalities"}))
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


@pytest.mark.parametrize("name", sorted(PARAMETERS.keys() | EXTENSIONS.keys()))
def test_a_null_is_as_good_as_nothing(name: str) -> None:
    if name not in ("model", "messages"):
        assert decode(BODY | {name: None}) == decode(BODY)


LEGACY_BODY = {"model": NOVA, "prompt": "Once"}


@pytest.mark.parametrize("name", [name for name, (outcome, _) in LEGACY.items() if outcome == "ignored"])
def test_the_legacy_route_tells_what_it_ignores(name: str) -> None:
    (prompt,) = decode_legacy(LEGACY_BODY | {name: IGNORED[name]}).prompts
    assert prompt.ignored == (name,)


@pytest.mark.parametrize(("name", "value"), [("best_of", 2)])
def test_the_legacy_route_names_what_it_refuses(name: str, value: int) -> None:
    assert LEGACY[name][0] == "refused"
    with pytest.raises(InvalidRequest) as caught:
        decode_legacy(LEGACY_BODY | {name: value})
    assert caught.value.param == name


@pytest.mark.parametrize(
    ("name", "value"),
    [("model", "other"), ("prompt", "a"), ("suffix", "z"), ("stream", True), ("stream_options", {"include_usage": True}),
     ("max_tokens", 5), ("temperature", 0.5), ("top_p", 0.5), ("n", 2), ("echo", True), ("stop", "a"), ("user", "ann")],
)  # fmt: skip
def test_the_legacy_route_honours_the_rest(name: str, value: Any) -> None:
    assert LEGACY[name][0] == "honoured"
    assert decode_legacy(LEGACY_BODY | {name: value}) != decode_legacy(LEGACY_BODY)
