"""`reasoning_effort` in each family's own words. Sources: those of `families` (2026-11)."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.plan import Traits
from app.core.prompt import Message, Reasoning, ToolCall, ToolResult
from app.plan.draft import Draft
from app.plan.families.words import LOW_HIGH

LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every level OpenAI's API knows, in rising order."""

BUDGETS = {"low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
"""Thinking tokens for models that take a budget: those litellm sends, so that a migration changes nothing."""

LEAST_BUDGET = 1024


def clamped(level: str, levels: tuple[str, ...]) -> str:
    """The level itself where the model has it, else the nearest below, else its lowest.

    >>> clamped("max", ("low", "medium", "high"))
    'high'
    >>> clamped("minimal", ("low", "high"))
    'low'
    """
    asked = LEVELS.index(level)
    below = [known for known in levels if LEVELS.index(known) <= asked]
    return below[-1] if below else levels[0]


def decide_reasoning(draft: Draft) -> None:
    """Fills `fields` and `reasoning`. A request that cannot have what it asked runs without, and is told so."""
    traits, effort = draft.traits, draft.prompt.effort
    style = traits.reasoning
    draft.reasoning = style in ("always", "adaptive-always", "nested") or not traits.effort_can_be_off
    own = draft.extra.get("thinking")
    if isinstance(own, Mapping) and own.get("type") in ("enabled", "adaptive"):
        _as_told(draft)
        return
    if effort is None or (effort == "none" and style == "none"):
        return
    refused = "effort" in draft.quirks and effort in LOW_HIGH  # a lower level has nothing more to offer
    if style in ("none", "always") or refused:
        draft.receipt.ignore("reasoning_effort")
    elif effort == "none":
        _switch_off(draft)
    else:
        switch_on(draft, clamped(effort, traits.effort_levels))


def _as_told(draft: Draft) -> None:
    """The client speaks the model's own words (`thinking`): they stand, but for a turn that can't have them."""
    if draft.quirks & {"reasoning", "reasoning_missing"} or lacks_replay(draft):
        del draft.extra["thinking"]
        draft.receipt.repairs["thinking-off"] += 1
        return
    if draft.cap is not None or draft.own.limit is not None:
        _hold_budget(draft)
    if draft.traits.replay == "signed":
        draft.reasoning = "thinking" in draft.extra


def _hold_budget(draft: Draft) -> None:
    """A budget of the client's own has to stay below a limit that the gateway sets, as one of ours would."""
    own, limit = dict(draft.extra["thinking"]), draft.max_tokens
    budget = own.get("budget_tokens")
    if limit is None or not isinstance(budget, int) or budget < limit:
        return
    if limit <= LEAST_BUDGET:
        del draft.extra["thinking"]
        draft.receipt.repairs["thinking-off"] += 1
        return
    draft.extra["thinking"] = own | {"budget_tokens": max(LEAST_BUDGET, limit // 2)}
    draft.receipt.repairs["thinking-budget-lowered"] += 1


def _switch_off(draft: Draft) -> None:
    traits = draft.traits
    if traits.sends_none:
        draft.fields["reasoning"] = {"effort": "none"}
        draft.reasoning = False
    elif not traits.effort_can_be_off:
        draft.receipt.ignore("reasoning_effort")


def switch_on(draft: Draft, level: str) -> None:
    match draft.traits.reasoning:
        case "budget" | "adaptive" if lacks_replay(draft):
            # Bedrock wants the signed thoughts of a running tool loop back; without them only this turn can do without.
            draft.receipt.repairs["thinking-off"] += 1
        case "budget":
            _with_budget(draft, BUDGETS[level])
        case "adaptive":
            draft.fields |= {"thinking": {"type": "adaptive"}, "output_config": {"effort": level}}
            draft.reasoning = True
        case "adaptive-always":
            draft.fields["output_config"] = {"effort": level}
        case "config":
            if level == "high" and (draft.cap is not None or draft.bounded or draft.prompt.thinking is not None):
                # It allows no limit, and the key, its budget or the client's API insists on one.
                level = "medium"
                draft.receipt.repairs["effort-lowered"] += 1
            draft.fields["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": level}
            draft.reasoning = True
            draft.unlimited = level == "high"  # limits and sampling are refused beside it
            if draft.unlimited and draft.max_tokens is not None:
                draft.max_tokens = None
                draft.receipt.ignore("max_tokens")
        case "flat":
            draft.fields["reasoning_effort"] = level
            draft.reasoning = True
        case _:
            draft.fields["reasoning"] = {"effort": level}


def _with_budget(draft: Draft, budget: int) -> None:
    """A budget has to stay below max_tokens, which counts thoughts and answer together, as at OpenAI."""
    limit = draft.max_tokens
    if limit is not None and limit <= LEAST_BUDGET:
        draft.receipt.ignore("reasoning_effort")
        return
    if limit is not None:
        budget = fitted(draft, budget, limit)
    draft.fields["thinking"] = {"type": "enabled", "budget_tokens": budget}
    draft.reasoning = True


def fitted(draft: Draft, budget: int, limit: int) -> int:
    """A budget of ours, at most half of the limit. It is reported where the money for it is what lacks."""
    least = min(budget, max(LEAST_BUDGET, limit // 2))
    if least < budget and draft.shortened:
        draft.receipt.repairs["thinking-budget-lowered"] += 1
    return least


def forgo_reasoning(draft: Draft, kind: str) -> bool:
    """Take reasoning out again because it excludes something the client insists on. False where the model can't."""
    if draft.traits.reasoning not in ("budget", "adaptive", "config"):
        return False
    for name in ("thinking", "output_config", "reasoningConfig"):
        draft.fields.pop(name, None)
        draft.extra.pop(name, None)
    draft.reasoning = False
    draft.receipt.repairs[kind] += 1
    return True


def lacks_replay(draft: Draft) -> bool:
    """Whether the history ends in a tool loop that can't be continued with reasoning on."""
    return draft.traits.replay_required and not replayable(draft.messages, draft.traits)


def replayable(messages: tuple[Message, ...], traits: Traits) -> bool:
    """Whether the tool loop the history ends in, if it does, can be continued with reasoning on.

    True when the last turn is not an answer to tool calls, or when the calls' turn starts with signed reasoning.
    """
    calling: list[Message] = []
    answered = False
    for message in reversed(messages):
        if message.role == "assistant":
            calling.append(message)
        elif message.role == "system":
            continue
        elif calling:
            break
        else:
            answered = answered or any(isinstance(part, ToolResult) for part in message.parts)
    if not calling:
        return True
    turn = [part for message in reversed(calling) for part in message.parts]
    if not any(isinstance(part, ToolCall) for part in turn):
        return True
    return any(isinstance(part, Reasoning) and (part.signature or part.redacted) for part in turn)
