"""A model refuses a field: learn it, plan again without, try once more. Only before the first byte.

What models take changes faster than any table, so AWS's own 400 is believed: the field it names is left out, the model is
remembered, and the request succeeds instead of teaching each client separately.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from app.core.events import Batch
from app.core.plan import Plan
from app.core.ports import Call, ChatUpstream, Planner
from app.errors import UnsupportedField, model_not_found

log = logging.getLogger(__name__)

MAX_MENDINGS = 3
"""A request may offend in more than one way, and AWS names them one at a time."""


class Heal:
    """Implements ChatUpstream around another one."""

    def __init__(self, inner: ChatUpstream, planner: Planner) -> None:
        self._inner = inner
        self._planner = planner

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        quirks: frozenset[str] = frozenset()
        for attempt in range(MAX_MENDINGS + 1):
            begun = False
            try:
                async with aclosing(self._inner.run(plan, call)) as batches:
                    async for batch in batches:
                        begun = True
                        yield batch
                return
            except UnsupportedField as problem:
                if begun or attempt == MAX_MENDINGS or problem.quirk in quirks:
                    raise _told(problem, plan) from problem
                known = not await self._planner.learn(plan.target, problem.quirk)
                if known and problem.quirk == "profile":
                    raise _told(problem, plan) from problem
                quirks |= {problem.quirk}
                log.info("model %s refused %s; trying once without", plan.target.base_id, problem.quirk)
            call.receipt.retries += 1
            call.receipt.repairs.clear()
            call.receipt.repairs[f"unsupported-{problem_name(quirks)}"] += 1
            plan = await self._planner.plan(plan.prompt, call, stream=plan.stream, quirks=quirks)


def problem_name(quirks: frozenset[str]) -> str:
    """The quirks of a request as one word for the receipt."""
    return "-".join(sorted(quirk.partition(":")[0].replace("_", "-") for quirk in quirks))


def _told(problem: UnsupportedField, plan: Plan) -> Exception:
    return model_not_found(plan.prompt.model) if problem.quirk == "profile" else problem
