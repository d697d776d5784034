"""The deep probe's results in the table, as the canary writes them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from app.core.ports import Check, Statuses
from app.errors import UpstreamFailure
from app.stores.statuses import NoStatuses, TableStatuses

NOW = 1_763_700_000.0


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def put(client: Any, model: str, checks: Any, *, expires_at: float = NOW + 60, **more: Any) -> None:
    item = {
        "pk": {"S": "status"},
        "sk": {"S": model},
        "body": {"S": json.dumps({"model": model, "checks": checks})},
        "checked_at": {"N": str(round(NOW) - 5)},
        "expires_at": {"N": str(expires_at)},
    }
    client.put_item(TableName="state", Item=item | more)


async def test_what_was_written_is_read(dynamodb: Any) -> None:
    put(dynamodb, "a", {"tools": {"status": "ok", "ms": 12, "detail": "", "at": 7}, "image": {"status": "skipped"}})
    put(dynamodb, "b", {"cache": {"status": "failed", "ms": None, "detail": "x" * 999}})
    first, second = await TableStatuses(lambda: dynamodb, "state", clock=lambda: NOW).all()
    assert (first.model, first.checked_at) == ("a", NOW - 5)
    assert first.checks == {"tools": Check("ok", 12, "", 7), "image": Check("skipped")}
    assert second.checks["cache"] == Check("failed", None, "x" * 300, 0)


async def test_what_is_past_its_time_or_not_ours_is_left_out(dynamodb: Any) -> None:
    put(dynamodb, "old", {"tools": {"status": "ok"}}, expires_at=NOW)
    put(dynamodb, "odd", [], body={"S": "no json"})
    put(dynamodb, "odder", {"tools": "ok"})
    put(dynamodb, "oddest", {}, body={"N": "5"})
    put(dynamodb, "endless", {}, body={"S": '{"checks": {"tools": {"status": "ok", "ms": 1e999}}}'})
    put(dynamodb, "new", {"tools": {"status": "ok"}, "later": {"status": "of a newer version"}})
    (only,) = await TableStatuses(lambda: dynamodb, "state", clock=lambda: NOW).all()
    assert (only.model, list(only.checks)) == ("new", ["tools"])


async def test_many_pages_are_read(dynamodb: Any) -> None:
    for number in range(12):
        put(dynamodb, f"m{number:02}", {"tools": {"status": "ok", "detail": "x"}}, padding={"S": "y" * 200_000})
    assert len(await TableStatuses(lambda: dynamodb, "state", clock=lambda: NOW).all()) == 12


async def test_the_table_is_asked_once_in_a_while(dynamodb: Any) -> None:
    now = NOW
    statuses = TableStatuses(lambda: dynamodb, "state", clock=lambda: now)
    assert await statuses.all() == []
    put(dynamodb, "a", {})
    now += 14
    assert await statuses.all() == []
    now += 2
    assert len(await statuses.all()) == 1


async def test_a_table_that_cannot_be_read_is_503_without_names(
    dynamodb: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app")
    with pytest.raises(UpstreamFailure) as raised:
        await TableStatuses(lambda: dynamodb, "secret-table").all()
    assert (raised.value.status, raised.value.code) == (503, "status_unavailable")
    assert "ResourceNotFoundException" in caplog.text
    assert "secret-table" not in caplog.text + str(raised.value)


async def test_without_a_table_nothing_is_kept() -> None:
    statuses: Statuses = NoStatuses()
    assert await statuses.all() is None
