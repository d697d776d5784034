"""OpenAI's and xAI's models on Bedrock. Sources: bedrock.md 0.5, 2.3 and 9 (2026-11-20)."""

from __future__ import annotations

from app.plan.families.words import LOW_HIGH, NEVER, SEES, TEXT, Rows

ROWS: Rows = (
    (
        r"openai\.gpt-oss",
        {
            "family": "gpt-oss",
            "modalities": TEXT,
            "reasoning": "flat",
            "effort_levels": LOW_HIGH,
            "effort_can_be_off": False,
            "replay": "unsigned",
            "stop": True,
            "tool_choices": NEVER,
            "context_window": 128_000,
            "max_output": 16_384,
            "on_demand": True,
        },
    ),
    (
        r"openai\.gpt-[5-9]",
        {
            "family": "gpt",
            "modalities": SEES,
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
)
