"""`response_format` natively, by a forced tool, or by instruction."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.plan import Plan
from app.core.prompt import ToolChoice
from app.plan.structured import native_schema
from tests.unit.plan.planning import DEEPSEEK, LLAMA, NOVA, SONNET_45, TITAN, WEATHER, asked, planned

SONNET_5 = "anthropic.claude-sonnet-5"
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
LIST = {"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "string"}}}


def plan(model: str, schema: Any, description: str = "", **options: Any) -> Plan:
    holder = {"name": "n", "schema": schema, "description": description}
    wanted = {"type": "json_schema", "json_schema": holder}
    return planned(asked(model, response_format=wanted, **options))[0]


def test_natively_where_the_model_has_it() -> None:
    made = plan(SONNET_45, OBJECT, "D")
    assert made.text_format is not None
    assert (made.text_format.name, made.text_format.description) == ("n", "D")
    assert made.text_format.schema == OBJECT | {"additionalProperties": False}
    assert (made.tools, made.json_tool) == ((), "")


@pytest.mark.parametrize(("properties", "native"), [(64, True), (65, False)])
def test_a_model_where_it_is_new_gets_only_schemas_that_compile(properties: int, native: bool) -> None:
    large: dict[str, Any] = {
        "type": "object",
        "properties": {f"p{number}": {"type": "string"} for number in range(properties - 1)},
    }
    schema = large | {"anyOf": [{"properties": {"x": {}}}]}
    assert (plan(SONNET_5, schema).text_format is not None) is native
    assert plan(SONNET_45, schema).text_format is not None


def test_by_a_forced_tool_elsewhere() -> None:
    made = plan(NOVA, OBJECT)
    assert made.text_format is None
    assert (made.json_tool, made.unwrap, made.tool_choice) == ("json_response", "", ToolChoice("tool", "json_response"))
    assert made.tools[-1].schema == OBJECT
    assert "json_response" in made.instructions[0]


def test_what_is_no_object_is_wrapped_and_its_definitions_stay_at_the_root() -> None:
    made = plan(NOVA, LIST)
    assert made.unwrap == "value"
    assert made.tools[-1].schema == {
        "type": "object",
        "properties": {"value": LIST},
        "required": ["value"],
        "$defs": LIST["$defs"],
    }


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_beside_real_tools_the_model_may_choose(choice: str) -> None:
    made = plan(NOVA, OBJECT, tools=[WEATHER], tool_choice=choice)
    assert [tool.name for tool in made.tools] == ["get_weather", "json_response"]
    assert made.tool_choice == ToolChoice("any")


def test_a_tool_that_is_named_goes_before_the_format() -> None:
    named = {"type": "function", "function": {"name": "get_weather"}}
    assert plan(NOVA, OBJECT, tools=[WEATHER], tool_choice=named).tool_choice == ToolChoice("tool", "get_weather")


def test_the_json_tool_takes_no_name_that_is_taken() -> None:
    taken = [{"type": "function", "function": {"name": f"json_response{'_' * more}"}} for more in range(4)]
    assert plan(NOVA, OBJECT, tools=taken[:1]).json_tool == "json_response_"
    assert plan(NOVA, OBJECT, tools=taken).json_tool == "json_response____"


def test_a_model_that_cannot_be_forced_is_told() -> None:
    made = plan(LLAMA, OBJECT)
    assert made.tool_choice == ToolChoice()
    assert "json_response" in made.notes[0]


def test_by_instruction_where_there_are_no_tools() -> None:
    made = plan(TITAN, OBJECT)
    assert made.json_answer
    assert '{"type": "object"' in made.instructions[0]


def test_a_json_object_is_asked_for_in_words() -> None:
    made, _ = planned(asked(SONNET_45, response_format={"type": "json_object"}))
    assert (made.json_answer, made.json_tool, made.text_format) == (True, "", None)
    assert "single JSON object" in made.instructions[0]


def test_a_schema_that_was_refused_goes_by_tool() -> None:
    wanted = {"type": "json_schema", "json_schema": {"schema": OBJECT}}
    made, _ = planned(asked(DEEPSEEK, response_format=wanted), quirks=frozenset({"schema"}))
    assert (made.text_format, made.json_tool) == (None, "json_response")


def test_constraints_that_a_grammar_refuses_become_words() -> None:
    schema = {
        "type": "object",
        "description": "A city.",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9},
            "tags": {"type": ["array", "null"], "minItems": 2, "items": {"type": "string", "maxLength": 5}},
            "one": {"type": "array", "minItems": 1, "prefixItems": [{"type": "object"}]},
            "minimum": {"enum": [{"type": "object"}]},
        },
        "required": ["n"],
    }
    assert native_schema(schema) == {
        "type": "object",
        "description": "A city.",
        "properties": {
            "n": {"type": "integer", "description": "at least 1; at most 9"},
            "tags": {
                "type": ["array", "null"],
                "items": {"type": "string", "description": "at most 5 characters"},
                "description": "at least 2 items",
            },
            "one": {"type": "array", "minItems": 1, "prefixItems": [{"type": "object", "additionalProperties": False}]},
            "minimum": {"enum": [{"type": "object"}]},
        },
        "required": ["n"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "native"),
    [
        (True, False),
        ({"$ref": "https://example.com/x"}, False),
        ({"$ref": "#"}, False),
        ({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, False),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/c"}, "c": {"$ref": "#/$defs/a"}}}, False),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/c"}, "c": {"$ref": "#/$defs/b"}}}, False),
        ({"definitions": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string"}}}, True),
        (
            {
                "$defs": {
                    "a": {"anyOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/c"}]},
                    "b": {"$ref": "#/$defs/c"},
                    "c": {"$ref": "#/$defs/gone"},
                }
            },
            True,
        ),
        ({"type": ["object", "null"]}, True),
        ({"properties": {"a": {"additionalProperties": {"type": "number"}}}}, False),
        ({"anyOf": [{"patternProperties": {"^a": {}}}]}, False),
        ({"additionalProperties": False, "patternProperties": {}}, True),
    ],
)
def test_what_the_native_mode_cannot_have_goes_another_way(schema: Any, native: bool) -> None:
    assert (native_schema(schema) is not None) is native
