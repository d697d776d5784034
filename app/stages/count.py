"""How many tokens a prompt has: Bedrock's word where the model has it counted, else an estimate, marked as one."""

from __future__ import annotations

import logging
from typing import Protocol

from app.core.plan import Plan
from app.core.ports import Call, TokenCount
from app.errors import GatewayError
from app.stages.estimate import likely_tokens

log = logging.getLogger(__name__)


class Asked(Protocol):
    """Bedrock: `upstreams.counting.ConverseCounter`."""

    async def count(self, plan: Plan, call: Call) -> int:
        """Raises GatewayError."""
        ...


class Counter:
    """Implements TokenCounter."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    async def count(self, plan: Plan, call: Call) -> TokenCount:
        if plan.target.traits.counts_tokens:
            try:
                return TokenCount(await self._asked.count(plan, call), estimated=False)
            except GatewayError as problem:
                log.info("tokens for %s are estimated: %s", plan.target.base_id, problem.code or problem.type)
        return TokenCount(likely_tokens(plan), estimated=True)
