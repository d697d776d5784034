"""Reading the JSON in an item's `body`: what is unknown is passed over, what is of the wrong kind breaks the item.

A limit that can't be read must not turn into none, so that there are no defaults for what is there and wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from app.core.table import Item


class Broken(ValueError):
    """An item that this gateway has not written, or not as it is."""


class Fields:
    """The members of a JSON object. All raise Broken; what is absent or null is the default."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise Broken(name)
        return value

    def number(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None or type(value) is int:
            return value
        raise Broken(name)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise Broken(name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise Broken(name)
        return tuple(value)

    def pairs(self, name: str) -> dict[str, str]:
        inner = self.inner(name)
        return {} if inner is None else {each: inner.text(each) for each in inner._values}

    def inner(self, name: str) -> Fields | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Broken(name)
        return Fields(value)

    def inners(self, name: str) -> list[Fields]:
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise Broken(name)
        return [Fields(each) for each in value]

    def names(self) -> tuple[str, ...]:
        return tuple(self._values)


def body_of(item: Item) -> Fields:
    """The fields in an item's `body`. Raises Broken."""
    body = item.get("body")
    if not isinstance(body, str):
        raise Broken("body")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise Broken("body") from None
    if not isinstance(values, dict):
        raise Broken("body")
    return Fields(values)


def body_text(values: Mapping[str, Any]) -> str:
    """JSON of what is not empty: None, false, "" and empty collections say nothing; 0 is a limit."""
    kept = {name: value for name, value in values.items() if value not in (None, "", (), [], {}) and value is not False}
    return json.dumps(kept, separators=(",", ":"), allow_nan=False)


def attribute(item: Item, name: str) -> int:
    """A number beside the body; 0 where there is none."""
    value = item.get(name, 0)
    if not isinstance(value, int):
        raise Broken(name)
    return value


def text_attribute(item: Item, name: str) -> str:
    value = item.get(name, "")
    if not isinstance(value, str):
        raise Broken(name)
    return value
