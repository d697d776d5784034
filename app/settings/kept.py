"""Settings that a deployment keeps in a JSON object, in an SSM parameter: for those who can't set environment variables, or
would rather not deploy for each change. Pure.

Never keys, secrets or endpoints, nor what the server and Lambda need before the first request.
"""

from __future__ import annotations

import json
from typing import Any

from app.settings import Settings, SettingsError

LONGEST = 4096
"""Characters: a standard parameter holds no more."""
ALLOWED = frozenset(
    (
        *("api_route_prefix", "default_model", "default_embedding_model", "model_aliases", "allowed_models"),
        *("enable_cross_region_inference", "enable_application_inference_profiles", "prefer_global_profiles"),
        *("enable_prompt_caching", "prompt_cache_ttl", "allowed_origins", "models_cache_seconds"),
        *("guardrail_id", "guardrail_version", "guardrail_stream_mode", "guardrail_client_override"),
        *("prices", "price_ceiling", "metered_tags", "metrics", "reserve_output_tokens", "budget_limits_output"),
        *("cache_max_seconds", "responses_store", "responses_ttl_days", "strict_parameters", "log_level"),
        *("image_fetch", "image_fetch_max_bytes", "image_fetch_max_total_bytes", "image_fetch_timeout"),
        *("max_body_bytes", "max_choices", "max_messages", "max_tools", "max_schema_nodes", "max_embedding_inputs"),
        *("connect_timeout", "read_timeout", "ping_interval", "deadline_margin", "stash_entries", "stash_bytes"),
    )
)


def merged(text: str, settings: Settings) -> Settings:
    """The settings, and those in `text` where they say nothing. Raises SettingsError, which repeats no value."""
    variables = _variables(text)
    kept = Settings.from_env(variables)
    names = {name.lower() for name in variables} - settings.model_fields_set
    return settings.model_copy(update={name: getattr(kept, name) for name in names})


def _variables(text: str) -> dict[str, str]:
    if len(text) > LONGEST:
        raise SettingsError(f"Invalid settings: they are longer than {LONGEST} characters")
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise SettingsError("Invalid settings: a JSON object is expected")
    for name in given:
        if name.lower() not in ALLOWED:
            raise SettingsError(f"Invalid settings: {name[:64]!r} cannot be set here")
    return {name.upper(): _text(value) for name, value in given.items() if value is not None}


def _text(value: Any) -> str:
    """As the environment would say it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    return json.dumps(value)
