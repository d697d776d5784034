"""What `core.table` can say, in DynamoDB's words: attribute values and expressions. Pure.

Source: botocore's service model `dynamodb/2012-08-10`; names and values always go through placeholders, for attribute names
here hold what a reserved word, a dot or a colon would break.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.table import Absent, AtMost, Condition, Equal, Item, Present, Value

Attribute = dict[str, Any]


def attribute(value: Value) -> Attribute:
    """`"a"` -> `{"S": "a"}`; a lone surrogate, which has no UTF-8, becomes a question mark."""
    if isinstance(value, str):
        return {"S": value.encode("utf-8", "replace").decode() if not value.isascii() else value}
    if isinstance(value, int):
        return {"N": str(value)}
    return {"B": b2a_base64(value, newline=False).decode()}


def attributes(item: Item) -> dict[str, Attribute]:
    return {name: attribute(value) for name, value in item.items()}


def item(given: Mapping[str, Any]) -> dict[str, Value]:
    """Attributes of kinds that we never write are left out; numbers that are not whole are cut."""
    found: dict[str, Value] = {}
    for name, value in given.items():
        for kind, content in value.items():
            if kind == "S":
                found[name] = content
            elif kind == "N":
                found[name] = int(content) if content.lstrip("-").isdecimal() else int(float(content))
            elif kind == "B":
                found[name] = a2b_base64(content, strict_mode=True)
    return found


class Words:
    """The placeholders of one request."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Attribute] = {}

    def name(self, name: str) -> str:
        held = self.names.get(name)
        if held is None:
            held = self.names[name] = f"#{len(self.names)}"
        return held

    def value(self, value: Value) -> str:
        word = f":{len(self.values)}"
        self.values[word] = attribute(value)
        return word

    def condition(self, when: Sequence[Condition]) -> str:
        return " AND ".join(map(self._one, when))

    def change(self, set: Mapping[str, Value] | None, add: Mapping[str, int] | None, remove: Sequence[str]) -> str:
        clauses = []
        if set:
            clauses.append(
                "SET " + ", ".join(f"{self.name(name)} = {self.value(value)}" for name, value in set.items())
            )
        if add:
            clauses.append("ADD " + ", ".join(f"{self.name(name)} {self.value(value)}" for name, value in add.items()))
        if remove:
            clauses.append("REMOVE " + ", ".join(map(self.name, remove)))
        return " ".join(clauses)

    def _one(self, condition: Condition) -> str:
        name = self.name(condition.name)
        match condition:
            case Absent():
                return f"attribute_not_exists({name})"
            case Present():
                return f"attribute_exists({name})"
            case Equal(_, value):
                return f"{name} = {self.value(value)}"
            case AtMost(_, value):
                return f"(attribute_not_exists({name}) OR {name} <= {self.value(value)})"

    def parameters(self) -> dict[str, Any]:
        """DynamoDB refuses empty ones."""
        found: dict[str, Any] = {}
        if self.names:
            found["ExpressionAttributeNames"] = {word: name for name, word in self.names.items()}
        if self.values:
            found["ExpressionAttributeValues"] = self.values
        return found
