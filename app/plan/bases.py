"""Which foundation model is behind an ARN that does not say so: asked once, remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from app.core.ports import ModelSource
from app.errors import GatewayError

RETRY_SECONDS = 60.0
LIMIT = 1000
"""ARNs remembered: a client may send any number of them, and this memory must not grow with that."""

T = TypeVar("T")


class Run(Protocol):
    """Carries a blocking call out in a worker thread, e.g. `anyio.to_thread.run_sync`."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class Bases:
    """Memory over `ModelSource.base_of`. What is behind an ARN never changes, so an answer is kept for good; that
    there was none is kept for a minute. Requests for the same ARN share one call: a burst at start would be throttled.
    """

    def __init__(self, source: ModelSource, run: Run, clock: Callable[[], float]) -> None:
        self._source = source
        self._run = run
        self._clock = clock
        self._known: dict[str, str] = {}
        self._unknown_until: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def get(self, arn: str) -> str | None:
        """The model's id (it may have a geography prefix), None where it can't be told."""
        if arn not in self._known and self._clock() >= self._unknown_until.get(arn, 0.0):
            if arn not in self._asking:
                self._asking[arn] = asyncio.create_task(self._ask(arn))
            # Shielded: a client that goes away must not take the answer from those who wait for the same one.
            await asyncio.shield(self._asking[arn])
        return self._known.get(arn)

    async def _ask(self, arn: str) -> None:
        try:
            base = await self._run(lambda: self._source.base_of(arn))
        except GatewayError:
            base = None
        finally:
            del self._asking[arn]
        if base:
            self._unknown_until.pop(arn, None)
            _keep(self._known, arn, base)
        else:
            _keep(self._unknown_until, arn, self._clock() + RETRY_SECONDS)


def _keep(memory: dict[str, T], key: str, value: T) -> None:
    """Remember, forgetting the oldest beyond the limit."""
    memory[key] = value
    if len(memory) > LIMIT:
        del memory[next(iter(memory))]
