"""What an answer cost, and in which tier, in OpenAI's words. Pure."""

from __future__ import annotations

from typing import Any

from app.core.events import Usage

_TIERS = {"reserved": "scale"}


def encode_usage(usage: Usage, *, reasoned: bool = True) -> dict[str, Any]:
    """OpenAI's usage: prompt tokens include what was read from and written to the cache.

    Few models count their reasoning apart. Where there was none it is 0; where there was some, an unknown number is left
    out rather than invented.
    """
    reasoning = usage.reasoning if usage.reasoning is not None or reasoned else 0
    details: dict[str, int] = {} if reasoning is None else {"reasoning_tokens": reasoning}
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": details,
    }


def encode_tier(tier: str) -> str:
    return _TIERS.get(tier, tier)
