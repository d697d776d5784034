"""How many tokens a prompt has: Bedrock's word where the model has it counted, else an estimate, marked as one."""

from __future__ import annotations

import logging
from typing import Protocol

from app.core.plan import Plan
from app.core.ports import Call, TokenCount
from app.errors import GatewayError
from app.stages.estimate import media_tokens, prompt_tokens

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
        return TokenCount(estimated(plan), estimated=True)


def estimated(plan: Plan) -> int:
    """A likely number, for a client that decides by it when to compact its history: three and a half bytes of text a token,
    where admission reckons with two."""
    media = media_tokens(plan)
    return media + max(1, (prompt_tokens(plan) - media) * 4 // 7)
