"""Whether a model may want its thoughts of earlier turns back, told from the request alone. Pure."""

from __future__ import annotations

from app.core.plan import Traits
from app.core.prompt import Prompt
from app.plan.model_id import base_of
from app.plan.traits import traits_of


def may_replay(prompt: Prompt) -> bool:
    """True for names that say nothing (aliases, ARNs): only the catalogue knows them, and it may have to ask."""
    base_id = base_of(prompt.model)
    traits = traits_of(base_id) if base_id else Traits()
    if traits.family == "unknown":
        return True
    if traits.replay != "signed":
        return False
    always = traits.reasoning in ("always", "adaptive-always", "nested") or not traits.effort_can_be_off
    if prompt.thinking is not None:
        return always or prompt.thinking.wanted
    return always or prompt.effort not in (None, "none") or "thinking" in prompt.extra_fields
