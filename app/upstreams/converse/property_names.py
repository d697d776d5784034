"""Names of a tool's arguments that Bedrock refuses, as ones it takes: towards the model, and back in what it says.

"Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'" (public reports, 2026): for the properties at the top of a tool's
schema only. `filter[id]`, `$top` and `Account Number` are usual in tools made from APIs and spreadsheets. An alias depends on
the schema alone, so that a cached prefix stays one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json

from app.core.prompt import Tool
from app.upstreams.converse.names import LIMIT, digest
from app.upstreams.converse.schemas import tool_schema

Names = Mapping[str, str]
"""The client's own names -> aliases, or the other way round; those that stay are not in it."""

_NAMES = re.compile(r"(?:[a-zA-Z0-9_.-]{1,64}\n)*\Z")
_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}\Z")
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_.-]+")
_IN_PLACE = ("if", "then", "else", "not")
"""Keywords whose schemas speak of the same object."""
_INSTANCES = ("default", "const")
_LONGEST_KEY = 6 * LIMIT
"""Characters that an alias may take in JSON, if a model escapes each."""


def aliases(properties: Mapping[str, Any]) -> Names:
    """Own name -> alias, for those properties that need one."""
    joined = "\n".join([*properties, ""])
    if _NAMES.match(joined) and joined.count("\n") == len(properties):
        return {}
    found: dict[str, str] = {}
    taken = set(properties)
    for name in properties:
        if _NAME.match(name):
            continue
        alias = base = f"{_NOT_NAME.sub('_', name).strip('_')[: LIMIT - 14] or 'property'}_{digest(name)}"
        number = 1
        while alias in taken:
            number += 1
            alias = f"{base}{number}"
        taken.add(alias)
        found[name] = alias
    return found


def with_aliases(schema: dict[str, Any]) -> tuple[dict[str, Any], Names]:
    """A tool's schema with names that Bedrock takes, and the aliases in it."""
    properties = schema.get("properties")
    names = aliases(properties) if isinstance(properties, Mapping) else {}
    return (_pointing(_renamed(schema, names), names), names) if names else (schema, names)


def restorer(tool: Tool) -> Restorer | None:
    """Gives the arguments of a call of `tool` their own names back; None where all of them are."""
    schema, _ = tool_schema(tool.schema)
    properties = schema.get("properties")
    names = aliases(properties) if isinstance(properties, Mapping) else {}
    return Restorer({alias: name for name, alias in names.items()}) if names else None


def renamed(value: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """An object with these names for its members."""
    return {names.get(name, name): member for name, member in value.items()}


def _renamed(schema: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The schema of the arguments, or one that is applied to the same object."""
    result: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "properties" and isinstance(value, Mapping):
            value = renamed(value, names)
        elif keyword == "required":
            value = _listed(value, names)
        elif keyword in ("dependentRequired", "dependencies", "dependentSchemas") and isinstance(value, Mapping):
            value = renamed({name: _dependent(each, names) for name, each in value.items()}, names)
        elif keyword in _IN_PLACE and isinstance(value, Mapping):
            value = _renamed(value, names)
        elif keyword in _INSTANCES and isinstance(value, Mapping):
            value = renamed(value, names)
        elif keyword in ("examples", "enum") and isinstance(value, list):
            value = [renamed(each, names) if isinstance(each, Mapping) else each for each in value]
        result[keyword] = value
    return result


def _dependent(value: Any, names: Names) -> Any:
    return _renamed(value, names) if isinstance(value, Mapping) else _listed(value, names)


def _listed(value: Any, names: Names) -> Any:
    return (
        [names.get(each, each) if isinstance(each, str) else each for each in value]
        if isinstance(value, list)
        else value
    )


def _pointing(node: Any, names: Names) -> Any:
    """The schema with references that lead through the aliases."""
    if isinstance(node, list):
        return [_pointing(item, names) for item in node]
    if not isinstance(node, Mapping):
        return node
    return {
        keyword: _pointer(value, names) if keyword == "$ref" and isinstance(value, str) else _pointing(value, names)
        for keyword, value in node.items()
    }


def _pointer(reference: str, names: Names) -> str:
    head, properties, rest = reference.partition("#/properties/")
    if head or not properties:
        return reference
    name, slash, below = rest.partition("/")
    own = name.replace("~1", "/").replace("~0", "~")
    return f"#/properties/{names[own]}{slash}{below}" if own in names else reference


_OUTSIDE = re.compile(r'["{}\[\],]')
_INSIDE = re.compile(r'["\\]')


class Restorer:
    """Replaces names of members at the top of a JSON object, whose text comes in pieces of any size.

    Only a name is held back until it is complete; each character is read once. What is no JSON passes as it is.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._depth = 0
        self._expects_name = False
        self._in_string = False
        self._escaped = False
        self._name: list[str] | None = None
        self._length = 0

    def feed(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            at = self._string(text, at, out) if self._in_string else self._structure(text, at, out)
        return "".join(out)

    def finish(self) -> str:
        """What was held back when the text ended in the middle of a name."""
        held, self._name = self._name or (), None
        return "".join(held)

    def _structure(self, text: str, at: int, out: list[str]) -> int:
        found = _OUTSIDE.search(text, at)
        if found is None:
            out.append(text[at:])
            return len(text)
        end, sign = found.end(), found[0]
        if sign == '"':
            self._in_string = True
            if self._depth == 1 and self._expects_name:
                out.append(text[at : end - 1])
                self._name, self._length = ['"'], 0
                return end
        elif sign == ",":
            self._expects_name = True
        else:
            self._depth += 1 if sign in "{[" else -1
            self._expects_name = sign == "{"
        out.append(text[at:end])
        return end

    def _string(self, text: str, at: int, out: list[str]) -> int:
        if self._escaped:
            self._escaped, end, closed = False, at + 1, False
        else:
            found = _INSIDE.search(text, at)
            end = found.end() if found else len(text)
            closed = found is not None and found[0] == '"'
            self._escaped = found is not None and not closed
        piece = text[at:end]
        if self._name is None:
            out.append(piece)
        else:
            self._name.append(piece)
            self._length += len(piece)
            if closed:
                out.append(self._restored("".join(self._name)))
                self._name = None
            elif self._length > _LONGEST_KEY:
                out += self._name
                self._name = None
        if closed:
            self._in_string = self._expects_name = False
        return end

    def _restored(self, token: str) -> str:
        try:
            own = self._names.get(from_json(token))
        except ValueError:
            return token
        return token if own is None else to_json(own).decode()
