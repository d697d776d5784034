"""Where the configured key comes from: the environment, Secrets Manager or the SSM parameter store.

A source blocks while it reads, and is read in a worker thread. Its failures are `Unavailable`, whose text is for the
log: the call and the name of the error, never its message, which may hold an ARN or an account id.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Client = Callable[[str, str | None], Any]
"""Makes an AWS client for (service, region), None being the environment's region. Called in worker threads."""

Source = Callable[[], str]
"""Reads the key; blank counts as none. Blocks. Raises Unavailable."""


class Unavailable(Exception):
    """The key can't be had now. The text is safe to log."""


def key_source(*, key: str, secret_arn: str, parameter: str, client: Client) -> Source:
    """The source of the key; what is named more directly wins: the key, then the secret, then the parameter."""
    if key:
        return lambda: key
    if secret_arn:
        return lambda: from_secret(secret_arn, client)
    return lambda: from_parameter(parameter, client)


def from_secret(arn: str, client: Client) -> str:
    """The key in a secret: its JSON field `api_key`, or the whole of it where it is no JSON object."""
    answer = _call(lambda: client("secretsmanager", region_of(arn)).get_secret_value(SecretId=arn), "GetSecretValue")
    value = answer.get("SecretString")
    if value is None:
        value = bytes(answer.get("SecretBinary", b"")).decode("utf-8", "replace")
    return _plain(str(value))


def from_parameter(name: str, client: Client) -> str:
    """The key in an SSM parameter, as in a secret, or in the secret whose ARN the parameter holds."""
    answer = _call(lambda: client("ssm", region_of(name)).get_parameter(Name=name, WithDecryption=True), "GetParameter")
    value = str(answer["Parameter"]["Value"]).strip()
    return from_secret(value, client) if value.startswith("arn:") and ":secretsmanager:" in value else _plain(value)


def _plain(value: str) -> str:
    """The JSON field `api_key`, or the whole text where it is no JSON object."""
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if not isinstance(parsed, dict):
        return value
    if not isinstance(parsed.get("api_key"), str):
        raise Unavailable("the key is kept as a JSON object without a text field api_key")
    return str(parsed["api_key"])


def region_of(arn: str) -> str | None:
    """`arn:aws:ssm:eu-west-1:123456789012:parameter/key` -> `eu-west-1`; None for what is no ARN or names no region."""
    parts = arn.split(":")
    return (parts[3] or None) if parts[0] == "arn" and len(parts) > 5 else None


def _call(call: Callable[[], Any], operation: str) -> Any:
    # Imported late: with API_KEY set, starting up needs no AWS SDK.
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        raise Unavailable(f"{operation}: {error.response.get('Error', {}).get('Code', 'ClientError')}") from None
    except BotoCoreError as error:
        raise Unavailable(f"{operation}: {type(error).__name__}") from None
