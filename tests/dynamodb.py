"""A DynamoDB API for tests: moto's, as a process on loopback (`local.table_server`). tests/conftest.py has the fixtures.

The process is shared by all tests of a worker, and each test has a table of its own.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.stores.table.dynamo import DynamoTable
from app.stores.table.http import HttpPool
from app.upstreams.aws import Aws
from local.family import CHILD
from local.table import SCHEMA

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class DynamoDb:
    """An endpoint and a table in it, empty at first."""

    url: str
    table: str

    def environ(self) -> dict[str, str]:
        """What a gateway, a command or an SDK needs in its environment to use the table."""
        return {
            "TABLE_NAME": self.table,
            "AWS_ENDPOINT_URL_DYNAMODB": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

    def client(self) -> Any:
        """boto3's."""
        return _client(self.url)

    def open(self, clock: Callable[[], float] = time.time) -> tuple[DynamoTable, HttpPool]:
        """The gateway's own; the pool is for the caller to close, in the loop that used it."""
        url, sign = Aws(self.environ()).signed("dynamodb")
        pool = HttpPool(url, connect_timeout=10, answer_timeout=30)
        return DynamoTable(url, sign, self.table, pool=pool, clock=clock), pool


def with_table(url: str) -> DynamoDb:
    """A new table at `url`."""
    table = f"gateway-{secrets.token_hex(6)}"
    client = _client(url)
    client.create_table(TableName=table, **SCHEMA)
    expiry = {"AttributeName": "expires_at", "Enabled": True}
    client.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
    return DynamoDb(url, table)


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """The address of moto's DynamoDB."""
    command = [sys.executable, "-c", CHILD, "local.table_server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # ends with us, however we end
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            assert line.startswith("listening on "), "local.table_server did not start"
            yield line.removeprefix("listening on ")
        finally:
            process.terminate()


@functools.cache
def _client(url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=30),
    )
