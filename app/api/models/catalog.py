"""`models` of `GET /models?client_version=...`: the catalogue as Codex CLI reads it (0.169.0, `model_catalog_url`). Pure.

It refuses the whole catalogue for one entry that lacks a field, and takes what an entry says for the truth: without one
it knows neither the window of a model nor that it may patch files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.core.ports import ModelEntry

INSTRUCTIONS = """\
You are a coding agent in a terminal. You and the user share one workspace; work in it until the task is done, then stop.

Look before you change: search with `rg`, or `grep` and `find` where it is missing, and read the files that matter. Obey the \
AGENTS.md files whose folders hold what you touch. Fix causes instead of symptoms, keep to the style around you, change \
nothing that the task does not ask for, and never revert changes that are not yours. Add no comments that repeat the code, no \
licence headers, and commit only when asked.

Edit files with the apply_patch tool where you have it, never by printing whole files for the user to copy. Its input is the \
bare patch, from `*** Begin Patch` to `*** End Patch`. Run commands with the tools you were given; quote paths, avoid what \
waits for a terminal, and do nothing destructive that nobody asked for. Where a command is refused or needs an approval, say \
so instead of going round it.

Check your work: run the tests or the program where that is possible, from the narrowest test on. Say honestly what you could \
not check.

Before a group of tool calls say in one sentence what comes next. End with a short answer: what you did, where \
(`path:line`), and what is left to do. Plain sentences, lists only where they help, no headings for small things.
"""
"""The catalogue's text replaces the client's own, and must not be empty. A few lines, for every model carries it."""

_EFFORTS = {
    "low": "Quick answers with little reasoning",
    "medium": "Reasoning for everyday tasks",
    "high": "More reasoning for hard problems",
}
_OUTPUT_LIMIT = 10_000
"""Tokens of a command's output that the client keeps; what it takes for models that it does not know."""


def catalog(entries: Iterable[ModelEntry]) -> list[dict[str, Any]]:
    """The models that can be agents, by id; embeddings and models without tools are left out."""
    able = sorted((entry for entry in entries if "tools" in entry.capabilities), key=lambda entry: entry.id)
    return [_model(entry, place) for place, entry in enumerate(able)]


def _model(entry: ModelEntry, place: int) -> dict[str, Any]:
    reasons = "reasoning" in entry.capabilities
    efforts = [{"effort": effort, "description": text} for effort, text in _EFFORTS.items()] if reasons else []
    found: dict[str, Any] = {
        "slug": entry.id,
        "display_name": entry.name or entry.id,
        "supported_reasoning_levels": efforts,
        "shell_type": "unified_exec",
        "apply_patch_tool_type": "freeform",
        "visibility": "list",
        "supported_in_api": True,
        "priority": place,
        "support_verbosity": False,
        "supports_reasoning_summaries": reasons,
        "supports_parallel_tool_calls": True,
        "truncation_policy": {"mode": "tokens", "limit": _OUTPUT_LIMIT},
        "experimental_supported_tools": [],
        "input_modalities": [each for each in entry.inputs if each in ("text", "image")] or ["text"],
        "base_instructions": INSTRUCTIONS,
    }
    if entry.context_window is not None:
        found["context_window"] = entry.context_window
    return found
