"""What clients may send to the admin routes: OpenAI's bodies (openai-python 3.52, `types/admin`) and our own fields.

Unknown fields are refused, because a limit that was misspelled must not be a limit that is silently not there. An explicit
null removes a limit on update. OpenAI's fields that nothing here could honour are named (`Any`), and refused by `decode`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_CENTS = 100_000_000_000
"""A milliard dollars."""
MOST_REQUESTS, MOST_TOKENS = 10**9, 10**12
"""Per minute. A limit of as much is none."""
MOST_SECONDS = 315_360_000
"""Ten years."""

_PRINTABLE = "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]*$"
_MODEL = r"^[A-Za-z0-9._:/*?@+-]+$"
_PROFILE = r"^arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:application-inference-profile/[A-Za-z0-9]{1,64}$"
_GUARDRAIL = r"^([a-z0-9]{1,64}|arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:guardrail/[a-z0-9]{1,64})$"

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=_PRINTABLE)]
Seconds = Annotated[int, Field(ge=1, le=MOST_SECONDS)]
Interval = Literal["day", "week", "month"]
TagName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/@-]{1,64}$")]
TagValue = Annotated[str, Field(max_length=256, pattern=_PRINTABLE)]
ModelGlob = Annotated[str, Field(min_length=1, max_length=128, pattern=_MODEL)]
ProfileArn = Annotated[str, Field(max_length=256, pattern=_PROFILE)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True, defer_build=True)


class RateLimits(Body):
    """Per minute. 0 blocks, null is no limit."""

    max_requests_per_1_minute: Annotated[int, Field(ge=0, le=MOST_REQUESTS)] | None = None
    max_tokens_per_1_minute: Annotated[int, Field(ge=0, le=MOST_TOKENS)] | None = None


class Amount(Body):
    """What may be spent, in cents or in dollars: one of the two. `currency`: only USD."""

    currency: Literal["USD"] | None = None
    interval: Interval | None = None
    threshold_amount: Annotated[int, Field(ge=0, le=MOST_CENTS)] | None = None
    amount_usd: Annotated[float, Field(ge=0, le=MOST_CENTS / 100)] | None = None


class SpendLimit(Amount):
    """`enforcement`: `hard` (the default) or `soft`, or as answers have it: `{"mode": "hard"}`."""

    enforcement: Any = None


class NotificationChannel(Body):
    type: Literal["email"]
    recipients: Annotated[list[Annotated[str, Field(pattern=r"^[^\s@]{1,64}@[^\s@]{1,190}$")]], Field(max_length=20)]
    subject_prefix: Annotated[str, Field(max_length=128, pattern=_PRINTABLE)] | None = None


class SpendAlert(Amount):
    notification_channel: NotificationChannel


class Guardrail(Body):
    identifier: Annotated[str, Field(pattern=_GUARDRAIL)]
    version: Annotated[str, Field(pattern=r"^(DRAFT|[1-9][0-9]{0,7})$")] = "DRAFT"
    stream_mode: Literal["sync", "async"] | None = None


class KeyFields(Body):
    """What a key carries beside OpenAI's own. `expires_at`: epoch seconds."""

    name: Name | None = None
    user: Name | None = None
    tags: Annotated[dict[TagName, TagValue], Field(max_length=16)] | None = None
    models: Annotated[list[ModelGlob], Field(max_length=100)] | None = None
    rate_limits: RateLimits | None = None
    spend_limit: SpendLimit | None = None
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    guardrail: Guardrail | None = None
    service_tier: Literal["auto", "default", "flex", "priority", "fast", "scale"] | None = None
    inference_profiles: Annotated[dict[ModelGlob, ProfileArn], Field(max_length=50)] | None = None
    cache_ttl: Annotated[int, Field(ge=0, le=MOST_SECONDS)] | None = None
    prompt_cache_ttl: Literal["5m", "1h"] | None = None
    disabled: bool | None = None
    expires_at: Annotated[int, Field(ge=0, le=253_402_300_799)] | None = None
    expires_in_seconds: Seconds | None = None
    scopes: Any = None


class AccountCreate(KeyFields):
    """A service account and its first key, which gets all but `name`, `create_service_account_only` for itself."""

    name: Name
    create_service_account_only: bool | None = None


class AccountUpdate(Body):
    name: Name | None = None
    role: Literal["member", "owner"] | None = None


class KeyRotate(Body):
    """`grace_seconds`: how long the old secret opens still; at most 30 days."""

    grace_seconds: Annotated[int, Field(ge=0, le=2_592_000)] | None = None


class AdminKeyCreate(Body):
    name: Name
    expires_in_seconds: Seconds | None = None


class ProjectUpdate(Body):
    name: Name | None = None
    external_key_id: Any = None
    geography: Any = None


class ProjectCreate(ProjectUpdate):
    name: Name
    residency: Any = None


class RateLimitUpdate(RateLimits):
    batch_1_day_max_input_tokens: Any = None
    max_audio_megabytes_per_1_minute: Any = None
    max_images_per_1_minute: Any = None
    max_requests_per_1_day: Any = None
