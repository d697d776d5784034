"""Secrets that are presented against what the table holds of them, for keys and admin keys alike.

Looked up by the id in the key, so that one read answers for every secret; one that does not fit what is kept is checked
against a fresh read, because the key may just have been rotated. A secret that fits nothing is remembered for 10 s.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from app.core.table import Item, Table, TableUnavailable
from app.stores.directory.credentials import matches, taken_apart
from app.stores.directory.fields import Broken, attribute, text_attribute
from app.stores.lookups import Lookups

log = logging.getLogger(__name__)

R = TypeVar("R")

UNKNOWN_SECONDS: Final = 10.0
FRONTS: Final = ("", "old_")
"""Of the attributes of the secret in force, and of the one before it."""


class Lock(Generic[R]):
    """A record and what opens it. `touched_at`: when its use was noted last."""

    __slots__ = ("hashes", "old_until", "record", "touched_at")

    def __init__(self, record: R, item: Item) -> None:
        """Raises Broken."""
        self.record = record
        self.hashes = [(text_attribute(item, front + "salt"), text_attribute(item, front + "hash")) for front in FRONTS]
        self.old_until = attribute(item, "old_until")
        self.touched_at: float = attribute(item, "last_used_at")

    def opens(self, secret: str, now: float) -> bool:
        (salt, hash), (old_salt, old_hash) = self.hashes
        return matches(salt, hash, secret) or (now < self.old_until and matches(old_salt, old_hash, secret))


class Locks(Generic[R]):
    """Those of `kind` (see `directory.credentials`); `parse` raises Broken."""

    def __init__(
        self, table: Table, kind: str, parse: Callable[[Item], R], *, clock: Callable[[], float], most: int
    ) -> None:
        self._table = table
        self._kind = kind
        self._parse = parse
        self._clock = clock
        self._most = most
        self._lookups: Lookups[Lock[R]] = Lookups(self._read, clock=clock, most=most)
        self._unknown: OrderedDict[bytes, float] = OrderedDict()

    async def find(self, presented: str, beside: Callable[[], object] = lambda: None) -> tuple[Lock[R], bool] | None:
        """The lock that the key opens, and whether that is stale knowledge. Raises TableUnavailable.

        `beside` is called before anything is waited for, to begin other reads.
        """
        parts = taken_apart(self._kind, presented.strip())
        if parts is None:
            return None
        id, secret = parts
        now = self._clock()
        kept = self._lookups.peek(id, now)
        if kept is not None and kept.value.opens(secret, now):
            return kept.value, False
        digest = hashlib.sha256(secret.encode() + id.encode()).digest()
        if self._is_unknown(digest, now):
            return None
        beside()
        found, stale = await self._lookups.get(id, anew=kept is not None)
        if found is not None and found.value.opens(secret, self._clock()):
            return found.value, stale
        if stale:
            raise TableUnavailable("a secret that only a fresh read could judge")
        self._remember(digest)
        return None

    async def _read(self, id: str) -> Lock[R] | None:
        item = await self._table.get(self._kind, id, consistent=True)
        if item is None:
            return None
        try:
            return Lock(self._parse(item), item)
        except Broken as broken:
            log.error("the %s %s in the table can't be read (%s), so it opens nothing", self._kind, id, broken)
            return None

    def _is_unknown(self, digest: bytes, now: float) -> bool:
        return 0 <= now - self._unknown.get(digest, -1e9) < UNKNOWN_SECONDS

    def _remember(self, digest: bytes) -> None:
        self._unknown[digest] = self._clock()
        if len(self._unknown) > self._most:
            self._unknown.popitem(last=False)
