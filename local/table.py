"""The table for the commands that work on it: the deployment's, with the caller's AWS credentials, or `./dev run`'s."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.running import FILE, NotRunning, running

if TYPE_CHECKING:
    from app.core.table import Table
    from app.stores.table.dynamo import DynamoTable

UNSET = """\
TABLE_NAME is not set, so that there is no table to work on. For a deployment, take it from the stack's outputs:

export TABLE_NAME=$(aws cloudformation describe-stacks --stack-name bedrock-gateway --output text \\
  --query 'Stacks[0].Outputs[?OutputKey==`TableName`].OutputValue')

--local works on the table of a running ./dev run."""


SCHEMA: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
"""The table of template.yaml, as CreateTable wants it."""


class NoTable(Exception):
    """There is no table to work on, or nothing to reach it with; the text says what to do."""


def open_table(local: bool, *, environ: Mapping[str, str] = os.environ, file: Path = FILE) -> DynamoTable:
    """The table that TABLE_NAME names, or with `local` that of the running `./dev run`. Raises NoTable."""
    from app.errors import Internal
    from app.stores.table.dynamo import DynamoTable
    from app.stores.table.http import HttpPool
    from app.upstreams.aws import Aws

    if local:
        environ = local_environment(environ, file)
    name = environ.get("TABLE_NAME", "").strip()
    if not name:
        raise NoTable(UNSET)
    try:
        aws = Aws(environ)
        url, sign = aws.signed("dynamodb")
        pool = HttpPool(url, tls=aws.tls, proxy=aws.proxy(url), connect_timeout=5.0, answer_timeout=15.0)
    except Internal as problem:
        raise NoTable(str(problem)) from None
    except Exception as problem:
        if not type(problem).__module__.startswith("botocore."):
            raise
        raise NoTable(f"AWS can't be called: {problem}. `aws configure` or `aws sso login` may be needed.") from None
    return DynamoTable(url, sign, name, pool=pool, clock=time.time)


@contextlib.contextmanager
def closing(table: Table) -> Iterator[Table]:
    """Lets go of its connections at the end, where it has any."""
    try:
        yield table
    finally:
        close = getattr(table, "close", None)
        if close is not None:
            close()


def local_environment(environ: Mapping[str, str], file: Path = FILE) -> dict[str, str]:
    """The caller's environment with TABLE_NAME, region and endpoint of the running `./dev run`. Raises NoTable."""
    try:
        found = running(file)
    except NotRunning as problem:
        raise NoTable(str(problem)) from None
    environ = dict(environ) | {"TABLE_NAME": found.table, "AWS_REGION": found.region}
    if not found.dynamodb:
        return environ
    environ.pop("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None)
    environ["AWS_ENDPOINT_URL_DYNAMODB"] = found.dynamodb
    if found.dynamodb.startswith("http:"):  # nobody checks them, and those of a real account must not go there
        environ.pop("AWS_SESSION_TOKEN", None)
        environ.pop("AWS_CREDENTIAL_EXPIRATION", None)
        environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    return environ
