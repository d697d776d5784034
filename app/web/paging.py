"""Lists with cursors as OpenAI pages them: `limit`, `order`, `after`, and `include` beside. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from app.errors import InvalidRequest

PAGE = 20
MOST = 100


class Query:
    """The query of a request. Unknown names are forgiven, as OpenAI's SDKs add some; values have to fit."""

    most_fields = 100

    def __init__(self, text: bytes) -> None:
        try:
            self._given = parse_qs(text.decode("latin-1"), keep_blank_values=True, max_num_fields=self.most_fields)
        except ValueError:
            raise InvalidRequest("The query has too many parameters.") from None

    def text(self, name: str) -> str:
        """The last of that name; empty where it was not given."""
        return self._given.get(name, [""])[-1]

    def many(self, name: str) -> frozenset[str]:
        """`name[]=a&name[]=b` or `name[0]=a`, as SDKs write lists, or `name=a&name=b`."""
        found = (values for each, values in self._given.items() if each.partition("[")[0] == name)
        return frozenset(value for values in found for value in values if value)

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "1")

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name)
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 15 and low <= int(value) <= high):
            raise wrong(name, f"a whole number from {low} to {high} is expected")
        return int(value)


def page(items: Sequence[Mapping[str, Any]], query: Query) -> dict[str, Any]:
    """The page that the query asks for, newest first by default. `items` are oldest first. A foreign cursor is refused."""
    limit = query.number("limit", PAGE, 1, MOST)
    order, after = query.text("order") or "desc", query.text("after")
    if order not in ("asc", "desc"):
        raise wrong("order", "expected one of asc, desc")
    ordered = items if order == "asc" else items[::-1]
    start = 0
    if after:
        start = next((place for place, item in enumerate(ordered, 1) if item.get("id") == after), 0)
        if not start:
            raise wrong("after", "there is no such item in this list")
    return listing(ordered[start : start + limit], more=len(ordered) > start + limit)


def listing(items: Sequence[Mapping[str, Any]], *, more: bool = False) -> dict[str, Any]:
    first, last = (items[0].get("id"), items[-1].get("id")) if items else (None, None)
    return {"object": "list", "data": list(items), "first_id": first, "last_id": last, "has_more": more}


def wrong(name: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid value for '{name}': {why}.", param=name, code="invalid_value")
