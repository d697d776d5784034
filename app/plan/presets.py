"""The chains that exist without a setting, as of 2026-11-20: the best of its price class first, then other vendors'.

Ids, prices and context windows: AWS's model cards and price list, as litellm 1.109.1 and genai-prices 0.2.3 quote them (read
2026-11-20). The ids are bare, so that the catalogue takes each by the profile of the account's own geography; those that the
region does not list are passed over. An account rarely has all of them, hence several vendors in each.
"""

from __future__ import annotations

PRESETS: dict[str, tuple[str, ...]] = {
    # up to about 1 USD per million tokens in, short answers soon
    "fast": (
        "anthropic.claude-haiku-5-5",
        "openai.gpt-6-luna",
        "amazon.nova-2-lite-v1:0",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "amazon.nova-lite-v1:0",
        "openai.gpt-oss-20b-1:0",
    ),
    # about 1 to 3 USD: what most work is done with
    "standard": (
        "anthropic.claude-sonnet-5-5",
        "openai.gpt-6.1-terra",
        "anthropic.claude-sonnet-4-6",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "amazon.nova-pro-v1:0",
        "mistral.mistral-large-3-675b-instruct",
    ),
    # models that think first
    "reasoning": (
        "anthropic.claude-opus-5-5",
        "openai.gpt-6.1-sol",
        "anthropic.claude-opus-4-8",
        "zai.glm-5.3",
        "moonshotai.kimi-k3",
        "openai.gpt-oss-120b-1:0",
    ),
}

EMBEDDING_MODEL = "amazon.titan-embed-text-v2:0"
"""What OpenAI's `text-embedding-*` stand for without a setting. No chain: vectors of two models do not compare."""
