"""Anthropic's models. Sources: AWS documentation, langchain-aws 1.9 and litellm 1.109 tables (2026-11-20).

Betas: those that litellm's table for Converse passes and whose effect survives the translation (`computer-use` and
`structured-outputs` do not need to); `interleaved-thinking` on its word of langchain-aws (2025-11), where thinking goes by a
budget. CountTokens: confirmed for Claude 3.5 to 4.8; newer ones are counted by another endpoint of AWS.
"""

from __future__ import annotations

from typing import Any

from app.plan.families.words import AUTO, DOCUMENT, SEES, Rows

_FINE = "fine-grained-tool-streaming-2025-05-14"
_INTERLEAVED = "interleaved-thinking-2025-05-14"
_LONG = "context-1m-2025-08-07"
_EFFORT = "effort-2025-11-24"
_CLAUDE_PATHS = ("/stop_sequence", "/usage")

_ADAPTIVE: dict[str, Any] = {
    "temperature": False,
    "top_p": False,
    "top_k_path": (),
    "reasoning": "adaptive",
    "strict": False,
    "prefill": False,
    "system_role": True,
    "effort_levels": ("low", "medium", "high", "xhigh"),
    "cache_min_tokens": 512,
    "cache_one_hour": True,
    "context_window": 1_000_000,
    "max_output": 128_000,
    "betas": frozenset({_FINE}),
}
_ALWAYS: dict[str, Any] = _ADAPTIVE | {"reasoning": "adaptive-always", "effort_can_be_off": False}

ROWS: Rows = (
    (
        r"anthropic\.claude",
        {
            "family": "claude",
            "modalities": SEES,
            "image_sides": (8_000, 2_000),  # Anthropic's vision guide, and public reports of Bedrock's refusals (2026)
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
            "betas_field": "anthropic_beta",
            "cites": True,
        },
    ),
    (
        r"anthropic\.claude-(instant|v2|3-(sonnet|haiku|opus)-|3-5-)",
        {
            "cache_points": False,
            "max_output": 4096,
            "replay_required": False,
            "replay": "no",
            "response_paths": ("/stop_sequence",),
            "cites": False,
        },
    ),
    (r"anthropic\.claude-(instant|v2)", {"modalities": DOCUMENT, "tool_use": False, "on_demand": True}),
    (r"anthropic\.claude-3-(sonnet|haiku)-|anthropic\.claude-3-5-sonnet-20240620", {"on_demand": None}),
    (r"anthropic\.claude-3-5-", {"max_output": 8192, "counts_tokens": True}),
    (r"anthropic\.claude-3-5-sonnet-20241022", {"cites": True}),
    (r"anthropic\.claude-3-5-haiku", {"cache_points": True, "cache_min_tokens": 2048}),
    (
        r"anthropic\.claude-(3-7|sonnet-4|opus-4|haiku-4)",
        {
            "reasoning": "budget",
            "effort_levels": ("low", "medium", "high", "xhigh", "max"),
            "max_output": 64_000,
            "betas": frozenset({_FINE, _INTERLEAVED}),
            "counts_tokens": True,
        },
    ),
    (r"anthropic\.claude-3-7", {"max_output": 8192, "betas": frozenset()}),
    (r"anthropic\.claude-sonnet-4-(5-|2025)", {"betas": frozenset({_FINE, _INTERLEAVED, _LONG})}),
    (
        r"anthropic\.claude-opus-4-5",
        {
            "betas": frozenset({_FINE, _INTERLEAVED, _EFFORT}),
            "effort_alone": ("low", "medium", "high"),
            "effort_beta": _EFFORT,
        },
    ),
    (r"anthropic\.claude-opus-4-(1-|2025)", {"max_output": 32_000}),
    (r"anthropic\.claude-opus-4-1", {"sampling_pair": False}),
    (
        r"anthropic\.claude-(sonnet-4-[56]|haiku-4-5|opus-4-[56])",
        {"sampling_pair": False, "structured": "yes", "strict": True, "cache_one_hour": True},
    ),
    (r"anthropic\.claude-(haiku-4-5|opus-4-[56])", {"cache_min_tokens": 4096}),
    (
        r"anthropic\.claude-(sonnet|opus)-4-6",
        {
            "reasoning": "adaptive",
            "effort_levels": ("low", "medium", "high", "max"),
            "prefill": False,
            "context_window": 1_000_000,
            "betas": frozenset({_FINE, _LONG}),
        },
    ),
    (r"anthropic\.claude-opus-4-6", {"max_output": 128_000}),
    (r"anthropic\.claude-opus-4-[78]", _ADAPTIVE),
    (r"anthropic\.claude-opus-4-7", {"cache_min_tokens": 2048, "system_role": False}),
    (r"anthropic\.claude-opus-4-8", {"cache_min_tokens": 1024, "structured": "try", "forced_while_reasoning": True}),
    (r"anthropic\.claude-(opus|sonnet|haiku|fable|mythos)-[5-9]", _ADAPTIVE),
    (r"anthropic\.claude-sonnet-5$", {"cache_min_tokens": 1024, "structured": "try"}),
    (r"anthropic\.claude-(fable|mythos)-5|anthropic\.claude-(opus|sonnet)-5-5", _ALWAYS),
    (r"anthropic\.claude-(fable|mythos)-5", {"strict": True}),
    (r"anthropic\.claude-mythos-5", {"structured": "yes", "reasoning": "always"}),
    (r"anthropic\.claude-(fable-5-1|opus-5-5|sonnet-5-5)", {"tool_choices": AUTO}),
    (r"anthropic\.claude-(sonnet|haiku)-5-5", {"structured": "try"}),
    (r"anthropic\.claude-haiku-5-5", {"forced_while_reasoning": True}),
)
