"""Prompt caching as clients ask for it: Anthropic's `cache_control`, OpenAI's `prompt_cache_*`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.chat.schema import ChatRequest
from app.core.prompt import CachePoint, Caching
from app.core.request_options import cache_ttl


def cache_point(holder: Mapping[str, Any]) -> CachePoint | None:
    """The cache point that a part, message or tool carries, in either dialect."""
    control = holder.get("cache_control")
    if isinstance(control, Mapping) and control.get("type", "ephemeral") == "ephemeral":
        return CachePoint(cache_ttl(control.get("ttl")))
    breakpoint_ = holder.get("prompt_cache_breakpoint")
    if isinstance(breakpoint_, Mapping):
        return CachePoint(cache_ttl(breakpoint_.get("ttl")))
    return None


def decode_caching(request: ChatRequest) -> Caching:
    """`prompt_cache_key`, `_options` and `_retention`, the request's own `cache_control`, and the switch that
    bedrock-access-gateway had: `extra_body.prompt_caching`."""
    auto: bool | None = True if request.prompt_cache_key or request.cache_control else None
    ttl = cache_ttl(request.prompt_cache_retention)
    auto = True if ttl else auto
    options = request.prompt_cache_options or {}
    if options.get("mode") == "explicit":
        auto = False
    elif options.get("mode") == "implicit":
        auto = True
    ttl = cache_ttl(options.get("ttl")) or cache_ttl((request.cache_control or {}).get("ttl")) or ttl
    switch = (request.extra_body or {}).get("prompt_caching")
    if switch is False or (isinstance(switch, Mapping) and switch and not any(switch.values())):
        return Caching(auto=False, explicit=False)
    return Caching(auto=True if switch else auto, ttl=ttl)
