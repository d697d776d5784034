"""One quick second try where the first never got anywhere. Before the first byte only, never after a read timeout.

Everything slower is left to the client: SDKs back off by themselves on 429 and 5xx, and know what the answer is worth.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from app.core.events import Batch
from app.core.plan import Plan
from app.core.ports import Call, ChatUpstream
from app.errors import UpstreamFailure

LONGEST_WAIT = 0.25
"""Seconds."""


class Retry:
    """Implements ChatUpstream around another one."""

    def __init__(self, inner: ChatUpstream, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._inner = inner
        self._sleep = sleep

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        tried = False
        while True:
            begun = False
            try:
                async with aclosing(self._inner.run(plan, call)) as batches:
                    async for batch in batches:
                        begun = True
                        yield batch
                return
            except UpstreamFailure as problem:
                if begun or tried or not problem.passing:
                    raise
            tried = True
            call.receipt.retries += 1
            await self._sleep(random.uniform(0, LONGEST_WAIT))
