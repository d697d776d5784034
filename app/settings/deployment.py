"""Settings of a deployment: keys, models, the table, money, logs and guardrails."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.settings.values import Lower, Networks, Words


class DeploymentSettings(BaseModel):
    model_config = ConfigDict(defer_build=True)  # only the whole is ever built

    api_key: str = Field("", repr=False, description="The key clients present.")
    api_key_hash: Annotated[str, Lower] = Field(
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
    settings_param_name: str = Field(
        "",
        description="SSM parameter with a JSON object of settings, read with the first request and hourly (docs/deploy.md).",
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
    enable_cross_region_inference: bool = Field(
        True,
        description="List and use what leaves the region: inference profiles, `global.`, an alias's other regions.",
    )
    allowed_models: Words = Field(
        (),
        description="Models and aliases that may be called, as globs like those of a key (docs/keys.md). Unset: all.",
    )
    enable_application_inference_profiles: bool = Field(True, description="List application inference profiles.")
    enable_prompt_caching: bool = Field(
        True, description="Place cache points by itself where a conversation will profit; `false` leaves explicit ones."
    )
    prompt_cache_ttl: Literal["5m", "1h"] = Field(
        "5m",
        description="How long cache points live that the gateway places by itself, on models that keep prompts for an hour.",
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
    admin_key_hash: Annotated[str, Lower] = Field(
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
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = Field(
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
