"""Turns a prompt into a plan: the catalogue says which model, the traits say what it takes, the receipt what was changed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from app.core.plan import Plan, Target
from app.core.ports import Call
from app.core.prompt import CachePoint, Guardrail, Prompt
from app.errors import InvalidRequest, PermissionDenied
from app.plan.draft import Draft
from app.plan.metadata import request_metadata
from app.plan.reasoning import decide_reasoning
from app.plan.sampling import decide_limits, decide_sampling
from app.plan.structured import decide_structured
from app.plan.tooling import decide_tool_choice, decide_tools
from app.plan.traits import FORGOTTEN, without

MAX_LEARNED = 2000
LEARNED_SECONDS = 3600.0
_TIERS = {"default": "default", "flex": "flex", "priority": "priority", "fast": "priority", "scale": "reserved"}
_NOT_PLANNED = frozenset({"receipt", "quirks", "extra", "unlimited", "instructions", "notes"})
_PLAN_FIELDS = tuple(field.name for field in fields(Draft) if field.name not in _NOT_PLANNED)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided for every request."""

    cache_auto: bool = True
    guardrail: Guardrail | None = None
    guardrail_override: bool = False
    strict: bool = False


class ModelPlanner:
    """Implements the Planner port. `resolve` is the catalogue's; `profile_for` finds the profile a bare id needs."""

    def __init__(
        self,
        resolve: Callable[[str], Awaitable[Target]],
        profile_for: Callable[[str], Awaitable[str | None]],
        policy: Policy = Policy(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._resolve = resolve
        self._profile_for = profile_for
        self._policy = policy
        self._clock = clock
        self._learned: dict[str, dict[str, float]] = {}

    async def plan(self, prompt: Prompt, call: Call, *, stream: bool, quirks: frozenset[str] = frozenset()) -> Plan:
        target = await self._resolve(prompt.model)
        traits = target.traits
        for quirk in sorted(self._known(target.base_id) | quirks):
            traits = without(traits, quirk)
        draft = Draft(prompt, replace(target, traits=traits), stream, call.receipt, quirks, dict(prompt.extra_fields))
        draft.receipt.model = target.shown
        draft.receipt.ignore(*prompt.ignored)
        self._decide(draft, call)
        if self._policy.strict and draft.receipt.ignored:
            name = next(iter(draft.receipt.ignored))
            raise InvalidRequest(
                f"Parameter {name!r} has no effect with this model.", param=name, code="unsupported_parameter"
            )
        return _plan(draft)

    async def learn(self, target: Target, quirk: str) -> bool:
        if quirk == "profile":
            return await self._profile_for(target.base_id) is not None
        if quirk in FORGOTTEN:
            return True
        if quirk in self._known(target.base_id):
            return False
        if len(self._learned) > MAX_LEARNED:
            self._learned.pop(next(iter(self._learned)))
        self._learned.setdefault(target.base_id, {})[quirk] = self._clock()
        return True

    def _known(self, base_id: str) -> set[str]:
        """What a model has refused lately. It is asked again after a while: models and AWS's rules change."""
        since = self._clock() - LEARNED_SECONDS
        return {quirk for quirk, learned in self._learned.get(base_id, {}).items() if learned > since}

    def _decide(self, draft: Draft, call: Call) -> None:
        prompt, traits = draft.prompt, draft.traits
        decide_limits(draft)
        decide_tools(draft)
        decide_reasoning(draft)
        decide_structured(draft)
        decide_tool_choice(draft)
        decide_sampling(draft)
        self._decide_caching(draft)
        self._decide_guardrail(draft)
        if prompt.grounding and not traits.grounding_tool:
            raise InvalidRequest(
                "This model has no web search on Bedrock.", param="web_search_options", code="unsupported_parameter"
            )
        draft.grounding = prompt.grounding
        if "service_tier" in draft.quirks:
            draft.receipt.ignore("service_tier")
        else:
            draft.service_tier = _TIERS.get(prompt.service_tier or "", "")
        draft.metadata = request_metadata(call.caller.key_id, prompt.metadata, prompt.user)
        draft.fields = _merged(draft.fields, draft.extra)
        draft.whole = (
            not draft.stream or not traits.streams or draft.grounding or bool(draft.tools and not traits.streams_tools)
        )

    def _decide_caching(self, draft: Draft) -> None:
        caching, traits = draft.prompt.caching, draft.traits
        draft.cache_points = traits.cache_points and caching.explicit
        if not traits.cache_points and caching.explicit and _marks_cache(draft.prompt):
            draft.receipt.ignore("cache_control")
        wanted = self._policy.cache_auto if caching.auto is None else caching.auto
        several = bool(draft.prompt.tools) or sum(message.role == "user" for message in draft.prompt.messages) > 1
        draft.cache_auto = bool(traits.cache_points and wanted and (several or caching.auto))
        draft.cache_ttl = caching.ttl if traits.cache_one_hour else ""

    def _decide_guardrail(self, draft: Draft) -> None:
        own, theirs = self._policy.guardrail, draft.prompt.guardrail
        if own is not None and theirs is not None and theirs != own and not self._policy.guardrail_override:
            raise PermissionDenied(
                "The guardrail of this gateway can't be replaced by a request.", param="guardrail_config"
            )
        draft.guardrail = theirs or own


def _plan(draft: Draft) -> Plan:
    values: dict[str, Any] = {name: getattr(draft, name) for name in _PLAN_FIELDS}
    return Plan(
        **values,
        messages=draft.prompt.messages,
        instructions=tuple(draft.instructions),
        notes=tuple(draft.notes),
        response_paths=draft.traits.response_paths,
        latency=draft.prompt.latency,
    )


def _marks_cache(prompt: Prompt) -> bool:
    if any(tool.cache for tool in prompt.tools):
        return True
    return any(isinstance(part, CachePoint) for message in prompt.messages for part in message.parts)


def _merged(ours: dict[str, Any], theirs: Any) -> dict[str, Any]:
    """The client's own model fields on top of ours, objects merged key by key."""
    merged = dict(ours)
    for name, value in theirs.items():
        held = merged.get(name)
        merged[name] = _merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return merged
