"""The pipeline: prepare -> plan -> stages -> upstream -> meter, one async generator of `(choice, batch)`.

It knows only protocols. Whatever happens to the generator (it ends, it raises, it is closed because the client left), the
meter gets exactly one record.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from app.core.deadline import items_in_time
from app.core.events import Batch, Finished, Fold, Metered, Reply, Started, Usage
from app.core.plan import Plan
from app.core.ports import Call, ChatUpstream, Meter, Outcome, Planner, Preparer, UsageRecord
from app.core.prompt import Prompt
from app.errors import GatewayError

Choice = tuple[int, Batch]


class Tally:
    """What a request has come to so far."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._usage: dict[int, Usage] = {}
        self.tier = ""
        self.finish: Finished | None = None
        self.first: float | None = None
        self.upstream_ids: list[str] = []

    @property
    def usage(self) -> Usage:
        """The sum over the choices; of each the last word counts."""
        return sum(self._usage.values(), Usage())

    def note(self, choice: int, batch: Batch) -> None:
        if self.first is None:
            self.first = self._clock()
        for event in batch:
            kind = type(event)
            if kind is Metered:
                self._usage[choice] = event.usage  # type: ignore[union-attr]
                self.tier = event.tier or self.tier  # type: ignore[union-attr]
            elif kind is Finished:
                self.finish = event  # type: ignore[assignment]
            elif kind is Started:
                self.upstream_ids.append(event.upstream_id)  # type: ignore[union-attr]


class Gateway:
    """Runs prompts. `upstream` is the whole stack of stages with an upstream at its bottom."""

    def __init__(
        self,
        planner: Planner,
        upstream: ChatUpstream,
        meter: Meter,
        preparers: Sequence[Preparer] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._planner = planner
        self._upstream = upstream
        self._meter = meter
        self._preparers = preparers
        self._clock = clock

    async def run(
        self, prompt: Prompt, call: Call, *, stream: bool, n: int = 1, others: Sequence[Prompt] = ()
    ) -> AsyncGenerator[Choice, None]:
        """The events of `n` answers, and of `n` to each of the `others`, numbered through in that order.

        Raises GatewayError; before the first item nothing has been promised to anyone.
        """
        tally = Tally(self._clock)
        outcome: Outcome = "disconnected"
        failure: GatewayError | None = None
        choices = n * (1 + len(others))
        try:
            answers = self._answers((prompt, *others), call, stream, n)
            async with aclosing(items_in_time(answers, call.deadline)) as items:
                async for choice, batch in items:
                    tally.note(choice, batch)
                    yield choice, batch
            outcome = "disconnected" if call.gone else "ok"
        except GatewayError as problem:
            outcome, failure = "error", problem
            raise
        except Exception:
            outcome = "error"
            raise
        finally:
            self._meter.record(self._record(call, tally, outcome, failure, stream, choices))

    async def complete(self, prompt: Prompt, call: Call, *, n: int = 1, others: Sequence[Prompt] = ()) -> list[Reply]:
        """The same answers, whole."""
        folds = [Fold() for _ in range(n * (1 + len(others)))]
        async with aclosing(self.run(prompt, call, stream=False, n=n, others=others)) as choices:
            async for choice, batch in choices:
                folds[choice].extend(batch)
        return [fold.reply() for fold in folds]

    async def _answers(
        self, prompts: Sequence[Prompt], call: Call, stream: bool, n: int
    ) -> AsyncGenerator[Choice, None]:
        plans = [await self._planned(each, call, stream) for each in prompts]
        sources = [self._upstream.run(plan, call) for plan in plans for _ in range(n)]
        if len(sources) == 1:
            async with aclosing(sources[0]) as batches:
                async for batch in batches:
                    yield 0, batch
            return
        async with aclosing(_merged(sources)) as items:
            async for item in items:
                yield item

    async def _planned(self, prompt: Prompt, call: Call, stream: bool) -> Plan:
        for preparer in self._preparers:
            prompt = await preparer.prepare(prompt, call)
        return await self._planner.plan(prompt, call, stream=stream)

    def _record(
        self, call: Call, tally: Tally, outcome: Outcome, failure: GatewayError | None, stream: bool, n: int
    ) -> UsageRecord:
        now = self._clock()
        status = 200 if outcome != "error" or tally.first is not None else failure.status if failure else 500
        return UsageRecord(
            call=call,
            outcome=outcome,
            status=status,
            error_code=(failure.code or failure.type) if failure else None,
            usage=tally.usage,
            tier=tally.tier,
            finish=tally.finish,
            streamed=stream,
            choices=n,
            first_token_ms=None if tally.first is None else round((tally.first - call.started) * 1000),
            total_ms=round((now - call.started) * 1000),
            upstream_ids=tuple(tally.upstream_ids),
        )


async def _merged(sources: Sequence[AsyncGenerator[Batch, None]]) -> AsyncGenerator[Choice, None]:
    """Several streams as one, each item with the number of its stream. The first failure ends them all."""
    queue: asyncio.Queue[tuple[int, Batch | Exception | None]] = asyncio.Queue(maxsize=64)

    async def drain(number: int, source: AsyncGenerator[Batch, None]) -> None:
        ending: Exception | None = None
        try:
            async with aclosing(source):
                async for batch in source:
                    await queue.put((number, batch))
        except Exception as problem:  # noqa: BLE001  raised again by the one who reads the queue
            ending = problem
        await queue.put((number, ending))

    tasks = [asyncio.create_task(drain(number, source)) for number, source in enumerate(sources)]
    try:
        left = len(tasks)
        while left:
            number, item = await queue.get()
            if item is None:
                left -= 1
            elif isinstance(item, Exception):
                raise item
            else:
                yield number, item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
