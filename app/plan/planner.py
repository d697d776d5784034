"""Turns a prompt into a plan: the catalogue says which model, the traits say what it takes, the receipt what was changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

from app.core.model_fields import ModelFields, split_fields
from app.core.plan import Plan, Target
from app.core.ports import Call, Lessons
from app.core.prompt import CachePoint, Guardrail, Media, Prompt
from app.errors import InvalidRequest, PermissionDenied
from app.plan.draft import Draft
from app.plan.lessons import RecentLessons
from app.plan.metadata import request_metadata
from app.plan.reasoning import decide_reasoning
from app.plan.replay import decide_replay
from app.plan.sampling import decide_limits, decide_sampling
from app.plan.structured import decide_structured
from app.plan.thinking import decide_betas, decide_thinking
from app.plan.tooling import decide_tool_choice, decide_tools
from app.plan.traits import FORGOTTEN, without

if TYPE_CHECKING:
    from app.core.access import Access
    from app.core.route import Hop

_TIERS = {"default": "default", "flex": "flex", "priority": "priority", "fast": "priority", "scale": "reserved"}
_NOT_PLANNED = frozenset(
    {"receipt", "quirks", "extra", "unlimited", "instructions", "notes", "cap", "own", "bounded", "shortened"}
)
_PLAN_FIELDS = tuple(field.name for field in fields(Draft) if field.name not in _NOT_PLANNED)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided for every request."""

    cache_auto: bool = True
    cache_ttl: str = ""
    guardrail: Guardrail | None = None
    guardrail_override: bool = False
    strict: bool = False


class Router(Protocol):
    """Follows aliases and keeps to what keys may call: see `plan.selection.Selection`."""

    def concerns(self, name: str, access: Access) -> bool: ...

    def alias_of(self, name: str) -> str: ...

    async def choose(
        self, name: str, access: Access, *, route: tuple[Hop, ...] = ()
    ) -> tuple[Target, tuple[Hop, ...]]: ...

    async def profile_for(self, target: Target) -> str | None: ...


