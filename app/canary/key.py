"""The key that the deep probe presents: from the environment, Secrets Manager or the SSM parameter store."""

from __future__ import annotations

import json
from typing import Any

from app.canary import aws
from app.canary.errors import Misconfigured, Unavailable
from app.canary.settings import Settings


def read_key(settings: Settings) -> str:
    """What is named more directly wins, as at the gateway: the key, the secret, the parameter.

    Raises Unavailable where AWS does not give it, Misconfigured where it is blank.
    """
    if settings.key:
        key = settings.key
    elif settings.key_secret_arn:
        key = _from_secret(settings.key_secret_arn, settings.region)
    else:
        key = _from_parameter(settings.key_parameter, settings.region)
    if not key.strip():
        raise Misconfigured("the deep probe's key is blank")
    return key.strip()


def _from_secret(arn: str, region: str) -> str:
    client = aws.client("secretsmanager", _region_of(arn) or region)
    answer: Any = aws.call("GetSecretValue", lambda: client.get_secret_value(SecretId=arn))
    value = answer.get("SecretString")
    return _plain(bytes(answer.get("SecretBinary", b"")).decode("utf-8", "replace") if value is None else str(value))


def _from_parameter(name: str, region: str) -> str:
    client = aws.client("ssm", _region_of(name) or region)
    answer: Any = aws.call("GetParameter", lambda: client.get_parameter(Name=name, WithDecryption=True))
    value = str(answer["Parameter"]["Value"]).strip()
    return _from_secret(value, region) if value.startswith("arn:") and ":secretsmanager:" in value else _plain(value)


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


def _region_of(arn: str) -> str:
    """The region an ARN names; blank for a plain name, which is in the function's own region."""
    parts = arn.split(":")
    return parts[3] if parts[0] == "arn" and len(parts) > 5 else ""
