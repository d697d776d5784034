"""The queries of the admin routes: filters, and the place in a list. Pure.

Unknown names are refused: a filter that is silently not applied shows too much.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from app.errors import InvalidRequest
from app.web import paging
from app.web.paging import MOST, PAGE, wrong

T = TypeVar("T")


class Query(paging.Query):
    """A query whose names are all among `allowed`. Raises InvalidRequest for what is not as it should be."""

    most_fields = 1000

    def __init__(self, text: bytes, allowed: Collection[str]) -> None:
        super().__init__(text)
        for name in self._given:
            if name not in allowed:
                raise InvalidRequest(
                    f"Unknown query parameter: '{name[:64]}'.", param=name[:64], code="unknown_parameter"
                )

    def text(self, name: str) -> str:
        """Empty where it was not given."""
        values = self._given.get(name, [""])
        if len(values) > 1:
            raise wrong(name, "it is given more than once")
        return values[0]

    def many(self, name: str) -> frozenset[str]:
        """`name[]=a&name[]=b`, as SDKs write lists, or `name=a&name=b`."""
        return frozenset(value for each in (f"{name}[]", name) for value in self._given.get(each, ()) if value)

    def choice(self, name: str, *choices: str) -> str:
        """One of the choices; the first where none was given."""
        value = self.text(name) or choices[0]
        if value not in choices:
            raise wrong(name, f"expected one of {', '.join(choices)}")
        return value


PAGING = ("after", "limit")


def paged(items: Sequence[T], query: Query, id_of: Callable[[T], str], *, default: int = PAGE) -> tuple[list[T], bool]:
    """The page that the query asks for, by `after`, `before`, `limit` and `order`; and whether there are more beyond.

    `items` are oldest first. A cursor that is not among them is refused.
    """
    limit = query.number("limit", default, 1, MOST)
    after, before = query.text("after"), query.text("before")
    ordered = list(items) if query.choice("order", "asc", "desc") == "asc" else list(reversed(items))
    if after and before:
        raise wrong("before", "give either after or before")
    if before:
        end = _place(ordered, before, id_of, "before")
        return ordered[max(0, end - limit) : end], end > limit
    start = _place(ordered, after, id_of, "after") + 1 if after else 0
    return ordered[start : start + limit], len(ordered) > start + limit


def _place(items: Sequence[T], cursor: str, id_of: Callable[[T], str], name: str) -> int:
    for place, item in enumerate(items):
        if id_of(item) == cursor:
            return place
    raise wrong(name, "there is no such object in this list")
