"""The catalogue of `GET /models?client_version=...`."""

from __future__ import annotations

from app.api.models.catalog import INSTRUCTIONS, catalog
from app.core.ports import ModelEntry

REQUIRED = {
    "slug", "display_name", "supported_reasoning_levels", "shell_type", "visibility", "supported_in_api", "priority",
    "support_verbosity", "truncation_policy", "experimental_supported_tools", "base_instructions",
}  # fmt: skip
"""Without any one of these Codex CLI 0.169.0 refuses the whole catalogue."""


def entry(name: str, *capabilities: str, inputs: tuple[str, ...] = (), window: int | None = None) -> ModelEntry:
    return ModelEntry(
        name, name, "foundation", "o", inputs=inputs, context_window=window, capabilities=("chat", *capabilities)
    )


def test_only_models_with_tools_are_agents() -> None:
    listed = catalog([entry("b", "tools"), entry("plain"), entry("a", "tools", "reasoning")])
    assert [each["slug"] for each in listed] == ["a", "b"]
    assert [each["priority"] for each in listed] == [0, 1]
    assert all(each.keys() >= REQUIRED for each in listed)
    assert catalog([]) == []


def test_what_is_told_of_a_model() -> None:
    (able,) = catalog([entry("m", "tools", "reasoning", inputs=("text", "image", "video"), window=9)])
    assert able["apply_patch_tool_type"] == "freeform"
    assert [level["effort"] for level in able["supported_reasoning_levels"]] == ["low", "medium", "high"]
    assert able["supports_reasoning_summaries"]
    assert able["context_window"] == 9
    assert able["input_modalities"] == ["text", "image"]
    assert able["display_name"] == "m"


def test_what_is_not_known_is_not_told() -> None:
    (plain,) = catalog([entry("m", "tools")])
    assert "context_window" not in plain
    assert plain["supported_reasoning_levels"] == []
    assert plain["input_modalities"] == ["text"]


def test_the_instructions_are_short() -> None:
    """Every model carries them, and the client sends them with every request."""
    assert 500 < len(INSTRUCTIONS) < 2000
    assert "apply_patch" in INSTRUCTIONS
