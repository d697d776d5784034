"""A model refuses a field: plan again without it, try once more, and remember. Only before the first byte.

What models take changes faster than any table, so AWS's own 400 is believed: the field it names is left out, the model is
remembered, and the request succeeds instead of teaching each client separately. Believed with care: only a field that was
sent, only once the request without it has succeeded, and never on the word of a request whose own model fields may have
caused the refusal.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from app.core.events import Batch
from app.core.plan import Plan
from app.core.ports import Call, ChatUpstream, Planner
from app.core.prompt import Reasoning
from app.errors import UnsupportedField, model_not_found

log = logging.getLogger(__name__)

MAX_MENDINGS = 3
"""A request may offend in more than one way, and AWS names them one at a time."""


def _forced(plan: Plan) -> bool:
    return plan.tool_choice.mode in ("any", "tool")


def _reasons(plan: Plan) -> bool:
    return plan.reasoning or plan.prompt.effort is not None


def _replays(plan: Plan) -> bool:
    return any(isinstance(part, Reasoning) for message in plan.messages for part in message.parts)


_SENT: dict[str, Callable[[Plan], bool]] = {
    "temperature": lambda plan: plan.temperature is not None,
    "top_p": lambda plan: plan.top_p is not None,
    "sampling_pair": lambda plan: plan.temperature is not None and plan.top_p is not None,
    "stop": lambda plan: bool(plan.stop),
    "cache_points": lambda plan: plan.cache_points or plan.cache_auto,
    "cache_ttl": lambda plan: plan.cache_points or plan.cache_auto,
    "strict": lambda plan: any(tool.strict for tool in plan.tools),
    "text_format": lambda plan: plan.text_format is not None,
    "schema": lambda plan: plan.text_format is not None,
    "tool_choice": lambda plan: _forced(plan) or "tool_choice" in plan.fields,
    "forced_tool_choice": _forced,
    "tools_in_stream": lambda plan: bool(plan.tools) and not plan.whole,
    "stream": lambda plan: not plan.whole,
    "service_tier": lambda plan: bool(plan.service_tier),
    "betas": lambda plan: bool(plan.prompt.betas) or plan.prompt.effort is not None,
    "effort": lambda plan: plan.prompt.effort is not None,
    "reasoning": _reasons,
    "reasoning_missing": _reasons,
    "reasoning_replay": _replays,
    "reasoning_history": _replays,
}
"""Whether a plan holds what a quirk says was refused; those not named here concern the messages and always may."""


class Heal:
    """Implements ChatUpstream around another one."""

    def __init__(self, inner: ChatUpstream, planner: Planner) -> None:
        self._inner = inner
        self._planner = planner

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        quirks: frozenset[str] = frozenset()
        lessons: list[str] = []
        while True:
            begun = False
            try:
                async with aclosing(self._inner.run(plan, call)) as batches:
                    async for batch in batches:
                        if not begun:
                            await self._remember(plan, lessons)
                        begun = True
                        yield batch
                return
            except UnsupportedField as problem:
                quirk = _next_step(plan, problem.quirk, quirks)
                if begun or len(quirks) >= MAX_MENDINGS or not await self._can_be_mended(plan, quirk, quirks):
                    raise _told(problem, plan) from problem
                quirks |= {quirk}
                if not problem.of_value and _may_teach(plan, quirk):
                    lessons.append(quirk)
                log.info("model %s refused %s; trying once without", plan.target.base_id, quirk)
            call.receipt.retries += 1
            call.receipt.repairs.clear()
            call.receipt.repairs[f"unsupported-{problem_name(quirks)}"] += 1
            plan = await self._planner.plan(plan.prompt, call, stream=plan.stream, quirks=quirks, route=plan.route)

    async def _can_be_mended(self, plan: Plan, quirk: str, tried: frozenset[str]) -> bool:
        if quirk in tried:
            return False
        name, _, limit = quirk.partition(":")
        if name == "max_tokens":
            return plan.max_tokens is not None and plan.max_tokens > int(limit)
        if name == "profile":
            return await self._planner.learn(plan.target, quirk)
        sent = _SENT.get(name)
        return sent is None or sent(plan)

    async def _remember(self, plan: Plan, lessons: list[str]) -> None:
        """The mended request was accepted, so the refusal was about what it no longer holds."""
        for lesson in lessons:
            await self._planner.learn(plan.target, lesson)


def _next_step(plan: Plan, quirk: str, tried: frozenset[str]) -> str:
    """A model that refuses reasoning again, after that of unknown origin was dropped, gets none of earlier turns. Where none
    was sent, the refusal can only concern reasoning in this turn, which then runs without."""
    if quirk != "reasoning_replay":
        return quirk
    if not _replays(plan):
        return "reasoning_missing"
    return "reasoning_history" if quirk in tried else quirk


def _may_teach(plan: Plan, quirk: str) -> bool:
    """Not from a request with model fields of its own, and not what only reasoning forbids: others may do without."""
    by_reasoning = quirk in ("temperature", "top_p", "forced_tool_choice", "tool_choice") and plan.reasoning
    thinking = plan.prompt.thinking
    by_switch = quirk == "reasoning" and thinking is not None and (bool(thinking.display) or thinking.mode == "off")
    return not plan.prompt.extra_fields and not by_reasoning and not by_switch and quirk != "profile"


def problem_name(quirks: frozenset[str]) -> str:
    """The quirks of a request as one word for the receipt."""
    return "-".join(sorted(quirk.partition(":")[0].replace("_", "-") for quirk in quirks))


def _told(problem: UnsupportedField, plan: Plan) -> Exception:
    return model_not_found(plan.prompt.model) if problem.quirk == "profile" else problem
