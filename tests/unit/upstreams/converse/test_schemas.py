"""Tool schemas: an object at the root whatever came in, and what was right stays as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upstreams.converse.schemas import tool_schema

KEYS = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "pattern",
        "items",
        "a",
        "description",
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(["object", "string", "#/$defs/a", "#/properties/a", "#/nowhere", "^(?!x)", "x"]),
)
SCHEMAS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)
EMPTY = {"type": "object", "properties": {}}


@given(SCHEMAS, st.booleans())
def test_any_schema_becomes_one_that_bedrock_takes(schema: Any, lookaround: bool) -> None:
    before = copy.deepcopy(schema)
    root, _ = tool_schema(schema, lookaround=lookaround)
    assert root["type"] == "object"
    assert not root.keys() & {"anyOf", "oneOf", "allOf", "$ref"}
    assert isinstance(root.get("properties", {}), dict)
    assert schema == before
    assert lookaround or "(?!" not in patterns(root)
    assert tool_schema(root, lookaround=lookaround) == (root, False)


def patterns(node: Any) -> str:
    if isinstance(node, dict):
        own = node.get("pattern")
        return (own if isinstance(own, str) else "") + "".join(patterns(inner) for inner in node.values())
    return "".join(patterns(inner) for inner in node) if isinstance(node, list) else ""


@given(st.dictionaries(st.sampled_from("abc"), SCHEMAS, max_size=3))
def test_a_plain_object_schema_is_sent_as_it_is(properties: dict[str, Any]) -> None:
    schema = {"description": "d", "type": "object", "properties": properties, "required": ["a"]}
    root, changed = tool_schema(schema)
    assert (root, changed) == (schema, False)
    assert list(root) == list(schema)


@pytest.mark.parametrize(("schema", "changed"), [(None, False), ({}, False), ([], True), ("x", True), (True, True)])
def test_an_absent_schema_is_that_of_no_arguments(schema: Any, changed: bool) -> None:
    assert tool_schema(schema) == (EMPTY, changed)


def test_a_schema_without_type_gets_one() -> None:
    properties = {"a": {"type": "string"}}
    assert tool_schema({"properties": properties}) == ({"type": "object", "properties": properties}, True)


def test_a_union_at_the_root_becomes_one_object() -> None:
    schema = {
        "title": "T",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}},
        "anyOf": [
            {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a", "b"]},
            {"properties": {"a": {"type": "string"}, "c": {"type": "null"}}, "required": ["a", "c"]},
            True,
        ],
    }
    root, changed = tool_schema(schema)
    assert changed
    assert list(root["properties"]) == ["id", "a", "b", "c"]
    assert root["required"] == ["id", "a"]
    assert root["title"] == "T"


def test_a_property_that_differs_between_the_branches_keeps_all_its_ways() -> None:
    branches = [{"properties": {"kind": {"const": word}}, "required": ["kind"]} for word in ("file", "url", "file")]
    root, _ = tool_schema({"oneOf": branches})
    assert root["properties"] == {"kind": {"anyOf": [{"const": "file"}, {"const": "url"}]}}
    assert root["required"] == ["kind"]


def test_what_all_of_the_branches_ask_is_asked() -> None:
    root, _ = tool_schema({"allOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}, "b": {}}})
    assert root["required"] == ["a", "b"]


def test_a_reference_at_the_root_is_followed() -> None:
    target = {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "required": ["a"]}
    schema = {"$ref": "#/$defs/x~1y", "$defs": {"x/y": target, "b": {"type": "string"}}}
    root, changed = tool_schema(schema)
    assert changed
    assert root == {"type": "object", "properties": target["properties"], "required": ["a"], "$defs": schema["$defs"]}


@pytest.mark.parametrize("reference", ["#/$defs/a", "#/nowhere", "https://example.com/schema", "#", 7])
def test_a_reference_that_leads_nowhere_is_no_arguments(reference: Any) -> None:
    schema = {"$ref": reference, "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert tool_schema(schema)[0] == EMPTY | {"$defs": schema["$defs"]}


def test_branches_that_refer_to_one_another_do_not_multiply() -> None:
    again = {"anyOf": [{"$ref": "#/$defs/a"} for _ in range(10)], "properties": {"x": {}}}
    root, _ = tool_schema({"$ref": "#/$defs/a", "$defs": {"a": again}})
    assert root["properties"] == {"x": {}}


def test_a_nested_union_stays() -> None:
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    assert tool_schema(schema) == (schema, False)


def test_patterns_that_look_around_go_where_the_model_refuses_them() -> None:
    ways = [{"pattern": "^(?=a)"}, {"pattern": "a(?<!b)c"}, {"pattern": "^(?:a)$"}]
    schema = {"type": "object", "properties": {"a": {"anyOf": ways}}}
    root, changed = tool_schema(schema, lookaround=False)
    assert changed
    assert root["properties"]["a"]["anyOf"] == [{}, {}, {"pattern": "^(?:a)$"}]
    assert tool_schema(schema) == (schema, False)


def test_equal_schemas_of_a_property_are_sent_once() -> None:
    shared = {"type": "array", "items": [{"type": "string"}, {"enum": ["a", "b"]}]}
    other = {"items": [{"type": "string"}, {"enum": ["a"]}], "type": "array"}
    again = {"items": [{"type": "string"}, {"enum": ["a", "b"]}], "type": "array"}
    found, changed = tool_schema({"anyOf": [{"properties": {"p": way}} for way in (shared, other, again, shared)]})
    assert found["properties"] == {"p": {"anyOf": [shared, other]}}
    assert changed


def test_a_branch_that_many_references_lead_to_is_merged_once() -> None:
    branch = {"properties": {"p": {"type": "string"}}, "required": ["p"]}
    found, _ = tool_schema({"oneOf": [{"$ref": "#/$defs/a"}] * 400, "$defs": {"a": branch}})
    assert found["properties"] == branch["properties"]
    assert found["required"] == ["p"]
