"""The Claude rows of the model table.

As of 2026-11-20, from public capability tables (litellm 1.109.1, langchain-aws 1.9.1) and AWS's pages; a later model
differs from an earlier one only in what its row says. Output limits of the 4 families are Anthropic's published ones.
"""

from dataclasses import replace

from local.models.facts import ModelFacts, Replay, Sampling, Thinking

_FORCED = ("auto", "any", "tool")
_AUTO = ("auto",)
_LEVELS = ("low", "medium", "high", "xhigh", "max")
_FIELDS = frozenset(
    [
        "thinking",
        "output_config",
        "anthropic_beta",
        "tool_choice",
        "top_k",
        "top_p",
        "temperature",
        "metadata",
        "context_management",
        "service_tier",
        "speed",
        "max_tokens",
        "stop_sequences",
    ]
)
_GEOGRAPHIES = ("us", "eu", "apac")
_GLOBAL = ("us", "eu", "jp", "au", "global")

_CLAUDE = ModelFacts(
    id="",
    name="",
    provider="Anthropic",
    context=200_000,
    max_output=64_000,
    on_demand=False,
    profiles=_GLOBAL,
    inputs=("TEXT", "IMAGE"),
    replay=Replay.SIGNED,
    tool_choice=_FORCED,
    strict_tools=True,
    cache_minimum=1024,
    cache_tools=True,
    stop_limit=8191,
    counts_tokens=True,
    request_fields=_FIELDS,
)
_BUDGET = replace(_CLAUDE, thinking=Thinking.BUDGET)
_ONE_OF_TWO = replace(_BUDGET, sampling=Sampling.ONE, text_format=True, cache_hour=True)
_SIX = replace(
    _ONE_OF_TWO, thinking=Thinking.EITHER, efforts=("low", "medium", "high", "max"), prefill=False, context=1_000_000
)
_ADAPTIVE = replace(
    _CLAUDE,
    context=1_000_000,
    max_output=128_000,
    sampling=Sampling.FIXED,
    thinking=Thinking.ADAPTIVE,
    efforts=_LEVELS,
    strict_tools=False,
    cache_hour=True,
    prefill=False,
    counts_tokens=False,
)
_FIVE = replace(_ADAPTIVE, cache_minimum=512, system_turns=True)
_ALWAYS = replace(_FIVE, thinking=Thinking.ALWAYS, reasons_unasked=True)
_HAIKU_3 = replace(
    _CLAUDE, id="anthropic.claude-3-haiku-20240307-v1:0", name="Claude 3 Haiku", started="2024-03-13", legacy=True,
    max_output=4_096, on_demand=True, profiles=("us", "eu", "apac"), cache_minimum=None, counts_tokens=False,
)  # fmt: skip

CLAUDE: tuple[ModelFacts, ...] = (
    _HAIKU_3,
    # Throughput variants: listed, and callable only through a provisioned throughput.
    replace(_HAIKU_3, id="anthropic.claude-3-haiku-20240307-v1:0:48k", provisioned_only=True, profiles=()),
    replace(_HAIKU_3, id="anthropic.claude-3-haiku-20240307-v1:0:200k", provisioned_only=True, profiles=()),
    replace(
        _CLAUDE, id="anthropic.claude-3-5-haiku-20241022-v1:0", name="Claude 3.5 Haiku", started="2024-11-04",
        max_output=8_192, profiles=("us",), inputs=("TEXT",), cache_minimum=2048,
    ),
    replace(
        _BUDGET, id="anthropic.claude-3-7-sonnet-20250219-v1:0", name="Claude 3.7 Sonnet", started="2025-02-24",
        profiles=_GEOGRAPHIES, legacy=True,
    ),
    replace(
        _BUDGET, id="anthropic.claude-sonnet-4-20250514-v1:0", name="Claude Sonnet 4", started="2025-05-22",
        profiles=("us", "eu", "apac", "global"), strict_tools=False,
    ),
    replace(
        _BUDGET, id="anthropic.claude-opus-4-1-20250805-v1:0", name="Claude Opus 4.1", started="2025-08-05",
        max_output=32_000, profiles=("us",), sampling=Sampling.ONE,
    ),
    replace(
        _ONE_OF_TWO, id="anthropic.claude-sonnet-4-5-20250929-v1:0", name="Claude Sonnet 4.5", started="2025-09-29",
    ),
    replace(
        _ONE_OF_TWO, id="anthropic.claude-haiku-4-5-20251001-v1:0", name="Claude Haiku 4.5", started="2025-10-15",
        cache_minimum=4096,
    ),
    replace(
        _ONE_OF_TWO, id="anthropic.claude-opus-4-5-20251101-v1:0", name="Claude Opus 4.5", started="2025-11-24",
        cache_minimum=4096, efforts=("low", "medium", "high"), effort_beta="effort-2025-11-24",
    ),
    replace(
        _SIX, id="anthropic.claude-opus-4-6-v1", name="Claude Opus 4.6", started="2026-02-05",
        max_output=128_000, cache_minimum=4096,
    ),
    replace(_SIX, id="anthropic.claude-sonnet-4-6", name="Claude Sonnet 4.6", started="2026-02-17"),
    replace(
        _ADAPTIVE, id="anthropic.claude-opus-4-7", name="Claude Opus 4.7", started="2026-04-16",
        cache_minimum=2048, counts_tokens=True,
    ),
    replace(
        _ADAPTIVE, id="anthropic.claude-opus-4-8", name="Claude Opus 4.8", started="2026-05-28",
        text_format=True, system_turns=True, forced_with_thinking=True, counts_tokens=True,
    ),
    replace(_FIVE, id="anthropic.claude-opus-5", name="Claude Opus 5", started="2026-07-01"),
    replace(
        _FIVE, id="anthropic.claude-sonnet-5", name="Claude Sonnet 5", started="2026-06-01",
        cache_minimum=1024, text_format=True,
    ),
    replace(_ALWAYS, id="anthropic.claude-fable-5", name="Claude Fable 5", started="2026-07-15", strict_tools=True),
    replace(
        _ALWAYS, id="anthropic.claude-fable-5-1", name="Claude Fable 5.1", started="2026-09-01",
        strict_tools=True, tool_choice=_AUTO,
    ),
    replace(
        _ALWAYS, id="anthropic.claude-mythos-5-1", name="Claude Mythos 5.1", started="2026-09-01",
        strict_tools=True, text_format=True, efforts=(),
    ),
    replace(
        _ALWAYS, id="anthropic.claude-opus-5-5", name="Claude Opus 5.5", started="2026-09-22", tool_choice=_AUTO,
    ),
    replace(
        _ALWAYS, id="anthropic.claude-sonnet-5-5", name="Claude Sonnet 5.5", started="2026-09-22",
        tool_choice=_AUTO, text_format=True,
    ),
    replace(
        _FIVE, id="anthropic.claude-haiku-5-5", name="Claude Haiku 5.5", started="2026-10-13",
        text_format=True, forced_with_thinking=True,
    ),
)  # fmt: skip
