"""What an answer cost, as Converse tells it. Pure."""

from __future__ import annotations

from typing import Any

from app.core.events import Usage


def to_usage(usage: dict[str, Any], reasoning: int | None = None) -> Usage:
    """Converse's usage; the legacy names of the cache counters count too."""
    read = usage.get("cacheReadInputTokens", usage.get("cacheReadInputTokenCount"))
    write = usage.get("cacheWriteInputTokens", usage.get("cacheWriteInputTokenCount"))
    details = usage.get("cacheDetails") or []
    return Usage(
        input=int(usage.get("inputTokens") or 0),
        output=int(usage.get("outputTokens") or 0),
        cache_read=int(read or 0),
        cache_write=int(write or 0),
        cache_write_1h=sum(int(row.get("inputTokens") or 0) for row in details if row.get("ttl") == "1h"),
        reasoning=reasoning,
    )


def thinking_tokens(extra: dict[str, Any]) -> int | None:
    """Out of `additionalModelResponseFields`: the only exact count of reasoning there is."""
    details = (extra.get("usage") or {}).get("output_tokens_details") or extra.get("output_tokens_details") or {}
    tokens = details.get("thinking_tokens") if isinstance(details, dict) else None
    return tokens if isinstance(tokens, int) else None
