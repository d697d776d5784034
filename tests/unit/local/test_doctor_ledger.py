"""What the doctor says of a table."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.table import Table, TableUnavailable
from app.stores.table.memory import MemoryTable
from local.doctor.findings import Findings
from local.doctor.ledger import examine
from local.table import NoTable
from tests.dynamodb import DynamoDb

NAMED = {"TABLE_NAME": "t"}


def found(table: Table | Exception, environ: dict[str, str] = NAMED, *, local: bool = False) -> dict[str, str]:
    def opens(wanted: bool, **_: Any) -> Table:
        assert wanted is local
        if isinstance(table, Exception):
            raise table
        return table

    findings = Findings(show=False)
    examine(findings, environ, local=local, opens=opens)
    return {each.check: each.status for each in findings.all}


def test_a_table_that_works_and_is_left_as_it_was() -> None:
    table = MemoryTable()
    assert found(table) == {"table": "ok", "hard limit": "ok"}
    assert table.dump() == []


class Careless(MemoryTable):
    async def update(self, *args: Any, **options: Any) -> Any:
        return await super().update(*args, **(options | {"when": ()}))


class Away(MemoryTable):
    async def update(self, *args: Any, **options: Any) -> Any:
        raise TableUnavailable("AccessDeniedException")


@pytest.mark.parametrize(
    ("table", "environ", "local", "expected"),
    [
        (Careless(), NAMED, False, {"table": "ok", "hard limit": "failed"}),
        (Away(), NAMED, False, {"table": "failed"}),
        (NoTable("no credentials"), NAMED, False, {"table": "failed"}),
        (NoTable("nothing runs"), {}, True, {"table": "skipped"}),
        (MemoryTable(), {}, False, {"table": "skipped"}),
        (MemoryTable(), {}, True, {"table": "ok", "hard limit": "ok"}),
    ],
)
def test_what_is_wrong_is_told(
    table: Table | Exception, environ: dict[str, str], local: bool, expected: dict[str, str]
) -> None:
    assert found(table, environ, local=local) == expected


def test_over_a_real_api(dynamodb: DynamoDb) -> None:
    findings = Findings(show=False)
    examine(findings, dynamodb.environ())
    assert {each.check: each.status for each in findings.all} | {"table": "ok"} == {"table": "ok", "hard limit": "ok"}
