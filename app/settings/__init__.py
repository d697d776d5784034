"""The only reader of the environment: one frozen model, built by `Settings.from_env(os.environ)`.

Names are the environment's own, in lower case. Those that bedrock-access-gateway had keep their meaning. The table of
docs/settings.md is checked against this package, so every field carries its description.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, model_validator

from app.settings.limits import LimitSettings


class SettingsError(Exception):
    """The environment can't be used; the text names each variable and what it should be."""


def environment() -> Mapping[str, str]:
    """The process's environment, for what botocore's own variables decide."""
    return os.environ


class Settings(LimitSettings):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=False)

    port: int = Field(8000, ge=0, le=65535, description="Port that `run.sh` serves on.")
    aws_lwa_port: int | None = Field(
        None, ge=0, le=65535, description="The same, as the Lambda Web Adapter reads it; takes precedence over `PORT`."
    )
    aws_lambda_http_endpoint: str = Field(
        "",
        pattern=r"^((https?://)?[^/\s]*:)?([1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])/?$|^$",
        description="The same, as Lambda Web Functions set it (`host:port`); takes precedence over both.",
    )
    on_lambda: bool = Field(False, alias="aws_lambda_function_name", description="Set by Lambda; switches defaults.")

    @model_validator(mode="before")
    @classmethod
    def _lambda_is_a_flag(cls, values: dict[str, Any]) -> dict[str, Any]:
        name = values.get("aws_lambda_function_name")
        return values if name is None else values | {"aws_lambda_function_name": bool(name)}

    @property
    def listens_on(self) -> int:
        """The port to serve on, by whoever says it."""
        if self.aws_lambda_http_endpoint:
            return int(self.aws_lambda_http_endpoint.rstrip("/").rsplit(":", 1)[-1])
        return self.port if self.aws_lwa_port is None else self.aws_lwa_port

    @property
    def invoked(self) -> bool:
        """Whether each request comes as an invocation, with what Lambda says of it in headers that can be trusted."""
        return self.on_lambda and not self.aws_lambda_http_endpoint

    @property
    def has_key(self) -> bool:
        ways = (self.api_key, self.api_key_hash, self.api_key_secret_arn, self.api_key_param_name)
        return any(way.strip() for way in ways)

    @property
    def drains(self) -> bool:
        """Whether an abandoned stream is read to its end."""
        return self.on_disconnect == "drain" or (not self.on_disconnect and (self.on_lambda or bool(self.table_name)))

    def require_key(self) -> None:
        """Raise SettingsError where no key is configured, naming the ways to configure one.

        A function on Lambda goes on without: it can't say why it would not start, and its answers can.
        """
        if not self.has_key and not self.table_name and not self.on_lambda:
            raise SettingsError(
                "No API key is configured. Set one of API_KEY (the key itself), API_KEY_HASH (its SHA-256), "
                "API_KEY_SECRET_ARN (a Secrets Manager secret that holds it), API_KEY_PARAM_NAME (an SSM parameter "
                "that holds it) or TABLE_NAME (a table of keys)."
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from environment variables; a blank one counts as unset. Raises SettingsError."""
        environ = os.environ if environ is None else environ
        given = {}
        for name, field in cls.model_fields.items():
            value = environ.get((field.alias or name).upper(), "")
            if value.strip():
                given[field.alias or name] = value
        try:
            return cls.model_validate(given)
        except ValidationError as problem:
            # The value is not repeated: it may be a key.
            lines = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in problem.errors())
            raise SettingsError("Invalid settings: " + "; ".join(lines)) from None
