"""`./dev keys init`: the table, where it is missing. The stack makes its own; this is for gateways that run elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.keys.troubles import of_kind
from local.table import SCHEMA, UNSET, NoTable

TTL = {"Enabled": True, "AttributeName": "expires_at"}


def init(environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Raises NoTable, whose text says why it can't be made."""
    from botocore.exceptions import BotoCoreError, ClientError

    from app.errors import Internal
    from app.upstreams.aws import Aws

    name = environ.get("TABLE_NAME", "").strip()
    if not name:
        raise NoTable(UNSET)
    try:
        client = Aws(environ).client("dynamodb")
        _make(client, name, say)
    except Internal as problem:
        raise NoTable(problem.message) from None
    except ClientError as problem:
        raise NoTable(of_kind(problem.response.get("Error", {}).get("Code", "ClientError"), name)) from None
    except BotoCoreError as problem:
        raise NoTable(of_kind(type(problem).__name__, name)) from None


def _make(client: Any, name: str, say: Callable[[str], None]) -> None:
    try:
        described = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        say(f"making the table {name} (on demand: it costs nothing while nobody uses it)")
        described = client.create_table(TableName=name, **SCHEMA)["TableDescription"]
    else:
        say(f"the table {name} is there")
    if described["KeySchema"] != SCHEMA["KeySchema"]:
        raise NoTable(f"The table {name!r} is not the gateway's: its key is not pk and sk. Choose another TABLE_NAME.")
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
    status = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"]
    if status == "DISABLED":
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=TTL)
        say("items expire by expires_at")
