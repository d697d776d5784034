"""OpenAI's and xAI's models on Bedrock. Sources: AWS documentation, langchain-aws 1.9, litellm 1.109 (2026-11-20).

Native structured output: public reports of 2026 say that `outputConfig.textFormat` works; AWS's list does not name these
models, so that it is tried, and a refusal is learned from.

Both vendors' models return encrypted reasoning as `redactedContent` and take it back byte for byte; reasoning as text they
refuse (maximhq/bifrost#6834, UKGovernmentBEIS/inspect_ai#5217, live in 2026-09).
"""

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
            "structured": "try",
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
            "replay": "redacted",
            "min_max_tokens": 16,
            "max_stops": 4,
            "tool_result_images": False,
            "regex_lookaround": False,
            "context_window": 922_000,
            "max_output": 128_000,
            "on_demand": False,
            "structured": "try",
        },
    ),
    (r"openai\.gpt-(5\.[6-9]|[6-9])", {"stop": False}),
    (r"openai\.gpt-6-(luna|sol)", {"on_demand": None}),
    (r"openai\.gpt-6-astra|openai\.gpt-6\.1-sol", {"effort_can_be_off": False, "sends_none": False}),
    (r"openai\.gpt-6\.1-sol", {"context_window": 1_000_000, "max_output": 131_072}),
    (
        r"xai\.grok",
        {
            "family": "grok",
            "modalities": frozenset({"image"}),
            # xAI's own name for it; on Converse unverified, and a refusal is learned from.
            "reasoning": "flat",
            "effort_levels": ("low", "medium", "high", "xhigh"),
            "effort_can_be_off": False,
            "replay": "redacted",
            "stop": False,
            "min_max_tokens": 16,
            "regex_lookaround": False,
            "context_window": 500_000,
            "max_output": 500_000,
            "on_demand": False,
        },
    ),
    (r"xai\.grok-4\.7", {"context_window": 524_288, "max_output": 524_288}),
)
