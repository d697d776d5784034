"""What a table adds: keys, limits, usage, the admin routes, and state that all processes share. Composed here, for `main`.

Loaded only where there is a table, so that a gateway without one pays nothing for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from app.api.keys.route import operations as keys_operations
from app.api.usage.route import operations as usage_operations
from app.core.books import Meter
from app.core.lasting import finish
from app.core.ports import Answers, Keys, Lessons, Models, Stash
from app.core.responses import Store
from app.core.table import Table
from app.settings import Settings
from app.stages.admission import Admission
from app.stores.answers import TableAnswers
from app.stores.directory.store import TableDirectory
from app.stores.holds import holds_back
from app.stores.keys import HashedKey, SingleKey
from app.stores.ledger import Exhausted, Ledgers
from app.stores.quirks import TableLessons
from app.stores.recorder import Recorder
from app.stores.rollups import Rollups
from app.stores.stash import TableStash
from app.stores.sweeping import Sweeper
from app.stores.table.later import LaterTable
from app.stores.table_keys import AdminKeys, TableKeys
from app.upstreams.aws import Aws
from app.web.admin import AdminDoor
from app.web.operation import Operation

INTERVAL = 2.0
"""Seconds between two rounds of rollups where the process lives on; on Lambda each request waits for its own."""
LAST_SECONDS = 5.0


class ControlPlane:
    """`single`: the API_KEY's port, None where there is no such key."""

    def __init__(
        self, settings: Settings, table: Table, single: Keys | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._table = table
        self._clock = clock
        self._directory = TableDirectory(table, clock=clock, max_cache_ttl=settings.cache_max_seconds)
        self._rollups = Rollups(table, clock)
        self._ledgers = Ledgers(table, self._rollups, lasts=settings.reservation_seconds, clock=clock)
        self._recorder = Recorder(
            table,
            metered_tags=settings.metered_tags,
            interval=0 if settings.on_lambda else INTERVAL,
            clock=clock,
        )
        self._sweeper = Sweeper(self._directory, self._ledgers, self._recorder, clock)
        self.keys = TableKeys(single, table, clock=clock, touch=self._directory.touch)

    def accounting(self, meter: Meter) -> Admission:
        return Admission(
            self._ledgers,
            self._recorder,
            meter,
            holds_back=holds_back,
            exhausted=Exhausted,
            at_once=self._settings.on_lambda,
            clock=self._clock,
        )

    def answers(self) -> Answers:
        return TableAnswers(self._table, self._clock)

    def stash(self, memory: Stash) -> Stash:
        return TableStash(memory, self._table, clock=self._clock)

    def responses(self) -> Store:
        from app.stores.responses.store import TableStore

        return TableStore(self._table, days=self._settings.responses_ttl_days, clock=self._clock)

    def lessons(self, memory: Lessons) -> Lessons:
        return TableLessons(memory, self._table, self._clock)

    def operations(self, models: Models) -> Sequence[Operation]:
        """The admin routes."""
        admins = AdminKeys(_admin_key(self._settings), self._table, clock=self._clock, touch=self._directory.touch)
        door = AdminDoor(admins, self.keys, write=self._directory.write_audit)
        return (
            *keys_operations(self._directory, self._ledgers, door, models, clock=self._clock),
            *usage_operations(self._rollups, self._up_to_date, door, clock=self._clock),
        )

    async def finish(self) -> None:
        """At the end of the process: what is still to be written is written."""
        await finish(LAST_SECONDS)
        await self._recorder.close(LAST_SECONDS)
        if isinstance(self._table, LaterTable):
            self._table.close()

    async def _up_to_date(self) -> None:
        await self._sweeper.sweep()
        await self._recorder.flush(LAST_SECONDS)


def _admin_key(settings: Settings) -> Keys | None:
    if settings.admin_key_hash:
        return HashedKey(settings.admin_key_hash, key_id="admin")
    return SingleKey(lambda: settings.admin_key, key_id="admin") if settings.admin_key.strip() else None


def dynamo_table(
    name: str, aws: Aws, clock: Callable[[], float] = time.time, *, answer_timeout: float = 3.0
) -> LaterTable:
    """The table in DynamoDB, connected when first needed. `answer_timeout` in seconds."""

    def make() -> Table:
        from app.stores.table.dynamo import DynamoTable
        from app.stores.table.http import HttpPool

        url, sign = aws.signed("dynamodb")
        pool = HttpPool(url, tls=aws.tls, proxy=aws.proxy(url), answer_timeout=answer_timeout)
        return DynamoTable(url, sign, name, pool=pool, clock=clock)

    return LaterTable(make)
