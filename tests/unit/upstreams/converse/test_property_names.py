"""Argument names that Bedrock refuses: aliased in schemas and history, and restored however the answer is cut into pieces."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.prompt import Message, ResponseFormat, Text, Tool, ToolCall, ToolResult
from app.upstreams.converse.property_names import Restorer, aliases, restorer, with_aliases
from app.upstreams.converse.reply import ReplyMachine
from app.upstreams.converse.request import to_body
from tests.unit.upstreams.converse.histories import SONNET_45
from tests.unit.upstreams.converse.planning import plan

HI = Message("user", (Text("hi"),))
ALLOWED = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
ODD = ("filter[id]", "$top", "Account Number", "n" * 65, "größe", "a\nb", "")
NAMES = st.text(max_size=80) | st.sampled_from(ODD) | st.from_regex(r"[a-zA-Z0-9_.-]{1,64}", fullmatch=True)


def search(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@given(st.lists(NAMES, unique=True, max_size=8))
def test_aliases_are_allowed_apart_and_always_the_same(names: list[str]) -> None:
    properties: dict[str, object] = dict.fromkeys(names)
    found = aliases(properties)
    assert found == aliases(properties)
    assert found.keys() == {name for name in names if not ALLOWED.fullmatch(name)}
    sent = [found.get(name, name) for name in names]
    assert len(set(sent)) == len(names)
    assert all(ALLOWED.fullmatch(name) for name in sent)


def test_an_alias_that_is_another_propertys_name_is_not_taken() -> None:
    alias = aliases({"$top": {}})["$top"]
    assert aliases({"$top": {}, alias: {}})["$top"] not in ("$top", alias)


def test_a_schema_without_such_names_is_the_same_object() -> None:
    for schema in (search(top={}), {"type": "object"}, {"type": "object", "properties": []}):
        assert with_aliases(schema) == (schema, {})


def test_whatever_speaks_of_a_property_follows_its_alias() -> None:
    schema = search(**{"$top": {"type": "integer"}, "name": {"$ref": "#/properties/$top/x"}, "a/b~": {}}) | {
        "dependentRequired": {"$top": ["name", "$top"]},
        "dependencies": {"$top": ["$top"]},
        "dependentSchemas": {"$top": {"required": ["$top"], "properties": {"$top": {}}}},
        "if": {"properties": {"$top": {"const": 1}}, "required": ["$top"]},
        "then": {"not": {"required": ["$top"]}},
        "default": {"$top": 1, "name": {"$top": 2}},
        "examples": [{"$top": 1}, 7],
        "$defs": {"of": {"items": [{"$ref": "#/properties/a~1b~0"}, {"$ref": "#/$defs/of"}, {"$ref": "#/properties/name"}]}},
        "additionalProperties": False,
    }  # fmt: skip
    sent, names = with_aliases(schema)
    top, odd = names["$top"], names["a/b~"]
    assert sent == {
        "type": "object",
        "properties": {top: {"type": "integer"}, "name": {"$ref": f"#/properties/{top}/x"}, odd: {}},
        "required": [top, "name", odd],
        "dependentRequired": {top: ["name", top]},
        "dependencies": {top: [top]},
        "dependentSchemas": {top: {"required": [top], "properties": {top: {}}}},
        "if": {"properties": {top: {"const": 1}}, "required": [top]},
        "then": {"not": {"required": [top]}},
        "default": {top: 1, "name": {"$top": 2}},
        "examples": [{top: 1}, 7],
        "$defs": {"of": {"items": [{"$ref": f"#/properties/{odd}"}, {"$ref": "#/$defs/of"}, {"$ref": "#/properties/name"}]}},
        "additionalProperties": False,
    }  # fmt: skip


def test_names_below_the_top_stay() -> None:
    schema = search(where=search(**{"$top": {}}))
    assert with_aliases(schema) == (schema, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(NAMES, JSON, max_size=6),
    st.lists(st.integers(0, 400), max_size=12),
    st.sampled_from([None, 2]),
    st.booleans(),
)
def test_arguments_get_their_own_names_back_however_they_are_cut(
    arguments: dict[str, Any], cuts: list[int], indent: int | None, ascii_only: bool
) -> None:
    names = aliases(arguments)
    said = {names.get(name, name): value for name, value in arguments.items()}
    text = json.dumps(said, indent=indent, ensure_ascii=ascii_only)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    reader = Restorer({alias: name for name, alias in names.items()})
    pieces = [reader.feed(text[begin:end]) for begin, end in pairwise(places)]
    assert json.loads("".join(pieces) + reader.finish()) == arguments


@given(
    st.lists(st.text(max_size=20) | st.sampled_from(['{"', '"', "\\", "{", "}", "[", ",", '{"a', '":']), max_size=12)
)
def test_what_is_no_json_passes_as_it_is(pieces: list[str]) -> None:
    reader = Restorer({"never said": "other"})
    assert "".join(map(reader.feed, pieces)) + reader.finish() == "".join(pieces)


def test_values_are_not_held_back_and_a_name_without_an_end_only_for_a_while() -> None:
    alias = aliases({"$top": {}})["$top"]
    reader = Restorer({alias: "$top"})
    assert reader.feed('{"' + alias[:3]) == "{"
    assert reader.feed(alias[3:] + '": "wo') == '"$top": "wo'
    assert reader.feed("rd") == "rd"
    assert reader.feed('", "' + "x" * 400) == '", "' + "x" * 400


def test_a_tool_without_such_names_needs_nothing_restored() -> None:
    assert restorer(Tool("f", "", search(top={}))) is None
    assert restorer(Tool("f", "", None)) is None
    assert restorer(Tool("f", "", {"type": "object", "properties": 3})) is None


def test_a_call_leaves_and_comes_back_under_the_clients_names() -> None:
    tool = Tool("find", "", search(**{"filter[id]": {"type": "string"}, "top": {}}))
    call = ToolCall("c1", "find", '{"filter[id]":"7","top":1}')
    history = (HI, Message("assistant", (call,)), Message("user", (ToolResult("c1", (Text("none"),)),)))
    made = plan(SONNET_45, *history, tools=(tool,))
    body, repairs = to_body(made)
    alias = aliases({"filter[id]": {}})["filter[id]"]
    schema = body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]
    assert (list(schema["properties"]), schema["required"]) == ([alias, "top"], [alias, "top"])
    assert body["messages"][1]["content"][0]["toolUse"]["input"] == {alias: "7", "top": 1}
    assert repairs["property-name"] == 1

    block = {"toolUse": {"toolUseId": "c2", "name": "find", "input": {alias: {alias: 1}, "top": 2}}}
    reply = {"output": {"message": {"role": "assistant", "content": [block]}}, "stopReason": "tool_use", "usage": {}}
    events = ReplyMachine(made).whole(reply)
    said = "".join(getattr(event, "arguments", "") for event in events)
    assert json.loads(said) == {"filter[id]": {alias: 1}, "top": 2}


@pytest.mark.parametrize("stream", [False, True])
def test_structured_output_by_a_tool_has_the_clients_names(stream: bool) -> None:
    wanted = ResponseFormat("json_schema", search(**{"Account Number": {"type": "string"}}), "answer", "")
    made = plan("us.amazon.nova-pro-v1:0", HI, response_format=wanted)
    assert made.json_tool
    alias = aliases({"Account Number": {}})["Account Number"]
    machine = ReplyMachine(made)
    if stream:
        start = {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": made.json_tool}}}
        pieces = [f'{{"{alias[:4]}', f'{alias[4:]}" : "1', '2"}']
        events = machine.feed("contentBlockStart", start)
        for piece in pieces:
            events += machine.feed(
                "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": piece}}}
            )
        events += machine.feed("messageStop", {"stopReason": "tool_use"})
    else:
        block = {"toolUse": {"toolUseId": "t", "name": made.json_tool, "input": {alias: "12"}}}
        events = machine.whole({"output": {"message": {"content": [block]}}, "stopReason": "tool_use", "usage": {}})
    assert "".join(getattr(event, "text", "") for event in events) == '{"Account Number":"12"}'
