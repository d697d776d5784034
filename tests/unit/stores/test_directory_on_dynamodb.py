"""The directory and the keys over real DynamoDB APIs: conditions hold there as in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.core.access import Budget
from app.core.directory import Audit
from app.core.records import KeyRecord, Organization
from app.errors import GatewayError, NotFound
from app.stores.directory.store import TableDirectory
from app.stores.keys import SingleKey
from app.stores.table_keys import TableKeys

if TYPE_CHECKING:
    from tests.dynamodb import DynamoDb


async def test_everything_that_is_written_on_a_condition(dynamodb: DynamoDb) -> None:
    table, pool = dynamodb.open()
    try:
        directory = TableDirectory(table)
        record, secret = await directory.create_key(KeyRecord("", "alice", budget=Budget(5)))
        keys = TableKeys(SingleKey(lambda: "sk-own"), table)
        caller = await keys.authenticate(secret)
        assert caller is not None
        assert caller.key_id == record.id
        changes = (directory.update_key(replace(record, name=name)) for name in ("one", "two", "three"))
        results = await asyncio.gather(*changes, return_exceptions=True)
        assert sorted(getattr(each, "status", 0) for each in results) == [0, 409, 409]
        await directory.touch(record.id, 1_800_000_000)
        rotated, new = await directory.rotate_key(record.id, grace=60)
        assert (rotated.version, rotated.last_used_at) == (3, 1_800_000_000)
        assert await keys.authenticate(new) is not None
        assert await keys.authenticate(secret) is not None
        await directory.delete_key(record.id)
        with pytest.raises(NotFound):
            await directory.delete_key(record.id)
        with pytest.raises(NotFound):
            await directory.update_key(rotated)
        await directory.touch(record.id, 1_900_000_000)
        assert await directory.keys() == []
        assert await keys.authenticate(new[:-5] + "_____") is None
    finally:
        pool.close()


async def test_what_is_there_before_it_is_written(dynamodb: DynamoDb) -> None:
    table, pool = dynamodb.open()
    try:
        directory = TableDirectory(table)
        (default,) = await directory.projects()
        for change in (
            directory.update_project(replace(default, budget=Budget(0))),
            directory.update_organization(Organization(Budget(5))),
            directory.update_key(KeyRecord("default", "API_KEY", budget=Budget(7))),
        ):
            assert (await change).version == 1
        for late in (
            directory.update_project(default),
            directory.update_organization(Organization()),
            directory.update_key(KeyRecord("default", "API_KEY")),
        ):
            with pytest.raises(GatewayError, match="changed by somebody else"):
                await late
        caller = await TableKeys(SingleKey(lambda: "sk-own"), table).authenticate("sk-own")
        assert caller is not None
        assert [scope.kind for scope in caller.scopes] == ["key", "project", "organization"]
        account = await directory.create_account(default.id, "bot")
        await directory.create_key(KeyRecord("", "x", account=account.id))
        await directory.delete_account(account.id)
        assert [record.id for record in await directory.keys()] == ["default"]
        admin, _ = await directory.create_admin_key("ops")
        await directory.delete_admin_key(admin.id)
        await directory.write_audit(Audit(1_800_000_000, "a", "b", "c"))
    finally:
        pool.close()
