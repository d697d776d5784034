"""The canary's environment, read in one place. A blank variable counts as unset."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.canary.errors import Misconfigured

MOST_INSTANCES = 50


@dataclass(frozen=True)
class Settings:
    url: str
    """Of the gateway, with a slash at the end."""
    auth: str = "NONE"
    """How the Function URL is called: `NONE`, or `AWS_IAM` (every request signed)."""
    warm_instances: int = 1
    metrics: bool = False
    table: str = ""
    models: tuple[str, ...] = ()
    cents_per_day: float = 0.0
    key: str = field(default="", repr=False)
    key_parameter: str = ""
    key_secret_arn: str = ""
    origin_secret: str = field(default="", repr=False)
    region: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Raises Misconfigured, which repeats no value: it may be a key."""
        environ = os.environ if environ is None else environ  # noqa: TID251  this room's only reader

        def given(name: str, default: str = "") -> str:
            return environ.get(name, "").strip() or default

        return cls(
            url=_url(given("GATEWAY_URL")),
            auth=_one_of("GATEWAY_AUTH", given("GATEWAY_AUTH", "NONE").upper(), "NONE", "AWS_IAM"),
            warm_instances=_whole("WARM_INSTANCES", given("WARM_INSTANCES", "1")),
            metrics=_one_of("CANARY_METRICS", given("CANARY_METRICS", "false").lower(), "true", "false") == "true",
            table=given("TABLE_NAME"),
            models=tuple(dict.fromkeys(name.strip() for name in given("DEEP_PROBE_MODELS").split(",") if name.strip())),
            cents_per_day=_cents(given("DEEP_PROBE_CENTS_PER_DAY", "0")),
            key=given("API_KEY"),
            key_parameter=given("API_KEY_PARAM_NAME"),
            key_secret_arn=given("API_KEY_SECRET_ARN"),
            origin_secret=given("ORIGIN_SECRET"),
            region=given("AWS_REGION", given("AWS_DEFAULT_REGION")),
        )

    def require_deep(self) -> None:
        """Raises Misconfigured where the deep probe lacks something, naming all of it."""
        missing = [
            *([] if self.table else ["TABLE_NAME (the day's spending and the results are kept there)"]),
            *([] if self.models else ["DEEP_PROBE_MODELS (comma-separated model ids)"]),
            *([] if self.cents_per_day > 0 else ["DEEP_PROBE_CENTS_PER_DAY (above 0)"]),
            *(
                []
                if self.key or self.key_parameter or self.key_secret_arn
                else ["a key: API_KEY, API_KEY_PARAM_NAME or API_KEY_SECRET_ARN"]
            ),
        ]
        if missing:
            raise Misconfigured("the deep probe does not run without " + "; ".join(missing))


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Misconfigured("GATEWAY_URL is no URL") from None
    if not host:
        raise Misconfigured("GATEWAY_URL is not set, or no URL")
    # The key travels with each request: in the clear only to this very machine.
    if parts.scheme != "https" and not (parts.scheme == "http" and host in {"127.0.0.1", "::1", "localhost"}):
        raise Misconfigured("GATEWAY_URL must start with https://")
    if parts.username or parts.query or parts.fragment:
        raise Misconfigured("GATEWAY_URL must be scheme, host and path only")
    return value if value.endswith("/") else value + "/"


def _one_of(name: str, value: str, *allowed: str) -> str:
    if value not in allowed:
        raise Misconfigured(f"{name} must be one of {', '.join(allowed)}")
    return value


def _whole(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= MOST_INSTANCES):
        raise Misconfigured(f"{name} must be a whole number from 1 to {MOST_INSTANCES}")
    return int(value)


def _cents(value: str) -> float:
    try:
        cents = float(value)
    except ValueError:
        cents = math.nan
    if not 0 <= cents <= 1_000_000:
        raise Misconfigured("DEEP_PROBE_CENTS_PER_DAY must be a number from 0 to 1000000")
    return cents
