"""Facts about model families, as dated data. The only module where a vendor's name decides anything.

A row is a pattern of base model ids and what it changes; all rows that match apply, in order, so that a family states what
is common and a model what is its own. Sources per row: AWS's documentation, the model tables of langchain-aws 1.9 and
litellm 1.109 (read 2026-11-20), bedrock.md 2.2 to 2.6 here condensed. Where sources disagree the row takes the safe side
and the gateway learns the rest from AWS's own 400s.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

from app.core.plan import Traits

_TEXT: frozenset[str] = frozenset()
_DOCUMENT = frozenset({"document"})
_SEES = frozenset({"image", "document"})
_WATCHES = frozenset({"image", "document", "video"})
_HEARS = frozenset({"audio", "document"})
_AUTO = frozenset({"auto"})
_AUTO_ANY = frozenset({"auto", "any"})
_NEVER: frozenset[str] = frozenset()
_LOW_HIGH = ("low", "medium", "high")
_CLAUDE_PATHS = ("/stop_sequence", "/usage")

_ADAPTIVE: dict[str, Any] = {
    "temperature": False,
    "top_p": False,
    "reasoning": "adaptive",
    "strict": False,
    "prefill": False,
    "system_role": True,
    "effort_levels": ("low", "medium", "high", "xhigh"),
    "cache_min_tokens": 512,
    "cache_one_hour": True,
    "context_window": 1_000_000,
    "max_output": 128_000,
}
_ALWAYS: dict[str, Any] = _ADAPTIVE | {"reasoning": "adaptive-always", "effort_can_be_off": False}

FAMILIES: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        r"anthropic\.claude",
        {
            "family": "claude",
            "modalities": _SEES,
            "top_k_path": ("top_k",),
            "replay": "signed",
            "replay_required": True,
            "tool_result_status": True,
            "parallel_switch": True,
            "forced_while_reasoning": False,
            "cache_points": True,
            "cache_one_hour": False,
            "response_paths": _CLAUDE_PATHS,
            "context_window": 200_000,
            "on_demand": False,
        },
    ),
    (
        r"anthropic\.claude-(instant|v2|3-(sonnet|haiku|opus)-|3-5-)",
        {"cache_points": False, "max_output": 4096, "replay_required": False, "replay": "no", "response_paths": ("/stop_sequence",)},
    ),
    (r"anthropic\.claude-(instant|v2)", {"modalities": _DOCUMENT, "tool_use": False, "on_demand": True}),
    (r"anthropic\.claude-3-(sonnet|haiku)-|anthropic\.claude-3-5-sonnet-20240620", {"on_demand": None}),
    (r"anthropic\.claude-3-5-", {"max_output": 8192}),
    (r"anthropic\.claude-3-5-haiku", {"cache_points": True, "cache_min_tokens": 2048}),
    (r"anthropic\.claude-3-5-sonnet-20241022", {"cache_points": True}),
    (
        r"anthropic\.claude-(3-7|sonnet-4|opus-4|haiku-4)",
        {"reasoning": "budget", "effort_levels": ("low", "medium", "high", "xhigh", "max"), "max_output": 64_000},
    ),
    (r"anthropic\.claude-3-7", {"max_output": 8192}),
    (r"anthropic\.claude-opus-4-(1-|2025)", {"max_output": 32_000}),
    (r"anthropic\.claude-opus-4-1", {"sampling_pair": False}),
    (
        r"anthropic\.claude-(sonnet-4-[56]|haiku-4-5|opus-4-[56])",
        {"sampling_pair": False, "structured": "yes", "strict": True, "cache_one_hour": True},
    ),
    (r"anthropic\.claude-(haiku-4-5|opus-4-[56])", {"cache_min_tokens": 4096}),
    (
        r"anthropic\.claude-(sonnet|opus)-4-6",
        {"reasoning": "adaptive", "effort_levels": ("low", "medium", "high", "max"), "prefill": False, "context_window": 1_000_000},
    ),
    (r"anthropic\.claude-opus-4-6", {"max_output": 128_000}),
    (r"anthropic\.claude-opus-4-[78]", _ADAPTIVE),
    (r"anthropic\.claude-opus-4-7", {"cache_min_tokens": 2048, "system_role": False}),
    (r"anthropic\.claude-opus-4-8", {"cache_min_tokens": 1024, "structured": "try", "forced_while_reasoning": True}),
    (r"anthropic\.claude-(opus|sonnet|haiku|fable|mythos)-[5-9]", _ADAPTIVE),
    (r"anthropic\.claude-sonnet-5$", {"cache_min_tokens": 1024, "structured": "try"}),
    (r"anthropic\.claude-(fable|mythos)-5|anthropic\.claude-(opus|sonnet)-5-5", _ALWAYS),
    (r"anthropic\.claude-(fable|mythos)-5", {"strict": True}),
    (r"anthropic\.claude-mythos-5", {"structured": "yes"}),
    (r"anthropic\.claude-(fable-5-1|opus-5-5|sonnet-5-5)", {"tool_choices": _AUTO}),
    (r"anthropic\.claude-(sonnet|haiku)-5-5", {"structured": "try"}),
    (r"anthropic\.claude-haiku-5-5", {"forced_while_reasoning": True}),
    (
        r"amazon\.nova",
        {
            "family": "nova",
            "modalities": _WATCHES,
            "top_k_path": ("inferenceConfig", "topK"),
            "max_stops": 4,
            "cache_points": True,
            "cache_tools": False,
            "cache_min_tokens": 1000,
            "tool_result_status": True,
            "context_window": 300_000,
            "max_output": 10_000,
            "thinking_tags": True,
            "on_demand": None,
        },
    ),
    (r"amazon\.nova-(micro|lite|pro)-v1", {"on_demand": True}),
    (r"amazon\.nova-micro", {"modalities": _TEXT, "context_window": 128_000}),
    (r"amazon\.nova-premier", {"context_window": 1_000_000, "on_demand": False, "grounding": True}),
    (
        r"amazon\.nova-2",
        {
            "reasoning": "config",
            "effort_levels": _LOW_HIGH,
            "replay": "unsigned",
            "thinking_tags": False,
            "context_window": 1_000_000,
            "max_output": 64_000,
            "grounding": True,
            "on_demand": False,
        },
    ),
    (
        r"openai\.gpt-oss",
        {
            "family": "gpt-oss",
            "modalities": _TEXT,
            "reasoning": "flat",
            "effort_levels": _LOW_HIGH,
            "effort_can_be_off": False,
            "replay": "unsigned",
            "stop": True,
            "tool_choices": _NEVER,
            "context_window": 128_000,
            "max_output": 16_384,
            "on_demand": True,
        },
    ),
    (
        r"openai\.gpt-[5-9]",
        {
            "family": "gpt",
            "modalities": _SEES,
            "temperature": False,
            "top_p": False,
            "reasoning": "nested",
            "effort_levels": ("low", "medium", "high", "xhigh"),
            "sends_none": True,
            "min_max_tokens": 16,
            "tool_result_images": False,
            "regex_lookaround": False,
            "context_window": 922_000,
            "max_output": 128_000,
            "on_demand": False,
        },
    ),
    (r"openai\.gpt-(5\.[6-9]|[6-9])", {"stop": False}),
    (r"openai\.gpt-6-astra|openai\.gpt-6\.1-sol", {"effort_can_be_off": False, "sends_none": False}),
    (
        r"xai\.grok",
        {
            "family": "grok",
            "modalities": frozenset({"image"}),
            "stop": False,
            "min_max_tokens": 16,
            "regex_lookaround": False,
            "context_window": 500_000,
            "on_demand": False,
        },
    ),
    (r"deepseek\.", {"family": "deepseek", "modalities": _DOCUMENT, "context_window": 128_000, "max_output": 8192}),
    (
        r"deepseek\.r1",
        {"reasoning": "always", "tool_use": False, "streams_tools": False, "tool_choices": _NEVER, "on_demand": False},
    ),
    (
        r"deepseek\.v3",
        {
            "reasoning": "flat",
            "effort_levels": _LOW_HIGH,
            "replay": "unsigned",
            "tool_choices": _AUTO_ANY,
            "forced_while_reasoning": False,
            "structured": "yes",
            "on_demand": True,
        },
    ),
    (r"deepseek\.v3\.2", {"context_window": 164_000}),
    (
        r"qwen\.",
        {
            "family": "qwen",
            "modalities": _TEXT,
            "structured": "yes",
            "tool_choices": _NEVER,
            "context_window": 262_000,
            "max_output": 8192,
            "on_demand": True,
        },
    ),
    (r"qwen\.qwen3-32b", {"context_window": 33_000}),
    (r"qwen\.qwen3-coder", {"max_output": 16_384}),
    (r"qwen\.qwen3-vl", {"modalities": frozenset({"image"})}),
    (
        r"moonshot(ai)?\.",
        {
            "family": "kimi",
            "modalities": _TEXT,
            "reasoning": "flat",
            "effort_levels": ("low", "high", "max"),
            "effort_can_be_off": False,
            "replay": "unsigned",
            "tool_choices": _NEVER,
            "context_window": 256_000,
            "max_output": 16_384,
        },
    ),
    (r"moonshot\.kimi-k2-thinking", {"structured": "yes", "on_demand": True}),
    (r"moonshotai\.kimi-k2\.5", {"modalities": frozenset({"image"})}),
    (r"moonshotai\.kimi-k3", {"modalities": frozenset({"image"}), "min_max_tokens": 16, "context_window": 1_000_000, "max_output": 131_072}),
    (
        r"zai\.glm",
        {
            "family": "glm",
            "modalities": _TEXT,
            "reasoning": "flat",
            "effort_levels": _LOW_HIGH,
            "tool_choices": _AUTO_ANY,
            "context_window": 203_000,
            "max_output": 128_000,
        },
    ),
    (r"zai\.glm-5", {"structured": "yes", "context_window": 200_000}),
    (
        r"zai\.glm-5\.3",
        {"tool_choices": frozenset({"auto", "any", "tool"}), "cache_points": True, "context_window": 1_000_000},
    ),
    (r"minimax\.", {"family": "minimax", "modalities": _TEXT, "replay": "unsigned", "tool_choices": _NEVER, "context_window": 196_000, "max_output": 8192, "on_demand": True}),
    (r"minimax\.minimax-m2$", {"structured": "yes", "context_window": 1_000_000}),
    (r"nvidia\.", {"family": "nemotron", "modalities": _TEXT, "tool_choices": _NEVER, "context_window": 128_000, "max_output": 8192, "on_demand": True}),
    (r"nvidia\.nemotron-nano-12b", {"modalities": frozenset({"image"})}),
    (r"nvidia\.nemotron-nano-3-30b", {"structured": "yes", "context_window": 256_000}),
    (r"nvidia\.nemotron-super-3", {"context_window": 256_000, "max_output": 32_000}),
    (r"google\.gemma", {"family": "gemma", "modalities": frozenset({"image"}), "tool_choices": _NEVER, "context_window": 128_000, "max_output": 8192, "on_demand": True}),
    (r"google\.gemma-4.*e2b", {"modalities": frozenset({"image", "audio"})}),
    (
        r"mistral\.",
        {"family": "mistral", "modalities": _DOCUMENT, "tool_choices": _AUTO_ANY, "context_window": 128_000, "max_output": 8192, "on_demand": True},
    ),
    (r"mistral\.(mistral-7b|mixtral)", {"tool_use": False, "system_prompt": False, "context_window": 32_000, "tool_choices": _NEVER}),
    (r"mistral\.mistral-(large-24|small-24)", {"streams_tools": False}),
    (r"mistral\.mistral-large-3", {"modalities": _SEES, "structured": "yes", "context_window": 256_000, "max_output": 32_000}),
    (r"mistral\.(ministral-3|devstral)", {"structured": "yes", "modalities": _SEES}),
    (r"mistral\.devstral", {"context_window": 256_000, "modalities": _TEXT}),
    (r"mistral\.magistral", {"reasoning": "always", "max_output": 40_000, "modalities": _SEES}),
    (r"mistral\.pixtral", {"modalities": _SEES, "max_output": 16_384, "on_demand": False}),
    (r"mistral\.voxtral", {"modalities": _HEARS, "context_window": 33_000}),
    (
        r"meta\.llama",
        {
            "family": "llama",
            "modalities": _DOCUMENT,
            "tool_use": False,
            "streams_tools": False,
            "tool_choices": _NEVER,
            "context_window": 128_000,
            "max_output": 4096,
        },
    ),
    (r"meta\.llama3-(8b|70b)", {"context_window": 8192, "max_output": 2048, "on_demand": True}),
    (r"meta\.llama(3-[1-3]|4)", {"tool_use": True, "on_demand": False}),
    (r"meta\.llama3-1-(70b|405b)|meta\.llama3-2-(11b|90b)|meta\.llama3-3|meta\.llama4", {"tool_choices": _AUTO}),
    (r"meta\.llama3-2-(1b|3b)", {"tool_use": False}),
    (r"meta\.llama3-2-(11b|90b)", {"modalities": _SEES}),
    (r"meta\.llama4", {"modalities": _SEES, "max_output": 8192, "context_window": 1_000_000}),
    (r"meta\.llama4-scout", {"context_window": 10_000_000}),
    (
        r"cohere\.command",
        {"family": "command", "modalities": _DOCUMENT, "tool_choices": _NEVER, "streams_tools": False, "context_window": 128_000, "max_output": 4096, "on_demand": True, "top_k_path": ("k",)},
    ),
    (r"ai21\.jamba", {"family": "jamba", "modalities": _DOCUMENT, "tool_choices": _NEVER, "streams_tools": False, "context_window": 256_000, "max_output": 4096, "on_demand": True}),
    (r"writer\.palmyra", {"family": "palmyra", "modalities": _DOCUMENT, "streams_tools": False, "tool_choices": _NEVER, "context_window": 128_000, "max_output": 8192, "on_demand": False}),
    (r"amazon\.titan-text", {"family": "titan", "modalities": _DOCUMENT, "tool_use": False, "system_prompt": False, "context_window": 8192, "max_output": 4096, "on_demand": True}),
    (r"(amazon\.titan-embed|cohere\.embed)", {"family": "embedding", "on_demand": True, "context_window": 8192}),
    (r"cohere\.embed-v4", {"context_window": 128_000, "on_demand": None}),
)

_ROWS = tuple((re.compile(pattern), changes) for pattern, changes in FAMILIES)


@lru_cache(maxsize=512)
def traits_of(base_id: str) -> Traits:
    """The traits of a base model id, without geography prefix; those of an unknown model where no row matches.

    >>> traits_of("amazon.nova-pro-v1:0").family
    'nova'
    """
    traits = Traits()
    for pattern, changes in _ROWS:
        if pattern.match(base_id):
            traits = replace(traits, **changes)
    return traits


def without(traits: Traits, quirk: str) -> Traits:
    """The traits once a model has refused what `quirk` names (see `core.plan.QUIRKS`); `max_tokens:4096` carries the limit."""
    name, _, value = quirk.partition(":")
    if name == "max_tokens":
        return replace(traits, max_tokens_limit=int(value))
    changes = _LEARNED.get(name)
    return replace(traits, **changes) if changes else traits


_LEARNED: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": False},
    "top_p": {"top_p": False},
    "sampling_pair": {"sampling_pair": False},
    "stop": {"stop": False},
    "cache_points": {"cache_points": False},
    "cache_ttl": {"cache_one_hour": False},
    "strict": {"strict": False},
    "text_format": {"structured": "no"},
    "schema": {"structured": "no"},
    "prefill": {"prefill": False},
    "reasoning": {"reasoning": "none", "replay": "no"},
    "reasoning_replay": {"replay": "no", "reasoning": "none"},
    "forced_tool_choice": {"tool_choices": _AUTO},
    "tool_choice": {"tool_choices": _NEVER, "parallel_switch": False},
    "tools_in_stream": {"streams_tools": False},
    "stream": {"streams": False, "streams_tools": False},
    "system_role": {"system_role": False},
    "system_prompt": {"system_prompt": False},
    "tool_result_images": {"tool_result_images": False},
    "effort": {"effort_levels": _LOW_HIGH},
}
"""What each quirk takes away. `profile` and `service_tier` are the planner's own business."""

FORGOTTEN = frozenset({"reasoning_replay", "service_tier", "effort", "schema"})
"""Quirks of one request rather than of a model: mended, but not held against the model's next request."""
