"""`./dev keys` as a process, against a real DynamoDB API: the table is made, and a key survives the way there and back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.core.ports import Caller
from app.stores.table_keys import TableKeys

if TYPE_CHECKING:
    from tests.dynamodb import DynamoDb

ROOT = Path(__file__).parents[2]


def keys(backend: DynamoDb, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    quiet = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-W", "error", "-m", "local.keys", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=quiet | backend.environ() | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_key_is_made_listed_changed_and_opens(dynamodb: DynamoDb) -> None:
    made = keys(dynamodb, "create", "alice", "--budget", "20/month", "--rpm", "60", "--models", "us.*,fast")
    assert (made.returncode, made.stderr) == (0, "")
    secret = made.stdout.splitlines()[-1]
    changed = keys(dynamodb, "set", "alice", "--budget", "30/month")
    assert (changed.returncode, changed.stderr) == (0, "")
    listed = keys(dynamodb, "list")
    assert "$30.00/month, 60 rpm" in listed.stdout
    assert "$0.00 of $30.00" in keys(dynamodb, "show", "alice").stdout

    async def opens() -> Caller | None:
        table, pool = dynamodb.open()
        try:
            return await TableKeys(None, table).authenticate(secret)
        finally:
            pool.close()

    caller = asyncio.run(opens())
    assert caller is not None
    assert caller.access.models == ("us.*", "fast")


def test_init_makes_the_table_once(dynamodb: DynamoDb) -> None:
    missing = keys(dynamodb, "list", TABLE_NAME="gateway-new")
    assert missing.returncode == 1
    assert "There is no table 'gateway-new'" in missing.stderr
    assert missing.stderr.count("\n") == 1
    first = keys(dynamodb, "init", TABLE_NAME="gateway-new")
    assert (first.returncode, first.stderr) == (0, "")
    assert "making the table gateway-new" in first.stdout
    second = keys(dynamodb, "init", TABLE_NAME="gateway-new")
    assert second.stdout == "the table gateway-new is there\n"
    assert "There are no keys" in keys(dynamodb, "list", TABLE_NAME="gateway-new").stdout
    client = dynamodb.client()
    described = client.describe_table(TableName="gateway-new")["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = client.describe_time_to_live(TableName="gateway-new")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires_at")
    client.delete_table(TableName="gateway-new")


def test_a_table_of_somebody_else_is_left_alone(dynamodb: DynamoDb) -> None:
    client = dynamodb.client()
    client.create_table(
        TableName="theirs",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for command in ("init", "list"):
        ran = keys(dynamodb, command, TABLE_NAME="theirs")
        assert ran.returncode == 1
        assert "not the gateway's" in ran.stderr
    assert client.describe_time_to_live(TableName="theirs")["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    client.delete_table(TableName="theirs")


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"TABLE_NAME": ""}, "TABLE_NAME is not set"),
        ({"AWS_REGION": ""}, "AWS_REGION"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "aws configure"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}, "can't be reached"),
    ],
)
@pytest.mark.parametrize("command", ["list", "init"])
def test_what_is_missing_is_told(dynamodb: DynamoDb, command: str, environ: dict[str, str], told: str) -> None:
    ran = keys(dynamodb, command, **environ)
    assert ran.returncode == 1
    assert told in ran.stderr
    assert ran.stderr.startswith("keys: ")
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
