"""Which thoughts of earlier turns go back to a model: whether it may want any, and which of them it takes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.core.plan import Traits
from app.core.prompt import Message, Prompt, Reasoning
from app.core.reasoning_origin import origin_of
from app.plan.draft import Draft
from app.plan.model_id import base_of
from app.plan.traits import traits_of


def may_replay(prompt: Prompt) -> bool:
    """True for names that say nothing (aliases, ARNs): only the catalogue knows them, and it may have to ask."""
    base_id = base_of(prompt.model)
    traits = traits_of(base_id) if base_id else Traits()
    if traits.family == "unknown" or traits.replay == "redacted":
        return True
    if traits.replay != "signed":
        return False
    always = traits.reasoning in ("always", "adaptive-always", "nested") or not traits.effort_can_be_off
    if prompt.thinking is not None:
        return always or prompt.thinking.wanted
    return always or prompt.effort not in (None, "none") or "thinking" in prompt.extra_fields


def decide_replay(draft: Draft) -> None:
    """Fills `messages`: the prompt's without the reasoning that this model refuses.

    Reasoning of another family is dropped before the call. Reasoning of unknown origin is sent; when the model has refused
    it, all of it is dropped at once. Where there is none, or the model refuses again, all reasoning is dropped.
    """
    messages = draft.prompt.messages
    draft.messages = messages
    blocks = [part for message in messages for part in message.parts if isinstance(part, Reasoning)]
    if not blocks:
        return
    dropped = {block: kind for block, kind in zip(blocks, _reasons(draft, blocks), strict=True) if kind}
    for block in blocks:
        if block in dropped:
            draft.receipt.repairs[dropped[block]] += 1
    if dropped:
        draft.messages = tuple(_without(message, dropped) for message in messages)


def _reasons(draft: Draft, blocks: Sequence[Reasoning]) -> list[str]:
    """For each block the kind of repair that drops it; empty where it stays."""
    own, traits = draft.target.reasoning_family, draft.traits
    origins = [origin_of(block) for block in blocks]
    refused = "reasoning_replay" in draft.quirks
    doubtful = any(not origin and _is_sent(block, traits) for block, origin in zip(blocks, origins, strict=True))
    everything = "reasoning_history" in draft.quirks or (refused and not doubtful)
    return [
        "foreign-reasoning"
        if origin and origin != own
        else "reasoning-refused"
        if everything or (refused and not origin)
        else ""
        for origin in origins
    ]


def _is_sent(block: Reasoning, traits: Traits) -> bool:
    """Whether a block of unknown origin can have been among what the model refused."""
    return bool(block.signature or block.redacted) or traits.replay == "unsigned"


def _without(message: Message, dropped: Collection[Reasoning]) -> Message:
    parts = tuple(part for part in message.parts if not (isinstance(part, Reasoning) and part in dropped))
    return message if len(parts) == len(message.parts) else Message(message.role, parts)
