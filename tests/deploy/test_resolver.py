"""The stand-in for CloudFormation that the other tests of the template rely on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.resolver import Dangling, Refused, Stack


def _stack(resources: dict[str, Any], **given: str) -> Stack:
    template = {
        "Parameters": {
            "Color": {"Type": "String", "Default": "", "AllowedPattern": "^(|[a-z]{2,6})$"},
            "Size": {"Type": "Number", "Default": 3, "MinValue": 1, "MaxValue": 9},
        },
        "Conditions": {
            "Colored": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Color"}, ""]}]},
            "Big": {"Fn::And": [{"Condition": "Colored"}, {"Fn::Equals": [{"Ref": "Size"}, "9"]}]},
            "Either": {"Fn::Or": [{"Condition": "Colored"}, {"Condition": "Big"}]},
        },
        "Resources": resources,
    }
    return Stack(template, given)


def _resolved(value: Any, **given: str) -> Any:
    others = {"Always": {"Type": "A"}, "Sometimes": {"Type": "B", "Condition": "Colored"}}
    stack = _stack({"It": {"Type": "T", "Properties": {"value": value}}, **others}, **given)
    return stack.properties("It").get("value", "left out")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Color"}, "red"),
        ({"Ref": "Size"}, "3"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "Always"}, "Always"),
        ({"Ref": "AWS::NoValue"}, "left out"),
        ([1, {"Ref": "AWS::NoValue"}, {"a": {"Ref": "AWS::NoValue"}, "b": 2}], [1, {"b": 2}]),
        ({"Fn::If": ["Colored", 1, 2]}, 1),
        ({"Fn::If": ["Big", 1, {"Fn::If": ["Either", 2, 3]}]}, 2),
        ({"Fn::Sub": "${Color}-${AWS::Region}-${!Color}"}, "red-us-east-1-${Color}"),
        ({"Fn::Sub": ["${Own} ${Always.Arn}", {"Own": {"Ref": "Size"}}]}, "3 Always.Arn"),
        ({"Fn::GetAtt": ["Always", "FunctionUrl"]}, "https://Always.lambda-url.us-east-1.on.aws/"),
        ({"Fn::GetAtt": "Always.Arn"}, "Always.Arn"),
        ({"Fn::Join": ["/", {"Fn::Split": ["//", {"Fn::Sub": "a//${Color}"}]}]}, "a/red"),
        ({"Fn::Select": ["1", ["a", {"Ref": "Color"}]]}, "red"),
        ({"Fn::If": ["Colored", {"Ref": "Sometimes"}, "none"]}, "Sometimes"),
    ],
)
def test_functions_give_what_cloudformation_would(value: Any, expected: Any) -> None:
    assert _resolved(value, Color="red") == expected


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Missing"},
        {"Ref": "Sometimes"},
        {"Fn::GetAtt": ["Sometimes", "Arn"]},
        {"Fn::Sub": "${Sometimes.Arn}"},
        {"Fn::Sub": "${Missing}"},
    ],
)
def test_a_reference_to_what_is_not_in_the_stack_is_an_error(value: Any) -> None:
    with pytest.raises(Dangling):
        _resolved(value)


def test_a_branch_that_is_not_taken_may_name_what_is_not_there() -> None:
    assert _resolved({"Fn::If": ["Colored", {"Ref": "Sometimes"}, "none"]}) == "none"


def test_a_resource_exists_where_its_condition_holds() -> None:
    resources = {"Sometimes": {"Type": "B", "Condition": "Colored"}, "Large": {"Type": "B", "Condition": "Big"}}
    assert set(_stack(resources).resources) == set()
    assert set(_stack(resources, Color="red").resources) == {"Sometimes"}
    assert set(_stack(resources, Color="red", Size="9").resources) == {"Sometimes", "Large"}


def test_a_function_that_is_not_known_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match="Fn::Cidr"):
        _resolved({"Fn::Cidr": ["10.0.0.0/8", 1]})


@pytest.mark.parametrize("given", [{"Color": "r"}, {"Color": "Red"}, {"Size": "10"}, {"Size": "0"}, {"Shape": "round"}])
def test_values_that_a_parameter_does_not_allow_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(Refused):
        _stack({}, **given)
