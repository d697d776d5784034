"""Values made from schemas: they fit, and take what the prompt offers."""

from typing import Any

import pytest

from local.behaviour.schema import Hints, fill


def filled(schema: Any, text: str = "", name: str = "value") -> Any:
    return fill(schema, Hints.of(text), name)


def thing(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        ({"const": 5}, "", 5),
        ({"enum": ["celsius", "fahrenheit"]}, "in Fahrenheit please", "fahrenheit"),
        ({"enum": [1, 2]}, "", 1),
        ({"type": "boolean"}, "", True),
        (thing(on={"type": "boolean"}), "on: false", {"on": False}),
        ({"type": "null"}, "", None),
        ({"type": ["null", "integer"]}, "", 1),
        ({"type": "integer", "minimum": 3}, "", 3),
        ({"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991}, "", 1),
        ({"type": "integer", "minimum": -5, "maximum": -2}, "", -2),
        ({"type": "number", "minimum": -90, "exclusiveMaximum": 90}, "", 1),
        ({"type": "integer", "minimum": 0}, "", 0),
        ({"type": "integer", "maximum": 10}, "give me 50", 10),
        ({"type": "integer", "exclusiveMinimum": 3}, "", 4),
        ({"type": "number", "exclusiveMaximum": 1}, "", 0.5),
        ({"type": "integer", "multipleOf": 5}, "take 7", 10),
        ({"type": "number"}, "about 2.5 of them", 2.5),
        ({"type": "integer"}, "2.5 then 4", 4),
        ({"type": "string", "format": "date"}, "", "2026-01-31"),
        ({"type": "string", "minLength": 8}, "", "valuexxx"),
        ({"type": "string", "maxLength": 3}, "", "val"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "", ["value", "value"]),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True}, "", ["value", "value 2"]),
        ({"type": "array", "maxItems": 0}, "", []),
        ({"type": "array", "prefixItems": [{"const": 1}]}, "", [1]),
        ({"anyOf": [{"type": "null"}, {"const": 2}]}, "", 2),
        ({"oneOf": [{"type": "null"}]}, "", None),
        ({"allOf": [thing(a={"const": 1}), thing(b={"const": 2})]}, "", {"a": 1, "b": 2}),
        (thing(city={"type": "string"}), "the weather in New York today", {"city": "New York"}),
        (thing(q={"type": "string"}), 'search "blue cats"', {"q": "blue cats"}),
        (thing(first_name={"type": "string"}), "first name is Ada", {"first_name": "Ada"}),
        ({"properties": {"a": {"const": 1}}, "required": ["a", "b"]}, "", {"a": 1, "b": "b"}),
        ({"type": "object", "properties": {"unit": {"type": "string"}}}, "unit=metre", {"unit": "metre"}),
        ({"type": "object", "properties": {"unit": {"type": "string"}}}, "", {}),
        ({"items": {"const": 1}}, "", [1]),
        (True, "", "value"),
    ],
)
def test_what_a_schema_gets(schema: Any, text: str, expected: Any) -> None:
    assert filled(schema, text) == expected


def test_references_are_followed() -> None:
    schema = {
        "$defs": {"point": thing(x={"type": "integer"}, y={"type": "integer"})},
        **thing(at={"$ref": "#/$defs/point"}),
    }
    assert filled(schema, "3 and 4") == {"at": {"x": 3, "y": 4}}


def test_references_within_all_of() -> None:
    schema = {"$defs": {"base": thing(a={"const": 1})}, "allOf": [{"$ref": "#/$defs/base"}, {"title": "t"}]}
    assert filled(schema) == {"a": 1}


def test_a_recursive_schema_comes_to_an_end() -> None:
    assert filled({"type": "array", "items": {"$ref": "#"}}) is not None
