"""One partition of records: the same reading, making and changing for keys, projects and all the others.

A change names the `version` that it was made from and gets the next one, so that of two at once one is told.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Generic, NoReturn, TypeVar

from app.core.access import DEFAULT_PROJECT
from app.core.records import Project
from app.core.table import Absent, Condition, Equal, Item, Present, Refused, Table, Value
from app.errors import GatewayError, NotFound, UpstreamFailure
from app.stores.directory.fields import Broken

log = logging.getLogger(__name__)

R = TypeVar("R")

OWN_KEY = "default"
"""The record of the single API_KEY: limits without a secret, which is in the deployment's settings."""
ORGANIZATION = "settings"
TOUCH_SECONDS = 3600
"""Between two notes that a key was used."""

ATTRIBUTES = ("body", "version", "created_at", "created_us", "last_used_at")
"""What listings read: never a hash."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Unreadable(UpstreamFailure):
    """A record that is there and can't be read. It may hold limits, so it counts neither as none nor as absent."""

    status = 503
    code = "record_unreadable"


class Shelf(Generic[R]):
    """The records under `pk`. `word`: what one is called in errors; `parse` raises Broken."""

    def __init__(
        self,
        table: Table,
        pk: str,
        word: str,
        parse: Callable[[Item], R],
        *,
        clock: Callable[[], float] = time.time,
        unwritten: tuple[str, ...] = (),
    ) -> None:
        """`unwritten`: ids that count as there before anything was written."""
        self._table = table
        self._pk = pk
        self._word = word
        self._parse = parse
        self._clock = clock
        self._unwritten = unwritten

    async def all(self) -> list[R]:
        """Oldest first. One that can't be read is left out, and the log names it."""
        items = await self._table.query(self._pk, attributes=ATTRIBUTES)
        records = []
        for item in sorted(items, key=_age):
            with contextlib.suppress(Unreadable):
                records.append(self.read(item))
        return records

    async def get(self, id: str) -> R | None:
        """Raises Unreadable."""
        item = await self.item(id)
        return None if item is None else self.read(item)

    async def item(self, id: str) -> Item | None:
        return await self._table.get(self._pk, id, consistent=True) if _ID.fullmatch(id) else None

    async def create(self, id: str, body: str, more: Mapping[str, Value] | None = None) -> R:
        now = self._clock()
        item = {**(more or {}), "body": body, "version": 1, "created_at": int(now), "created_us": int(now % 1 * 1e6)}
        try:
            await self._table.put(self._pk, id, item, when=[Absent("sk")])
        except Refused:  # 80 random bits twice, or this very write, whose answer got lost
            raise self.conflict() from None
        return self.read({**item, "pk": self._pk, "sk": id})

    async def change(
        self,
        id: str,
        version: int,
        body: str,
        more: Mapping[str, Value] | None = None,
        *,
        remove: tuple[str, ...] = (),
    ) -> R:
        """Raises NotFound, and a GatewayError 409 where the record is not at `version` any more."""
        if not _ID.fullmatch(id):
            self.not_found(id)
        when: list[Condition] = [Equal("version", version) if version else Absent("version")]
        if id not in self._unwritten:
            when.append(Present("sk"))
        values = {**(more or {}), "body": body, "version": version + 1}
        try:
            item = await self._table.update(self._pk, id, set=values, remove=remove, when=when)
        except Refused as refused:
            if refused.item is None:
                self.not_found(id)
            raise self.conflict() from None
        return self.read(item)

    async def delete(self, id: str) -> None:
        if not _ID.fullmatch(id):
            self.not_found(id)
        try:
            await self._table.delete(self._pk, id, when=[Present("sk")])
        except Refused:
            self.not_found(id)

    def not_found(self, id: str) -> NoReturn:
        shown = repr(id if len(id) <= 64 else id[:61] + "...")
        raise NotFound(f"There is no {self._word} {shown}.", code="not_found")

    def conflict(self) -> GatewayError:
        return GatewayError(
            f"This {self._word} was changed by somebody else in the meantime. Read it again and repeat the change.",
            status=409,
            type="invalid_request_error",
            code="conflict",
        )

    def read(self, item: Item) -> R:
        """Raises Unreadable."""
        try:
            return self._parse(item)
        except Broken as broken:
            # Nothing but the names: the rest of the item may be anything.
            log.error("the item %r of %r in the table can't be read (%s)", item.get("sk"), self._pk, broken)
        raise Unreadable(f"A record of the gateway ({self._word}) can't be read; the log names it.")


def _age(item: Item) -> tuple[int, int, str]:
    created, part = item.get("created_at", 0), item.get("created_us", 0)
    return created if isinstance(created, int) else 0, part if isinstance(part, int) else 0, str(item.get("sk", ""))


def default_project() -> Project:
    """As it is before anybody changed it."""
    return Project(DEFAULT_PROJECT, "Default project")
