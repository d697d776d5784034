"""Thinking as a switch of its own, with an effort beside it, in each family's words; and features asked for by name.

Chat completions know an effort only (`plan/reasoning.py`). Where a client has a switch, what it says of budgets goes to models
that take one; elsewhere the nearest level stands for it. Sources: those of `families` (2026-11).
"""

from __future__ import annotations

from typing import Any

from app.core.plan import Traits
from app.core.prompt import Thinking
from app.plan.draft import Draft
from app.plan.families.words import LOW_HIGH
from app.plan.reasoning import BUDGETS, LEAST_BUDGET, clamped, fitted, lacks_replay, switch_on

EFFORT = "output_config.effort"
USUAL = "medium"
"""The level for a client that wants thinking and does not say how much, where a model has to be told."""


def decide_thinking(draft: Draft) -> None:
    """Fills `fields` and `reasoning`, as `decide_reasoning` does. What has no effect is told under the client's names."""
    traits, thinking, effort = draft.traits, draft.prompt.thinking, draft.prompt.effort
    assert thinking is not None
    style = traits.reasoning
    draft.reasoning = style in ("always", "adaptive-always", "nested") or not traits.effort_can_be_off
    if thinking.wanted and (draft.quirks & {"reasoning", "reasoning_missing"} or _breaks_loop(draft)):
        # The model wants the signed thoughts of a running tool loop back; without them only this turn can do without.
        draft.receipt.repairs["thinking-off"] += 1
        thinking = Thinking()
    if "effort" in draft.quirks and effort in LOW_HIGH:  # a lower level has nothing more to offer
        draft.receipt.ignore(EFFORT)
        effort = None
    match style:
        case "budget":
            _by_budget(draft, thinking, effort)
        case "adaptive":
            _adaptive(draft, thinking, effort)
        case "adaptive-always" | "always" | "none":
            _fixed(draft, thinking, effort)
        case _:
            _by_level(draft, thinking, effort)


def decide_betas(draft: Draft) -> None:
    """The features asked for that the model is known to have; of others it is not told, since it refuses such requests."""
    traits = draft.traits
    asked = [beta for beta in draft.prompt.betas if beta in traits.betas]
    if traits.effort_beta in traits.betas and "output_config" in draft.fields:
        asked.append(traits.effort_beta)
    if asked:
        draft.fields[traits.betas_field] = list(dict.fromkeys(asked))


def level_of(budget: int) -> str:
    """The level whose budget is the next above.

    >>> level_of(1024), level_of(5000), level_of(50_000)
    ('low', 'xhigh', 'max')
    """
    return next((level for level, most in BUDGETS.items() if budget <= most), "max")


def _breaks_loop(draft: Draft) -> bool:
    return draft.traits.reasoning in ("budget", "adaptive") and lacks_replay(draft)


def _asked_level(thinking: Thinking, effort: str | None) -> str | None:
    return effort or (level_of(thinking.budget) if thinking.budget is not None else None)


def _shown(thinking: Thinking) -> dict[str, Any]:
    return {"display": thinking.display} if thinking.display else {}


def _by_budget(draft: Draft, thinking: Thinking, effort: str | None) -> None:
    traits = draft.traits
    if thinking.wanted:
        budget = _budget(draft, thinking.budget, clamped(effort or USUAL, traits.effort_levels))
        if budget is None:
            draft.receipt.repairs["thinking-off"] += 1
        else:
            draft.fields["thinking"] = {"type": "enabled", "budget_tokens": budget} | _shown(thinking)
            draft.reasoning = True
    if effort is not None and traits.effort_alone:
        draft.fields["output_config"] = {"effort": clamped(effort, traits.effort_alone)}
    elif effort is not None and not thinking.wanted:
        draft.receipt.ignore(EFFORT)


def _budget(draft: Draft, asked: int | None, level: str) -> int | None:
    """Thinking tokens below max_tokens, which counts thoughts and answer together; None where it leaves no room."""
    limit = draft.max_tokens
    if limit is None:
        return asked or BUDGETS[level]
    if limit <= LEAST_BUDGET:
        return None
    if asked is None:
        return fitted(draft, BUDGETS[level], limit)
    if asked >= limit:
        draft.receipt.repairs["thinking-budget-lowered"] += 1
        return max(LEAST_BUDGET, limit // 2)
    return asked


def _adaptive(draft: Draft, thinking: Thinking, effort: str | None) -> None:
    if thinking.wanted:
        draft.fields["thinking"] = {"type": "adaptive"} | _shown(thinking)
        draft.reasoning = True
    elif thinking.mode == "off":
        draft.fields["thinking"] = {"type": "disabled"}
    _at_effort(draft, _asked_level(thinking, effort))


def _at_effort(draft: Draft, level: str | None) -> None:
    if level is not None:
        draft.fields["output_config"] = {"effort": clamped(level, draft.traits.effort_levels)}


def _fixed(draft: Draft, thinking: Thinking, effort: str | None) -> None:
    """Models whose thinking is always on, or never."""
    style = draft.traits.reasoning
    if (thinking.mode == "off" and style != "none") or (thinking.wanted and style == "none"):
        draft.receipt.ignore("thinking")
    if style == "adaptive-always":
        _at_effort(draft, _asked_level(thinking, effort))
    elif effort is not None:
        draft.receipt.ignore(EFFORT)


def _by_level(draft: Draft, thinking: Thinking, effort: str | None) -> None:
    """Models whose one word for all of it is a level."""
    if thinking.mode == "off":
        _switch_off(draft, draft.traits)
        return
    level = _asked_level(thinking, effort) or (USUAL if thinking.wanted else None)
    if level is not None:
        switch_on(draft, clamped(level, draft.traits.effort_levels))


def _switch_off(draft: Draft, traits: Traits) -> None:
    if traits.sends_none:
        draft.fields["reasoning"] = {"effort": "none"}
        draft.reasoning = False
    elif not traits.effort_can_be_off:
        draft.receipt.ignore("thinking")
