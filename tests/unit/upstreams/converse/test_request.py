"""A plan as path and body: every member where it belongs, absent where there is nothing to say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app.core.plan import Plan
from app.core.prompt import (
    CachePoint,
    Caching,
    Guardrail,
    Message,
    ResponseFormat,
    Sampling,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from app.upstreams.converse.request import to_body, to_bytes, to_path
from tests.unit.upstreams.converse.histories import NOVA_PRO, OPUS_5, SONNET_45, media, tools
from tests.unit.upstreams.converse.planning import plan

TITAN = "amazon.titan-text-express-v1"
HI = Message("user", (Text("hi"),))


def body(made: Plan) -> dict[str, Any]:
    return to_body(made)[0]


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        (NOVA_PRO, True, "/model/amazon.nova-pro-v1%3A0/converse-stream"),
        (NOVA_PRO, False, "/model/amazon.nova-pro-v1%3A0/converse"),
        ("arn:aws:bedrock:us-east-1:1:x/y", True, "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ax%2Fy/converse-stream"),
    ],
)
def test_the_id_is_encoded_whole(model: str, stream: bool, path: str) -> None:
    assert to_path(plan(model, stream=stream)) == path


def test_a_plain_prompt_is_nothing_but_messages() -> None:
    assert {name: value for name, value in body(plan(NOVA_PRO)).items() if name != "requestMetadata"} == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}]
    }


def test_every_setting_has_its_member() -> None:
    made = replace(
        plan(SONNET_45),
        max_tokens=5,
        temperature=0.0,
        top_p=0.0,
        stop=("x",),
        fields={"top_k": 3},
        response_paths=("/usage",),
        text_format=ResponseFormat("json_schema", {"b": 1, "a": 2}, "n", "d"),
        metadata={"k": "v"},
        latency="optimized",
        service_tier="flex",
        guardrail=Guardrail("g", "1", "async", "enabled"),
    )
    sent = body(made)
    assert sent["inferenceConfig"] == {"maxTokens": 5, "temperature": 0.0, "topP": 0.0, "stopSequences": ["x"]}
    assert sent["additionalModelRequestFields"] == {"top_k": 3}
    assert sent["additionalModelResponseFieldPaths"] == ["/usage"]
    schema = {"schema": '{"b":1,"a":2}', "name": "n", "description": "d"}
    assert sent["outputConfig"] == {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    assert sent["requestMetadata"] == {"k": "v"}
    assert sent["performanceConfig"] == {"latency": "optimized"}
    assert sent["serviceTier"] == {"type": "flex"}
    guardrail = {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled"}
    assert sent["guardrailConfig"] == guardrail | {"streamProcessingMode": "async"}
    assert body(replace(made, whole=True))["guardrailConfig"] == guardrail
    assert json.loads(to_bytes(sent)) == sent


@pytest.mark.parametrize("guardrail", [None, Guardrail("g", "DRAFT")])
def test_what_was_not_asked_is_not_sent(guardrail: Guardrail | None) -> None:
    made = replace(
        plan(SONNET_45), guardrail=guardrail, text_format=ResponseFormat("json_schema", {}, "n"), response_paths=()
    )
    sent = body(made)
    assert sent.get("guardrailConfig") == (guardrail and {"guardrailIdentifier": "g", "guardrailVersion": "DRAFT"})
    assert sent["outputConfig"]["textFormat"]["structure"]["jsonSchema"] == {"schema": "{}", "name": "n"}
    assert not sent.keys() & {"inferenceConfig", "additionalModelRequestFields", "performanceConfig", "serviceTier"}


def test_instructions_join_the_clients_own() -> None:
    made = plan(SONNET_45, Message("system", (Text("s"),)), HI, response_format=ResponseFormat("json_object"))
    assert [block["text"] for block in body(made)["system"]] == ["s", *made.instructions]
    alone = plan(SONNET_45, Message("system", (Text("s"),)), response_format=ResponseFormat("json_object"))
    assert [block["text"] for block in body(alone)["system"]] == ["s", *alone.instructions]


def test_instructions_for_a_model_without_a_system_prompt_are_not_sent_as_one() -> None:
    made = plan(TITAN, HI, response_format=ResponseFormat("json_object"))
    sent = body(made)
    assert "system" not in sent
    assert [block["text"] for block in sent["messages"][0]["content"]] == [*made.instructions, "hi"]


def test_a_note_for_this_turn_stands_behind_the_cache_point_of_the_last_user_turn() -> None:
    history = (HI, Message("assistant", (ToolCall("c", "f", "{}"),)), Message("user", (ToolResult("c", (Text("1"),)),)))
    made = plan(SONNET_45, *history, tools=tools("f"), tool_choice=ToolChoice("none"))
    assert made.notes
    content = body(made)["messages"][-1]["content"]
    assert [next(iter(block)) for block in content] == ["toolResult", "cachePoint", "text"]


def test_a_note_before_a_prefill_goes_to_the_user() -> None:
    made = replace(plan(NOVA_PRO, HI, Message("assistant", (Text("{"),))), notes=("note",))
    assert [len(message["content"]) for message in body(made)["messages"]] == [2, 1]


def test_the_off_switch_for_caching_takes_the_clients_points_out() -> None:
    marked = Message("user", (Text("hi"), CachePoint()))
    on = body(plan(SONNET_45, marked))
    off = body(plan(SONNET_45, marked, caching=Caching(auto=False, explicit=False)))
    assert [len(sent["messages"][0]["content"]) for sent in (on, off)] == [2, 1]


def test_tool_history_for_a_model_without_tools_is_told_in_words() -> None:
    history = (
        HI,
        Message("assistant", (ToolCall("c", "f", '{"a":1}'),)),
        Message("user", (ToolResult("c", (Text("1"), media("image"))),)),
    )
    sent, repairs = to_body(plan("us.deepseek.r1-v1:0", *history))
    assert [[block["text"] for block in message["content"]] for message in sent["messages"]] == [
        ["hi"],
        ['[called f with {"a":1}]'],
        ["[result]", "1", "[image omitted]"],
    ]
    assert repairs == {"flattened-tools": 1, "tool-result-image": 1}


def test_a_prefill_beside_tools_is_followed_by_a_user_turn() -> None:
    sent, repairs = to_body(plan(SONNET_45, HI, Message("assistant", (Text("I"),)), tools=tools("f")))
    assert sent["messages"][-1]["role"] == "user"
    assert repairs == {"prefill": 1}


def test_nothing_is_sent_twice_in_another_order() -> None:
    made = plan(OPUS_5, HI, tools=tools("b", "a"), sampling=Sampling(max_tokens=7))
    assert to_bytes(body(made)) == to_bytes(body(made))
