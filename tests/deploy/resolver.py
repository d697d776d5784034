"""What CloudFormation would make of a template and its parameters, as far as this template needs it.

A function that is not known here, or a reference to what does not exist, is an error: a test then fails, and never passes
for the wrong reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/gateway/6f1a7e9c-0000-4000-8000-00000000abcd",
    "AWS::StackName": "gateway",
    "AWS::URLSuffix": "amazonaws.com",
}
ATTRIBUTES = {
    "FunctionUrl": "https://{}.lambda-url.us-east-1.on.aws/",
    "ApiEndpoint": "https://{}.execute-api.us-east-1.amazonaws.com",
    "DomainName": "{}.cloudfront.net",
}
"""Attributes whose shape matters; of the others only the name of the resource does."""
_PLACE = re.compile(r"\$\{(!?)([^}]+)\}")
_NOTHING = object()


class Dangling(Exception):
    """A reference to what is not in the stack."""


class Refused(Exception):
    """Parameters that CloudFormation would not take."""


class Stack:
    """A transformed template with its parameters. Raises Refused where a value is not one that the parameter allows."""

    def __init__(
        self, template: Mapping[str, Any], given: Mapping[str, str], pseudo: Mapping[str, str] | None = None
    ) -> None:
        self._template = template
        self.given = dict(given)
        self.parameters = _values(template["Parameters"], given)
        self._pseudo = PSEUDO | dict(pseudo or {})
        self._known: dict[str, bool] = {}

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Logical id -> the resource, of those that exist, everything resolved."""
        return {
            name: {
                **{key: value for key, value in resource.items() if key != "Properties"},
                "Properties": self.resolve(resource.get("Properties", {})),
            }
            for name, resource in self._template["Resources"].items()
            if self.has(name)
        }

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return {
            name: self.resolve(output["Value"])
            for name, output in self._template.get("Outputs", {}).items()
            if self.condition(output.get("Condition"))
        }

    def broken_rules(self) -> list[str]:
        """Descriptions of the assertions that these parameters fail."""
        return [
            assertion["AssertDescription"]
            for rule in self._template.get("Rules", {}).values()
            if "RuleCondition" not in rule or self._truth(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self._truth(assertion["Assert"])
        ]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id -> properties."""
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}

    def properties(self, name: str) -> dict[str, Any]:
        """Of a resource; layers carry a hash behind their name. Raises KeyError where it does not exist."""
        for each, resource in self.resources.items():
            if each == name or re.fullmatch(name + "[0-9a-f]{10}", each):
                found: dict[str, Any] = resource["Properties"]
                return found
        raise KeyError(name)

    def has(self, name: str) -> bool:
        resource = self._template["Resources"].get(name)
        return resource is not None and self.condition(resource.get("Condition"))

    def condition(self, name: str | None) -> bool:
        if name is None:
            return True
        if name not in self._known:
            self._known[name] = self._truth(self._template["Conditions"][name])
        return self._known[name]

    def resolve(self, value: Any) -> Any:
        """The value with every function worked out; what is AWS::NoValue is left out of its list or mapping."""
        if isinstance(value, list):
            return [found for each in value if (found := self.resolve(each)) is not _NOTHING]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: found for key, each in value.items() if (found := self.resolve(each)) is not _NOTHING}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Fn::If":
                return self.resolve(argument[1] if self.condition(argument[0]) else argument[2])
            case "Fn::GetAtt":
                return self._attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
            case "Fn::Sub":
                return self._sub(argument)
            case "Fn::Join":
                return argument[0].join(self.resolve(argument[1]))
            case "Fn::Split":
                return self.resolve(argument[1]).split(argument[0])
            case "Fn::Select":
                return self.resolve(argument[1])[int(argument[0])]
        raise NotImplementedError(name)

    def _truth(self, value: Any) -> bool:
        [(name, argument)] = value.items()
        match name:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                return bool(str(self.resolve(argument[0])) == str(self.resolve(argument[1])))
            case "Fn::Not":
                return not self._truth(argument[0])
            case "Fn::And" if 2 <= len(argument) <= 10:
                return all(self._truth(each) for each in argument)
            case "Fn::Or" if 2 <= len(argument) <= 10:
                return any(self._truth(each) for each in argument)
        raise NotImplementedError(name)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        if not self.has(name):
            raise Dangling(name)
        return name

    def _attribute(self, name: str, attribute: str) -> str:
        if not self.has(name):
            raise Dangling(f"{name}.{attribute}")
        return ATTRIBUTES.get(attribute, "{}." + attribute).format(name)

    def _sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        own = {name: self.resolve(each) for name, each in own.items()}

        def value(found: re.Match[str]) -> str:
            literal, name = found.groups()
            if literal:
                return "${" + name + "}"
            if name in own:
                return str(own[name])
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return _PLACE.sub(value, text)


def _values(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's value, as text. Raises Refused."""
    if unknown := set(given) - set(declared):
        raise Refused(f"no such parameter: {sorted(unknown)}")
    values = {name: str(given.get(name, each.get("Default"))) for name, each in declared.items()}
    for name, each in declared.items():
        if not _allowed(each, values[name]):
            raise Refused(f"{name}={values[name]!r}")
    return values


def _allowed(declared: Mapping[str, Any], value: str) -> bool:
    if "AllowedValues" in declared and value not in map(str, declared["AllowedValues"]):
        return False
    if "AllowedPattern" in declared and not re.fullmatch(declared["AllowedPattern"], value):
        return False
    if declared["Type"] == "Number":
        return bool(declared.get("MinValue", -(10**9)) <= float(value) <= declared.get("MaxValue", 10**9))
    return len(value) <= int(declared.get("MaxLength", 4096))
