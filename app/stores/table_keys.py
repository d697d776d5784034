"""Keys by the table: the single API_KEY, then those that were created; and the keys of the admin routes.

The API_KEY is known without the table. Limits may be set for it in the record `default`; where it was never seen to have
any, it is served without the table, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from app.core.access import DEFAULT_PROJECT
from app.core.lasting import start
from app.core.ports import Caller, Keys
from app.core.records import AdminKey, KeyRecord
from app.core.table import Table, TableUnavailable
from app.errors import Unauthenticated, UpstreamFailure
from app.stores.callers import Callers, LimitsUnchecked, expired, is_hard
from app.stores.directory.credentials import ADMIN_KEY, KEY
from app.stores.directory.items import admin_key_of, key_of
from app.stores.directory.shelf import OWN_KEY, TOUCH_SECONDS, Shelf
from app.stores.locks import Lock, Locks
from app.stores.lookups import Lookups

MOST: Final = 10_000
"""Keys that are kept in memory."""

Touch = Callable[[str, float], Coroutine[Any, Any, None]]
"""Notes that a key was used at an epoch second: `TableDirectory.touch`."""


class TableKeys:
    """Implements Keys. `single` (the API_KEY, None for none) is asked first."""

    def __init__(
        self,
        single: Keys | None,
        table: Table,
        *,
        clock: Callable[[], float] = time.time,
        touch: Touch | None = None,
        most: int = MOST,
    ) -> None:
        self._single = single
        self._clock = clock
        self._touch = touch
        self._locks = Locks(table, KEY, key_of, clock=clock, most=most)
        self._callers = Callers(table, clock=clock, most=most)
        self._own_shelf = Shelf(table, KEY, "API key", key_of)
        self._own: Lookups[KeyRecord] = Lookups(self._read_own, clock=clock, most=1)
        self._own_last: Caller | None = None
        self._own_shut = False

    async def authenticate(self, presented: str) -> Caller | None:
        """The caller. Raises Unauthenticated (`key_disabled`, `key_expired`, `project_archived`) for a key that is
        known and may not be used, UpstreamFailure 503 where that can't be told, and what `single` raises."""
        trouble: Exception | None = None
        if self._single is not None:
            try:
                own = await self._single.authenticate(presented)
            except (UpstreamFailure, Unauthenticated) as problem:  # the keys in the table may open all the same
                own, trouble = None, problem
            if own is not None:
                return await self._own_caller(own)
        found = await self._locks.find(presented, self._callers.prefetch)
        if found is None:
            if trouble is not None:
                raise trouble
            return None
        lock, stale = found
        caller = await self._callers.caller(lock.record, stale=stale)
        _note(self._touch, lock, lock.record.id, self._clock())
        return caller

    async def known(self, key_id: str) -> Caller | None:
        """The caller whose key has this id, for work it has asked for before. Raises as `authenticate` does."""
        if key_id == OWN_KEY:
            record: KeyRecord | None = await self._read_own(key_id)
        else:
            record = await self._own_shelf.get(key_id)
        return None if record is None else await self._callers.caller(record, stale=False)

    async def _own_caller(self, own: Caller) -> Caller:
        try:
            self._callers.prefetch(DEFAULT_PROJECT)
            record, stale = await self._own.get(OWN_KEY)
            assert record is not None
            caller = await self._callers.caller(record.value, stale=stale)
        except LimitsUnchecked:
            raise
        except TableUnavailable:
            last = self._own_last
            if last is None or self._own_shut or any(map(is_hard, last.scopes)):
                raise  # what was never read may hold a limit
            return replace(last, stale=True)
        except Unauthenticated:
            self._own_shut = True
            raise
        self._own_shut = False
        if not caller.stale:
            self._own_last = caller
        return caller

    async def _read_own(self, id: str) -> KeyRecord:
        return await self._own_shelf.get(id) or KeyRecord(OWN_KEY, "")


class AdminKeys:
    """Implements Keys for the admin routes. `single`: the ADMIN_KEY of the settings; either may be None."""

    def __init__(
        self,
        single: Keys | None,
        table: Table | None,
        *,
        clock: Callable[[], float] = time.time,
        touch: Touch | None = None,
        most: int = 100,
    ) -> None:
        self._single = single
        self._clock = clock
        self._touch = touch
        self._locks: Locks[AdminKey] | None = None
        if table is not None:
            self._locks = Locks(table, ADMIN_KEY, admin_key_of, clock=clock, most=most)

    async def authenticate(self, presented: str) -> Caller | None:
        """As TableKeys; `key_id` is the admin key's id, or the single's own."""
        if self._single is not None and (own := await self._single.authenticate(presented)) is not None:
            return own
        found = None if self._locks is None else await self._locks.find(presented)
        if found is None:
            return None
        lock, stale = found
        key, now = lock.record, self._clock()
        if key.expires_at is not None and key.expires_at <= now:
            raise expired(key.expires_at)
        _note(self._touch, lock, key.id, now)
        return Caller(key.id, key.name, stale=stale)


def _note(touch: Touch | None, lock: Lock[Any], id: str, now: float) -> None:
    """Have the use of a key noted, behind the request's back and once an hour."""
    if touch is not None and now - lock.touched_at >= TOUCH_SECONDS:
        lock.touched_at = now
        start(touch(id, now))
