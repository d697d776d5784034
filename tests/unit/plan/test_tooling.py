"""Which tools a model sees, and how it is told to use them."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.prompt import Message, Prompt, Text, Tool, ToolCall, ToolChoice, ToolResult
from app.errors import InvalidRequest
from app.upstreams.converse.request import to_body
from tests.unit.plan.planning import CLOCK, DEEPSEEK, LLAMA, NOVA, SONNET_45, TITAN, WEATHER, asked, planned

BOTH = [WEATHER, CLOCK]
NAMED = {"type": "function", "function": {"name": "get_time"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}
CALLED: list[dict[str, Any]] = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "get_time", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "noon"},
]


@pytest.mark.parametrize(
    ("model", "choice", "tools", "sent", "told"),
    [
        (NOVA, None, 2, ToolChoice(), False),
        (NOVA, "required", 2, ToolChoice("any"), False),
        (NOVA, NAMED, 2, ToolChoice("tool", "get_time"), False),
        (NOVA, ALLOWED, 1, ToolChoice("any"), False),
        (NOVA, "none", 0, ToolChoice(), False),
        (DEEPSEEK, NAMED, 1, ToolChoice("any"), False),
        (LLAMA, "required", 2, ToolChoice(), True),
        (LLAMA, NAMED, 2, ToolChoice(), True),
    ],
)
def test_a_choice_takes_the_form_the_model_has(
    model: str, choice: Any, tools: int, sent: ToolChoice, told: bool
) -> None:
    plan, call = planned(asked(model, tools=BOTH, tool_choice=choice))
    assert (len(plan.tools), plan.tool_choice, bool(plan.notes)) == (tools, sent, told)
    assert call.receipt.repairs["tool-choice-told"] == told


def test_a_named_tool_is_named_in_the_note() -> None:
    assert "`get_time`" in planned(asked(LLAMA, tools=BOTH, tool_choice=NAMED))[0].notes[0]


def test_none_with_tools_in_the_history_keeps_them_but_passes_no_call_on() -> None:
    plan, _ = planned(asked(NOVA, *CALLED, tools=BOTH, tool_choice="none"))
    assert (len(plan.tools), plan.silent_tools, plan.tool_choice) == (2, True, ToolChoice())
    assert plan.notes == ("Answer in text. Do not call any tool in this turn.",)
    assert not planned(asked(NOVA, tools=BOTH, tool_choice="none"))[0].silent_tools


def test_a_tool_history_without_tools_gets_their_names_back() -> None:
    plan, call = planned(asked(NOVA, *CALLED))
    assert [tool.name for tool in plan.tools] == ["get_time"]
    assert (plan.silent_tools, call.receipt.repairs["tool-specs"]) == (True, 1)


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_result_without_its_call_brings_no_invented_tool(choice: Any) -> None:
    turns = (Message("user", (ToolResult("c1", (Text("x"),)), ToolCall("c2", "f", "{}"))),)
    plan, call = planned(Prompt(NOVA, turns, tool_choice=ToolChoice(choice)))
    assert (plan.tools, plan.silent_tools, call.receipt.repairs["tool-specs"]) == ((), False, 0)
    body, _ = to_body(plan)
    assert "toolConfig" not in body
    assert body["messages"] == [{"role": "user", "content": [{"text": "[result of an earlier tool call]\nx"}]}]


def test_a_model_without_tools_says_so_but_takes_a_history_that_has_them() -> None:
    with pytest.raises(InvalidRequest) as caught:
        planned(asked(TITAN, tools=BOTH))
    assert caught.value.param == "tools"
    plan, call = planned(asked(TITAN, *CALLED))
    assert (plan.tools, call.receipt.repairs) == ((), {})


@pytest.mark.parametrize(
    ("model", "choice", "fields"),
    [
        (SONNET_45, None, {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        (SONNET_45, "required", {"tool_choice": {"disable_parallel_tool_use": True}}),
        (NOVA, None, {}),
    ],
)
def test_one_call_at_a_time(model: str, choice: Any, fields: dict[str, Any]) -> None:
    plan, _ = planned(asked(model, tools=BOTH, tool_choice=choice, parallel_tool_calls=False))
    assert (plan.single_call, dict(plan.fields)) == (True, fields)
    assert not planned(asked(model, parallel_tool_calls=False))[0].single_call


def test_tools_go_unstreamed_where_a_model_cannot_stream_them() -> None:
    assert planned(asked(LLAMA, tools=BOTH), stream=True)[0].whole
    assert not planned(asked(LLAMA), stream=True)[0].whole
    assert not planned(asked(NOVA, tools=BOTH), stream=True)[0].whole
    assert planned(asked(NOVA), stream=True, quirks=frozenset({"stream"}))[0].whole


def test_a_named_tool_that_is_not_there_leaves_the_others() -> None:
    prompt = Prompt(DEEPSEEK, (Message("user", (Text("a"),)),), (Tool("f"),), ToolChoice("tool", "g"))
    plan, _ = planned(prompt)
    assert (plan.tools, plan.tool_choice) == ((Tool("f"),), ToolChoice("any"))


def test_every_tool_of_the_history_is_named_once() -> None:
    calls = Message("assistant", (ToolCall("1", "a", "{}"), ToolCall("2", "b", "{}"), ToolCall("3", "a", "{}")))
    assert [tool.name for tool in planned(Prompt(NOVA, (calls,)))[0].tools] == ["a", "b"]


def test_no_call_wanted_of_a_model_without_tools_is_no_error() -> None:
    with pytest.raises(InvalidRequest, match="does not support tools"):
        planned(asked(TITAN, tools=BOTH))
    for messages in ([], CALLED):
        plan, _ = planned(asked(TITAN, *messages, tools=BOTH, tool_choice="none"))
        assert (plan.tools, plan.silent_tools) == ((), False)
