"""What an answer cost, as Converse tells it. Pure."""

from __future__ import annotations

from typing import Any

from app.core.events import Metered, Usage


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


def to_metered(event: dict[str, Any], reason: str, reasoning: int | None = None) -> Metered:
    """The end of an answer, out of a `metadata` event or a whole reply. `reason`: why the model stopped, in Converse's word.

    A guardrail that blocks the prompt calls no model, so its zeros are the usage and not a lack of it.
    """
    latency = (event.get("metrics") or {}).get("latencyMs")
    counts = event.get("usage") or {}
    usage = to_usage(counts, reasoning)
    blocked = reason == "guardrail_intervened"
    return Metered(
        usage,
        tier=(event.get("serviceTier") or {}).get("type", ""),
        latency_ms=latency if isinstance(latency, int) else None,
        trace=event.get("trace"),
        known=bool(counts) and (blocked or (usage.prompt > 0 and "outputTokens" in counts)),
    )


def thinking_tokens(extra: dict[str, Any]) -> int | None:
    """Out of `additionalModelResponseFields`: the only exact count of reasoning there is."""
    details = (extra.get("usage") or {}).get("output_tokens_details") or extra.get("output_tokens_details") or {}
    tokens = details.get("thinking_tokens") if isinstance(details, dict) else None
    return tokens if isinstance(tokens, int) else None
