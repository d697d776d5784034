"""Responses, jobs and conversations of one table, or of one process."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.core.table import Table
from app.stores.responses.bounded import BoundedTable
from app.stores.responses.conversations import KeptConversations
from app.stores.responses.kept import KeptResponses


class TableStore(KeptResponses, KeptConversations):
    """Implements core.responses.Store."""

    def __init__(self, table: Table, *, days: int = 30, clock: Callable[[], float] = time.time) -> None:
        KeptResponses.__init__(self, table, days=days, clock=clock)


def memory_store(
    *, entries: int = 1000, size: int = 64_000_000, days: int = 30, clock: Callable[[], float] = time.time
) -> TableStore:
    """What was longest not used is forgotten first, when there are more than so many things or bytes."""
    return TableStore(BoundedTable(entries=entries, size=size, clock=clock), days=days, clock=clock)
