"""Amazon's models, and embedding models. Sources: AWS documentation, langchain-aws 1.9, litellm 1.109 (2026-11-20)."""

from __future__ import annotations

from app.plan.families.words import DOCUMENT, LOW_HIGH, TEXT, WATCHES, Rows

ROWS: Rows = (
    (
        r"amazon\.nova-(?!2-multimodal)",
        {
            "family": "nova",
            "modalities": WATCHES,
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
    (r"amazon\.nova-micro", {"modalities": TEXT, "context_window": 128_000}),
    (r"amazon\.nova-premier", {"context_window": 1_000_000, "on_demand": False, "grounding_tool": "nova_grounding"}),
    (
        r"amazon\.nova-2-(?!multimodal)",
        {
            "reasoning": "config",
            "effort_levels": LOW_HIGH,
            "replay": "unsigned",
            "thinking_tags": False,
            "context_window": 1_000_000,
            "max_output": 64_000,
            "grounding_tool": "nova_grounding",
            "on_demand": False,
        },
    ),
    (
        r"amazon\.titan-text",
        {
            "family": "titan",
            "modalities": DOCUMENT,
            "tool_use": False,
            "system_prompt": False,
            "context_window": 8192,
            "max_output": 4096,
            "on_demand": True,
        },
    ),
    (
        r"amazon\.titan-embed|cohere\.embed|amazon\.nova-2-multimodal|twelvelabs\.marengo",
        {"family": "embedding", "on_demand": True, "context_window": 8192},
    ),
    (r"cohere\.embed-v4", {"context_window": 128_000, "on_demand": None}),
)
