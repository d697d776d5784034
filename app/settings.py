"""The only reader of the environment: one frozen model, built by `Settings.from_env(os.environ)`.

Names are the environment's own, in lower case. Those that bedrock-access-gateway had keep their meaning. The table in the
README is checked against this module, so every field carries its description.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator


class SettingsError(Exception):
    """The environment can't be used; the text names each variable and what it should be."""


def environment() -> Mapping[str, str]:
    """The process's environment, for what botocore's own variables decide."""
    return os.environ


def _words(value: object) -> object:
    """`a, b` -> ("a", "b"); lists pass."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _networks(value: object) -> object:
    """`10.0.0.0/8, 2001:db8::/32` -> networks; an address alone is a network of one. Host bits are forgiven."""
    words = _words(value)
    if not isinstance(words, tuple | list):
        return words
    try:
        return tuple(ipaddress.ip_network(word, strict=False) for word in words)
    except ValueError:
        raise ValueError("a list of networks such as 192.0.2.0/24, 2001:db8::/32 is expected") from None


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Networks = Annotated[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...], BeforeValidator(_networks)]


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: str = Field("", repr=False, description="The key clients present.")
    api_key_hash: Annotated[str, BeforeValidator(_lower)] = Field(
        "",
        repr=False,
        pattern="^([0-9a-f]{64})?$",
        description="The key's SHA-256 in hexadecimal instead of the key, so that it stands nowhere (`./dev hash`).",
    )
    api_key_secret_arn: str = Field(
        "",
        description="ARN of the Secrets Manager secret that holds the key (JSON field `api_key`, or the plain string).",
    )
    api_key_param_name: str = Field(
        "", description="Name of the SSM parameter that holds the key, or the ARN of the secret that holds it."
    )
    api_route_prefix: str = Field(
        "/api/v1",
        pattern=r"^(/[A-Za-z0-9._-]+)*$",
        description="A prefix all routes answer under, beside `/v1` and `/api/v1`.",
    )
    default_model: str = Field(
        "",
        description="Model or alias for OpenAI's own model names (`gpt-*`, `o*`, ...) that no model on Bedrock has. Unset: the "
        "aliases `fast`, `standard` and `reasoning` by the name. `off`: 404.",
    )
    default_embedding_model: str = Field(
        "",
        description="The same for `text-embedding-*`. Unset: one that stays the same (docs/models.md). `off`: 404.",
    )
    enable_cross_region_inference: bool = Field(True, description="List and use cross-region inference profiles.")
    enable_application_inference_profiles: bool = Field(True, description="List application inference profiles.")
    enable_prompt_caching: bool = Field(
        True, description="Place cache points by itself where a conversation will profit; `false` leaves explicit ones."
    )
    prefer_global_profiles: bool = Field(
        False, description="A bare model id that needs a profile takes `global.` before the region's own geography."
    )
    allowed_origins: Words = Field(
        (), description="Origins that browsers may call from (CORS), comma-separated. Unset: none."
    )
    allowed_networks: Networks = Field(
        (),
        description="Networks that may call (IPv4 and IPv6 CIDRs, comma-separated). Unset: all. "
        "The connection's address counts, never a header of the client's.",
    )
    origin_secret: str = Field(
        "",
        repr=False,
        description="Refuse whatever does not carry it in `x-origin-secret`, as the CDN in front adds it (docs/edge.md).",
    )
    health_hold: bool = Field(
        False, description="Let `/health?hold=MS` wait, which a canary needs that keeps several environments warm."
    )
    table_name: str = Field(
        "", description="DynamoDB table for keys, budgets, usage and state (docs/table.md). Unset: none of these."
    )
    admin_key: str = Field("", repr=False, description="A key for the admin routes, beside those in the table.")
    admin_key_hash: Annotated[str, BeforeValidator(_lower)] = Field(
        "", repr=False, pattern="^([0-9a-f]{64})?$", description="Its SHA-256 instead (`./dev hash`)."
    )
    model_aliases: str = Field(
        "", description="Names for chains of models: JSON, or the SSM parameter that holds it (docs/aliases.md)."
    )
    prices: str = Field("", description="Prices that go before the built-in table: JSON, see docs/prices.md.")
    price_ceiling: Words = Field(
        ("15", "75"),
        description="USD per million tokens (input, output) charged for a model that has no price.",
    )
    metered_tags: Words = Field(
        ("team", "workflow", "app"),
        description="Names in a request's `metadata` (and a key's tags) that usage is added up by.",
    )
    metrics: Words = Field(
        (),
        description="CloudWatch metrics (EMF) by these dimensions: `model`, `traffic`, `project`, `key`, `endpoint`, "
        "`outcome`. Unset: none, for they cost money.",
    )
    reserve_output_tokens: int = Field(
        4096,
        ge=1,
        description="Tokens of output that a request without a limit of its own is expected to take, for rates per "
        "minute (and hard budgets, where `BUDGET_LIMITS_OUTPUT` is `false`).",
    )
    budget_limits_output: bool = Field(
        True,
        description="Under a hard budget, send what is reserved for the output as the limit of the answer (docs/table.md). "
        "`false`: only a client's own limit is sent, and `RESERVE_OUTPUT_TOKENS` is reserved without one.",
    )
    table_timeout: float = Field(
        3,
        gt=0,
        le=60,
        description="Seconds the table may take to answer. After that a request with limits gets 503.",
    )
    reservation_seconds: int = Field(
        1200,
        ge=5,
        le=86_400,
        description="Age at which a request that was never heard of again is charged at its estimate.",
    )
    cache_max_seconds: int = Field(604_800, ge=0, description="Longest life of a cached answer; 0 turns the cache off.")
    responses_store: bool = Field(
        True,
        description="Keep responses and conversations for `previous_response_id` (docs/state.md), where a request does not "
        "say `store: false`: in the table, or in memory without one.",
    )
    responses_ttl_days: int = Field(30, ge=1, le=3650, description="Days for which they are kept.")
    debug: bool = Field(False, description="Log more: request shapes with content as length and hash.")
    log_content: bool = Field(False, description="With DEBUG, log contents too. For a laptop, never for a deployment.")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", description="Level of the log lines."
    )
    guardrail_id: str = Field("", description="Guardrail applied to every chat request.")
    guardrail_version: str = Field("DRAFT", description="Its version.")
    guardrail_stream_mode: Literal["sync", "async"] = Field(
        "sync", description="In streams: `sync` holds text back until it was checked, `async` shows it at once."
    )
    guardrail_client_override: bool = Field(
        False, description="Let a request name a guardrail of its own while GUARDRAIL_ID is set."
    )
    image_fetch: Words = Field(
        ("public",), description="Remote images: `public` (any public address), `off`, or a list of host names."
    )
    image_fetch_max_bytes: int = Field(20_000_000, gt=0, description="Largest remote image or file, in bytes.")
    image_fetch_max_total_bytes: int = Field(
        25_000_000,
        gt=0,
        description="All remote images and files of one request, in bytes. Memory is some 90 MB + 4.5 x this.",
    )
    image_fetch_timeout: float = Field(10.0, gt=0, le=120, description="Seconds a remote fetch may take in all.")
    max_body_bytes: int = Field(26_000_000, gt=0, description="Largest request body, in bytes; more is 413.")
    max_concurrency: int = Field(1000, gt=0, le=10_000, description="Upstream calls at once in one process; more wait.")
    max_choices: int = Field(16, ge=1, le=128, description="Largest `n`; each choice is a call of its own.")
    max_messages: int = Field(20_000, ge=1, description="Most messages, or input items, of a request; more is 400.")
    max_tools: int = Field(1024, ge=1, description="Most tools of a request; more is 400.")
    max_schema_nodes: int = Field(
        50_000, ge=1, description="Most objects and arrays in all schemas of a request together; more is 400."
    )
    max_embedding_inputs: int = Field(2048, ge=1, description="Longest list of inputs to `/embeddings`.")
    connect_timeout: float = Field(5.0, gt=0, description="Seconds to reach Bedrock.")
    read_timeout: float = Field(3600.0, gt=0, description="Seconds Bedrock may be silent before a call is given up.")
    ping_interval: float = Field(15.0, gt=0, description="Seconds of silence in a stream before a `: ping` comment.")
    client_stall_timeout: float = Field(
        60.0,
        ge=0,
        description="Seconds in which a client must take some byte of its answer; then its connection is closed, as if it had "
        "left. 0: no limit. On Lambda the invocation's time limit holds instead.",
    )
    on_disconnect: Literal["cancel", "drain", ""] = Field(
        "",
        description="A client goes away: `cancel` stops the model, `drain` lets it finish so that usage is exact. "
        "Default: `drain` on Lambda and with a table, `cancel` elsewhere.",
    )
    deadline_margin: float = Field(
        4.0,
        ge=0,
        le=60,
        description="On Lambda: seconds before the invocation's time limit at which an answer is stopped.",
    )
    models_cache_seconds: int = Field(3600, ge=0, description="Age at which the model list is fetched anew.")
    stash_entries: int = Field(10_000, ge=0, description="Tool calls whose reasoning is kept in memory for replay.")
    stash_bytes: int = Field(32_000_000, ge=0, description="Memory that this reasoning may take, in bytes.")
    strict_parameters: bool = Field(False, description="Answer 400 where a parameter would be ignored.")
    port: int = Field(8000, ge=0, le=65535, description="Port that `run.sh` serves on.")
    aws_lwa_port: int | None = Field(
        None, ge=0, le=65535, description="The same, as the Lambda Web Adapter is told it; goes before `PORT`."
    )
    aws_lambda_http_endpoint: str = Field(
        "",
        pattern=r"^((https?://)?[^/\s]*:)?([1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])/?$|^$",
        description="The same, as Lambda Web Functions tell it (`host:port`); goes before both.",
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