class ModelPlanner:
    """Implements the Planner port. `resolve` is the catalogue's; `profile_for` finds the profile a bare id needs.

    `router` stands before the catalogue where there are aliases, or keys with rules.
    """

    def __init__(
        self,
        resolve: Callable[[str], Awaitable[Target]],
        profile_for: Callable[[str], Awaitable[str | None]],
        policy: Policy = Policy(),
        lessons: Lessons | None = None,
        router: Router | None = None,
    ) -> None:
        self._resolve = resolve
        self._profile_for = profile_for
        self._policy = policy
        self._lessons = lessons or RecentLessons()
        self._router = router

    async def plan(
        self,
        prompt: Prompt,
        call: Call,
        *,
        stream: bool,
        quirks: frozenset[str] = frozenset(),
        route: tuple[Hop, ...] = (),
    ) -> Plan:
        access = call.caller.access
        target, route = await self._target(prompt, access, route)
        traits = target.traits
        for quirk in sorted(self._lessons.known(target.base_id) | quirks):
            traits = without(traits, quirk)
        own = split_fields(prompt.extra_fields) if prompt.extra_fields else ModelFields()
        draft = Draft(prompt, replace(target, traits=traits), stream, call.receipt, quirks, own.fields, own=own)
        draft.route, draft.cap = route, access.max_tokens
        if call.output_limit is not None:
            _bound(draft, call.output_limit)
        draft.receipt.model, draft.receipt.target = target.shown, target
        draft.receipt.route = self._router.alias_of(prompt.model) if route and self._router else ""
        draft.receipt.ignore(*prompt.ignored)
        self._decide(draft, call)
        draft.receipt.max_tokens = draft.max_tokens if draft.bounded else None
        if self._policy.strict and draft.receipt.ignored:
            name = next(iter(draft.receipt.ignored))
            raise InvalidRequest(
                f"Parameter {name!r} has no effect with this model.", param=name, code="unsupported_parameter"
            )
        return _plan(draft)

    async def check(self, prompt: Prompt, call: Call) -> None:
        await self._target(prompt, call.caller.access, ())

    async def _target(self, prompt: Prompt, access: Access, route: tuple[Hop, ...]) -> tuple[Target, tuple[Hop, ...]]:
        if self._router is not None and (route or self._router.concerns(prompt.model, access)):
            return await self._router.choose(prompt.model, access, route=route)
        return await self._resolve(prompt.model), route

    async def learn(self, target: Target, quirk: str) -> bool:
        if quirk == "profile":
            if target.region and self._router is not None:
                return await self._router.profile_for(target) is not None
            return await self._profile_for(target.base_id) is not None
        if quirk in FORGOTTEN:
            return True
        if quirk in self._lessons.known(target.base_id):
            return False
        self._lessons.learn(target.base_id, quirk)
        return True

    def _decide(self, draft: Draft, call: Call) -> None:
        prompt, traits = draft.prompt, draft.traits
        decide_replay(draft)
        decide_limits(draft)
        decide_tools(draft)
        (decide_reasoning if prompt.thinking is None else decide_thinking)(draft)
        decide_structured(draft)
        decide_tool_choice(draft)
        decide_sampling(draft)
        decide_betas(draft)
        if not traits.cites and _asks_citations(prompt):
            draft.receipt.ignore("citations")
        self._decide_caching(draft, call.caller.access)
        self._decide_guardrail(draft, call.caller.access)
        _decide_grounding(draft)
        self._decide_tier(draft, call)
        draft.metadata = request_metadata(call.caller.key_id, call.caller.project, prompt.metadata, prompt.user)
        draft.fields = _merged(draft.fields, draft.extra)
        draft.whole = (
            not draft.stream or not traits.streams or draft.grounding or bool(draft.tools and not traits.streams_tools)
        )

    def _decide_caching(self, draft: Draft, access: Access) -> None:
        caching, traits = draft.prompt.caching, draft.traits
        draft.cache_points = traits.cache_points and caching.explicit
        if not traits.cache_points and caching.explicit and _marks_cache(draft.prompt):
            draft.receipt.ignore("cache_control")
        wanted = self._policy.cache_auto if caching.auto is None else caching.auto
        several = bool(draft.prompt.tools) or sum(message.role == "user" for message in draft.prompt.messages) > 1
        draft.cache_auto = bool(traits.cache_points and wanted and (several or caching.auto))
        own = {"": self._policy.cache_ttl, "5m": ""}.get(access.prompt_cache_ttl, access.prompt_cache_ttl)
        draft.cache_ttl = (caching.ttl or own) if traits.cache_one_hour else ""

    def _decide_tier(self, draft: Draft, call: Call) -> None:
        """The request's word goes before the chain's, and that before the key's."""
        asked = _TIERS.get(draft.prompt.service_tier or "", "")
        if "service_tier" not in draft.quirks:
            ours = (draft.route[0].tier if draft.route else "") or call.caller.access.tier
            draft.service_tier = asked or _TIERS.get(ours, ours)
        elif draft.prompt.service_tier:
            draft.receipt.ignore("service_tier")
        if call.traffic != "batch":
            call.traffic = "flex" if draft.service_tier == "flex" else "realtime"

    def _decide_guardrail(self, draft: Draft, access: Access) -> None:
        own, theirs = access.guardrail or self._policy.guardrail, draft.prompt.guardrail
        replaceable = self._policy.guardrail_override and access.guardrail is None
        if own is not None and theirs is not None and theirs != own and not replaceable:
            raise PermissionDenied(
                "The guardrail of this gateway can't be replaced by a request.", param="guardrail_config"
            )
        draft.guardrail = theirs or own


def _bound(draft: Draft, limit: int) -> None:
    """A hard budget pays for `limit` tokens. A limit of the client's is reserved as it is, so it needs no cap."""
    draft.bounded = True
    draft.shortened = draft.prompt.sampling.max_tokens is None and draft.own.limit is None
    if draft.shortened:
        limit = max(limit, draft.traits.min_max_tokens)
        draft.cap = limit if draft.cap is None else min(draft.cap, limit)


def _decide_grounding(draft: Draft) -> None:
    draft.grounding = draft.prompt.grounding and bool(draft.traits.grounding_tool)
    if draft.grounding or not draft.prompt.grounding:
        return
    if not draft.prompt.grounding_else:
        raise InvalidRequest(
            "This model has no web search on Bedrock.", param="web_search_options", code="unsupported_parameter"
        )
    draft.receipt.ignore(draft.prompt.grounding_else)


def _plan(draft: Draft) -> Plan:
    values: dict[str, Any] = {name: getattr(draft, name) for name in _PLAN_FIELDS}
    return Plan(
        **values,
        instructions=tuple(draft.instructions),
        notes=tuple(draft.notes),
        response_paths=draft.traits.response_paths,
        latency=draft.prompt.latency,
    )


def _marks_cache(prompt: Prompt) -> bool:
    if any(tool.cache for tool in prompt.tools):
        return True
    return any(isinstance(part, CachePoint) for message in prompt.messages for part in message.parts)


def _asks_citations(prompt: Prompt) -> bool:
    return any(isinstance(part, Media) and part.citations for message in prompt.messages for part in message.parts)


def _merged(ours: dict[str, Any], theirs: Any) -> dict[str, Any]:
    """The client's own model fields on top of ours, objects merged key by key."""
    merged = dict(ours)
    for name, value in theirs.items():
        held = merged.get(name)
        merged[name] = _merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return merged
