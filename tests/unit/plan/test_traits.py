"""The facts per family, row by row, as the sources of 2026-11 have them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from app.core.plan import QUIRKS, Traits
from app.plan.families import FAMILIES
from app.plan.traits import FORGOTTEN, traits_of, without

ALL = frozenset({"auto", "any", "tool"})
AUTO = frozenset({"auto"})
BUDGET = ("low", "medium", "high", "xhigh", "max")
SIX = ("low", "medium", "high", "max")
XHIGH = ("low", "medium", "high", "xhigh")
NO = ()

CLAUDE: dict[str, tuple[str, str, tuple[str, ...], Any, bool, str, tuple[int, bool], bool, bool]] = {
    # sampling, thinking, effort levels, forced tool choice, strict, text format, cache minimum and hour, prefill, system
    "3-5-haiku-20241022-v1:0": ("both", "none", NO, "not thinking", False, "no", (2048, False), True, False),
    "3-7-sonnet-20250219-v1:0": ("both", "budget", BUDGET, "not thinking", False, "no", (1024, False), True, False),
    "sonnet-4-20250514-v1:0": ("both", "budget", BUDGET, "not thinking", False, "no", (1024, False), True, False),
    "opus-4-1-20250805-v1:0": ("one", "budget", BUDGET, "not thinking", False, "no", (1024, False), True, False),
    "sonnet-4-5-20250929-v1:0": ("one", "budget", BUDGET, "not thinking", True, "yes", (1024, True), True, False),
    "haiku-4-5-20251001-v1:0": ("one", "budget", BUDGET, "not thinking", True, "yes", (4096, True), True, False),
    "opus-4-5-20251101-v1:0": ("one", "budget", BUDGET, "not thinking", True, "yes", (4096, True), True, False),
    "opus-4-6-v1": ("one", "adaptive", SIX, "not thinking", True, "yes", (4096, True), False, False),
    "sonnet-4-6": ("one", "adaptive", SIX, "not thinking", True, "yes", (1024, True), False, False),
    "opus-4-7": ("none", "adaptive", XHIGH, "not thinking", False, "no", (2048, True), False, False),
    "opus-4-8": ("none", "adaptive", XHIGH, "yes", False, "try", (1024, True), False, True),
    "opus-5": ("none", "adaptive", XHIGH, "not thinking", False, "no", (512, True), False, True),
    "sonnet-5": ("none", "adaptive", XHIGH, "not thinking", False, "try", (1024, True), False, True),
    "fable-5": ("none", "adaptive-always", XHIGH, "not thinking", True, "no", (512, True), False, True),
    "fable-5-1": ("none", "adaptive-always", XHIGH, "no", True, "no", (512, True), False, True),
    "mythos-5-1": ("none", "always", XHIGH, "not thinking", True, "yes", (512, True), False, True),
    "opus-5-5": ("none", "adaptive-always", XHIGH, "no", False, "no", (512, True), False, True),
    "sonnet-5-5": ("none", "adaptive-always", XHIGH, "no", False, "try", (512, True), False, True),
    "haiku-5-5": ("none", "adaptive", XHIGH, "yes", False, "try", (512, True), False, True),
}
"""`strict` "yes(default)" is no positive test: it is sent where structured output is known or newer."""


@pytest.mark.parametrize("name", CLAUDE)
def test_a_claude_is_as_its_row_says(name: str) -> None:
    sampling, thinking, levels, forced, strict, text_format, cache, prefill, system = CLAUDE[name]
    traits = traits_of(f"anthropic.claude-{name}")
    taken = "none" if not traits.temperature else "both" if traits.sampling_pair else "one"
    assert (taken, traits.temperature) == (sampling, traits.top_p)
    assert bool(traits.top_k_path) is (sampling != "none")
    assert (traits.reasoning, traits.effort_levels) == (thinking, levels)
    assert traits.tool_choices == (AUTO if forced == "no" else ALL)
    assert forced == "no" or traits.forced_while_reasoning is (forced == "yes")
    assert (traits.strict, traits.structured) == (strict, text_format)
    assert traits.cache_points
    assert (traits.cache_min_tokens, traits.cache_one_hour) == cache
    assert (traits.prefill, traits.system_role) == (prefill, system)
    assert (traits.replay, traits.on_demand) == (("no", False) if thinking == "none" else ("signed", False))


SIZES = {
    "anthropic.claude-3-5-haiku-20241022-v1:0": (200, 8192), "anthropic.claude-3-7-sonnet-20250219-v1:0": (200, 8192),
    "anthropic.claude-sonnet-4-20250514-v1:0": (200, 64_000), "anthropic.claude-opus-4-1-20250805-v1:0": (200, 32_000),
    "anthropic.claude-opus-4-5-20251101-v1:0": (200, 64_000), "anthropic.claude-opus-4-6-v1": (1000, 128_000),
    "anthropic.claude-sonnet-4-6": (1000, 64_000), "anthropic.claude-haiku-5-5": (1000, 128_000),
    "amazon.nova-micro-v1:0": (128, 10_000), "amazon.nova-pro-v1:0": (300, 10_000),
    "amazon.nova-premier-v1:0": (1000, 10_000), "amazon.nova-2-lite-v1:0": (1000, 64_000),
    "openai.gpt-oss-20b-1:0": (128, 16_384), "openai.gpt-5.4": (922, 128_000), "openai.gpt-6.1-terra": (922, 128_000),
    "openai.gpt-6.1-sol": (1000, 131_072), "xai.grok-4.6": (500, 500_000), "deepseek.r1-v1:0": (128, 8192),
    "deepseek.v3.2": (164, 8192), "qwen.qwen3-32b-v1:0": (33, 8192), "qwen.qwen3-235b-a22b-2507-v1:0": (262, 8192),
    "qwen.qwen3-coder-480b-a35b-v1:0": (262, 16_384), "qwen.qwen3-coder-next": (256, 16_384),
    "qwen.qwen3-next-80b-a3b": (256, 8192), "qwen.qwen3-vl-235b-a22b": (256, 8192),
    "moonshot.kimi-k2-thinking": (256, 16_384), "moonshotai.kimi-k3": (1000, 131_072), "zai.glm-4.7": (203, 128_000),
    "zai.glm-5": (200, 128_000), "zai.glm-5.3": (1000, 128_000), "minimax.minimax-m2": (1000, 8192),
    "minimax.minimax-m2.5": (196, 8192), "google.gemma-3-27b-it": (128, 8192),
    "mistral.mistral-large-3-675b-instruct": (256, 32_000), "mistral.ministral-3-8b-instruct": (128, 8192),
    "mistral.magistral-small-2509": (128, 40_000), "mistral.devstral-2-123b": (256, 32_000),
    "mistral.pixtral-large-2502-v1:0": (128, 16_384), "mistral.voxtral-mini-3b-2507": (33, 8192),
    "nvidia.nemotron-nano-9b-v2": (128, 8192), "nvidia.nemotron-super-3-120b": (256, 32_000),
    "meta.llama3-3-70b-instruct-v1:0": (128, 4096), "meta.llama4-scout-17b-instruct-v1:0": (10_000, 8192),
    "meta.llama4-maverick-17b-instruct-v1:0": (1000, 8192), "writer.palmyra-x5-v1:0": (128, 8192),
}  # fmt: skip


@pytest.mark.parametrize("model", SIZES)
def test_a_models_sizes_are_those_of_the_price_table(model: str) -> None:
    traits = traits_of(model)
    thousands, most = SIZES[model]
    assert ((traits.context_window or 0) // 1000, traits.max_output) == (thousands, most)


CHOICES = {
    "amazon.nova-lite-v1:0": ALL, "openai.gpt-5.6-sol": ALL, "xai.grok-4.7": ALL, "zai.glm-5.3": ALL,
    "mistral.mistral-large-3-675b-instruct": AUTO | {"any"}, "deepseek.v3-v1:0": AUTO | {"any"},
    "zai.glm-4.7": AUTO | {"any"}, "meta.llama3-1-8b-instruct-v1:0": AUTO, "meta.llama3-2-11b-instruct-v1:0": AUTO,
    "meta.llama3-3-70b-instruct-v1:0": AUTO, "meta.llama4-scout-17b-instruct-v1:0": AUTO,
    "mistral.ministral-3-8b-instruct": frozenset(), "mistral.devstral-2-123b": frozenset(),
    "openai.gpt-oss-20b-1:0": frozenset(), "qwen.qwen3-32b-v1:0": frozenset(), "deepseek.r1-v1:0": frozenset(),
    "cohere.command-r-v1:0": frozenset(), "google.gemma-3-4b-it": frozenset(), "writer.palmyra-x5-v1:0": frozenset(),
}  # fmt: skip


@pytest.mark.parametrize("model", CHOICES)
def test_a_tool_choice_is_sent_only_to_those_who_take_it(model: str) -> None:
    assert traits_of(model).tool_choices == CHOICES[model]


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        ("deepseek.v3.2", "yes"),
        ("qwen.qwen3-vl-235b-a22b", "yes"),
        ("mistral.mistral-large-3-675b-instruct", "yes"),
        ("mistral.ministral-3-3b-instruct", "yes"),
        ("minimax.minimax-m2", "yes"),
        ("moonshot.kimi-k2-thinking", "yes"),
        ("nvidia.nemotron-nano-3-30b", "yes"),
        ("zai.glm-5", "yes"),
        ("zai.glm-5.3", "yes"),
        ("mistral.devstral-2-123b", "no"),
        ("amazon.nova-pro-v1:0", "no"),
        ("meta.llama4-scout-17b-instruct-v1:0", "no"),
        ("openai.gpt-oss-120b-1:0", "try"),
        ("openai.gpt-5.5", "try"),
        ("deepseek.r1-v1:0", "no"),
    ],
)
def test_structured_output_is_native_where_it_is_known_to_be(model: str, verdict: str) -> None:
    assert traits_of(model).structured == verdict


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (
            "amazon.nova-lite-v1:0",
            {"cache_points": True, "cache_tools": False, "max_stops": 4, "cache_one_hour": False},
        ),
        ("amazon.nova-2-lite-v1:0", {"cache_points": True, "replay": "unsigned", "grounding_tool": "nova_grounding"}),
        ("openai.gpt-5.4", {"temperature": False, "top_p": False, "stop": True, "max_stops": 4, "min_max_tokens": 16}),
        ("openai.gpt-5.6-sol", {"stop": False, "tool_result_images": False, "regex_lookaround": False}),
        ("openai.gpt-6-astra", {"sends_none": False, "effort_can_be_off": False}),
        ("xai.grok-4.7", {"stop": False, "min_max_tokens": 16, "regex_lookaround": False}),
        ("moonshotai.kimi-k3", {"min_max_tokens": 16, "cache_points": False, "replay": "unsigned"}),
        ("zai.glm-5.3", {"cache_points": True}),
        ("zai.glm-5", {"cache_points": False}),
        ("minimax.minimax-m2", {"replay": "unsigned"}),
        ("deepseek.r1-v1:0", {"reasoning": "always", "replay": "no", "streams_tools": False}),
        ("mistral.pixtral-large-2502-v1:0", {"streams_tools": False}),
        ("meta.llama3-3-70b-instruct-v1:0", {"streams_tools": False, "tool_use": True}),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", {"cache_points": False}),
        ("anthropic.claude-3-haiku-20240307-v1:0", {"cache_points": False, "reasoning": "none", "on_demand": None}),
        ("somebody.new-model-v1:0", {"family": "unknown", "temperature": True, "cache_points": False}),
    ],
)
def test_other_peculiarities(model: str, changes: dict[str, Any]) -> None:
    traits = traits_of(model)
    assert {name: getattr(traits, name) for name in changes} == changes


def test_every_row_sets_traits_that_exist() -> None:
    known = {field.name for field in fields(Traits)}
    assert all(changes.keys() <= known for _, changes in FAMILIES)


ABLE = replace(
    Traits(),
    cache_points=True,
    cache_one_hour=True,
    strict=True,
    structured="yes",
    reasoning="budget",
    replay="signed",
    effort_levels=BUDGET,
    system_role=True,
    betas=frozenset({"b"}),
)
"""The traits of a model that can do all that a quirk can take away."""


@pytest.mark.parametrize("quirk", QUIRKS)
def test_every_quirk_takes_something_away_but_those_of_the_planner(quirk: str) -> None:
    learned = without(ABLE, quirk if quirk != "max_tokens" else "max_tokens:4096")
    assert (learned == ABLE) is (quirk in {"profile", "service_tier", "reasoning_replay", "reasoning_history"})


def test_a_limit_that_was_told_is_kept() -> None:
    assert without(Traits(), "max_tokens:4096").max_tokens_limit == 4096
    assert without(Traits(), "never-heard-of") == Traits()
    about_reasoning = {"reasoning_replay", "reasoning_history", "reasoning_missing"}
    assert {"effort", "schema", "service_tier"} | about_reasoning == FORGOTTEN


@pytest.mark.parametrize(
    ("model", "family", "sees"),
    [
        ("openai.gpt-5.6-cyber", "gpt", True),
        ("openai.gpt-oss-safeguard-20b", "gpt-oss", False),
        ("openai.gpt-oss-safeguard-120b", "gpt-oss", False),
        ("writer.palmyra-vision-7b", "palmyra", True),
        ("amazon.nova-2-pro-preview-20251202-v1:0", "nova", True),
    ],
)
def test_models_of_newer_lists_have_the_rules_of_their_family(model: str, family: str, sees: bool) -> None:
    traits = traits_of(model)
    assert traits.family == family
    assert ("image" in (traits.modalities or ())) is sees
