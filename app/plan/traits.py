"""Facts about models: the rows of `families/` that match, and what a model's own refusals have added.

Where sources disagree a row takes the safe side, and the gateway learns the rest from AWS's own 400s.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

from app.core.plan import Traits
from app.plan.families import FAMILIES
from app.plan.families.words import AUTO, LOW_HIGH, NEVER

_ROWS = tuple((re.compile(pattern), changes) for pattern, changes in FAMILIES)


@lru_cache(maxsize=512)
def traits_of(base_id: str) -> Traits:
    """The traits of a base model id, without geography prefix; those of an unknown model where no row matches.

    >>> traits_of("amazon.nova-pro-v1:0").family
    'nova'
    """
    traits = Traits()
    for pattern, changes in _ROWS:
        if pattern.match(base_id):
            traits = replace(traits, **changes)
    return traits


def without(traits: Traits, quirk: str) -> Traits:
    """The traits once a model has refused what `quirk` names (see `core.plan.QUIRKS`); `max_tokens:4096` carries the limit."""
    name, _, value = quirk.partition(":")
    if name == "max_tokens":
        return replace(traits, max_tokens_limit=min(int(value), traits.max_tokens_limit or int(value)))
    changes = _LEARNED.get(name)
    return replace(traits, **changes) if changes else traits


_LEARNED: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": False},
    "top_p": {"top_p": False},
    "sampling_pair": {"sampling_pair": False},
    "stop": {"stop": False},
    "cache_points": {"cache_points": False},
    "cache_ttl": {"cache_one_hour": False},
    "strict": {"strict": False},
    "text_format": {"structured": "no"},
    "schema": {"structured": "no"},
    "prefill": {"prefill": False},
    "reasoning": {"reasoning": "none", "replay": "no"},
    "reasoning_missing": {"replay": "no", "reasoning": "none"},
    "forced_tool_choice": {"tool_choices": AUTO},
    "tool_choice": {"tool_choices": NEVER, "parallel_switch": False},
    "tools_in_stream": {"streams_tools": False},
    "stream": {"streams": False, "streams_tools": False},
    "system_role": {"system_role": False},
    "system_prompt": {"system_prompt": False},
    "tool_result_images": {"tool_result_images": False},
    "effort": {"effort_levels": LOW_HIGH},
    "betas": {"betas": frozenset(), "effort_alone": ()},
}
"""What each quirk takes away. `profile`, `service_tier`, `reasoning_replay` and `reasoning_history` concern the request
alone, and the planner drops what they name."""

FORGOTTEN = frozenset(
    {"reasoning_replay", "reasoning_history", "reasoning_missing", "service_tier", "effort", "schema"}
)
"""Quirks of one request rather than of a model: mended, but not held against the model's next request."""
