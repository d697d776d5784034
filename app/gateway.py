"""The pipeline: prepare -> plan -> admission -> stages -> upstream -> books, one async generator of `(choice, batch)`.

It knows only protocols. Whatever happens to the generator (it ends, it raises, it is closed because the client left), the
books get exactly one record.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

from app.core.books import Accounting, Demand, Ending, Outcome, Settlement, UsageRecord
from app.core.deadline import for_books, in_time, items_in_time
from app.core.events import (
    Batch,
    Finished,
    Fold,
    Metered,
    ReasoningDelta,
    Reply,
    Started,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from app.core.lasting import lasting
from app.core.plan import Plan, Target
from app.core.ports import Call, ChatUpstream, Planner, Preparer, TokenCount, TokenCounter
from app.core.prompt import Prompt
from app.errors import GatewayError, shutting_down

Choice = tuple[int, Batch]
Produce = Callable[[], AsyncGenerator[Choice, None]]


class Part:
    """What one choice has come to so far. `usage` is None until it is told; `target` the model that answers, once it does."""

    __slots__ = ("letters", "target", "tier", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.tier = ""
        self.target: Target | None = None
        self.letters = 0


class Tally:
    """What a request has come to so far. `parts` by choice; `admitted`: from then on a model may have been asked."""

    def __init__(self, clock: Callable[[], float], settlement: Settlement) -> None:
        self._clock = clock
        self.parts: dict[int, Part] = {}
        self.settlement = settlement
        self.admitted = False
        self.plans: Sequence[Plan] = ()
        self.finish: Finished | None = None
        self.malformed_calls = 0
        self.first: float | None = None
        self.upstream_ids: list[str] = []

    def note(self, choice: int, batch: Batch) -> None:
        if self.first is None:
            self.first = self._clock()
        part = self.parts.get(choice)
        if part is None:
            part = self.parts[choice] = Part()
        for event in batch:
            kind = type(event)
            if kind is TextDelta or kind is ReasoningDelta:
                part.letters += len(event.text)  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                part.letters += len(event.arguments)  # type: ignore[union-attr]
            elif kind is Metered:
                part.usage = event.usage if event.known else None  # type: ignore[union-attr]
                part.tier = event.tier or part.tier  # type: ignore[union-attr]
            elif kind is Finished:
                self.finish = event  # type: ignore[assignment]
                self.malformed_calls += event.malformed_calls  # type: ignore[union-attr]
            elif kind is Started:
                part.target = event.target  # type: ignore[union-attr]
                self.upstream_ids.append(event.upstream_id)  # type: ignore[union-attr]


class Books(Protocol):
    """What a request will take, and what it came to: `stages.bookkeeping.Bookkeeper`."""

    @property
    def accounting(self) -> Accounting: ...

    async def demand(self, call: Call, plans: Sequence[Plan], n: int) -> Demand: ...

    def record(self, call: Call, tally: Tally, ending: Ending) -> UsageRecord: ...

    def likely_tokens(self, plan: Plan) -> int: ...


class Cache(Protocol):
    """Answers that were given before: `stages.cache.ResponseCache`."""

    def wrap(self, call: Call, plans: Sequence[Plan], n: int, produce: Produce) -> AsyncGenerator[Choice, None]: ...


class Gateway:
    """Runs prompts. `upstream` is the whole stack of stages with an upstream at its bottom; `counter` makes, when first
    needed, what counts tokens."""

    def __init__(
        self,
        planner: Planner,
        upstream: ChatUpstream,
        books: Books,
        preparers: Sequence[Preparer] = (),
        cache: Cache | None = None,
        clock: Callable[[], float] = time.time,
        counter: Callable[[], TokenCounter] | None = None,
    ) -> None:
        self._planner = planner
        self._upstream = upstream
        self._books = books
        self._preparers = preparers
        self._cache = cache
        self._clock = clock
        self._counter = counter

    async def run(
        self, prompt: Prompt, call: Call, *, stream: bool, n: int = 1, others: Sequence[Prompt] = ()
    ) -> AsyncGenerator[Choice, None]:
        """The events of `n` answers, and of `n` to each of the `others`, numbered through in that order.

        Raises GatewayError; before the first item nothing has been promised to anyone.
        """
        tally = Tally(self._clock, self._books.accounting)
        call.metadata, call.user = prompt.metadata, prompt.user
        async with self._recorded(call, tally, stream=stream, choices=n * (1 + len(others))):
            answers = self._answers((prompt, *others), call, tally, stream, n)
            async with aclosing(items_in_time(answers, call.deadline)) as items:
                async for choice, batch in items:
                    tally.note(choice, batch)
                    yield choice, batch

    async def complete(self, prompt: Prompt, call: Call, *, n: int = 1, others: Sequence[Prompt] = ()) -> list[Reply]:
        """The same answers, whole."""
        folds = [Fold() for _ in range(n * (1 + len(others)))]
        async with aclosing(self.run(prompt, call, stream=False, n=n, others=others)) as choices:
            async for choice, batch in choices:
                folds[choice].extend(batch)
        return [fold.reply() for fold in folds]

    async def check(self, call: Call) -> None:
        """Refuse a call before anything is looked up for it, where that is certain already. On the books like any other."""
        refusal = self._books.accounting.foresee(call)
        if refusal is not None:
            async with self._recorded(call, Tally(self._clock, self._books.accounting)):
                raise refusal

    async def count(self, prompt: Prompt, call: Call) -> TokenCount:
        """How many tokens the prompt has. On the books as a request that used nothing; no limit holds it up."""
        assert self._counter is not None
        async with self._recorded(call, Tally(self._clock, self._books.accounting)):
            await self._planner.check(prompt, call)
            plan = await self._planner.plan(await self._prepared(prompt, call), call, stream=False)
            return await in_time(self._counter().count(plan, call), call.deadline)

    @asynccontextmanager
    async def _recorded(
        self, call: Call, tally: Tally, *, stream: bool = False, choices: int = 1
    ) -> AsyncGenerator[None, None]:
        """Settles and records a request exactly once when its block ends: by success, error, disconnect or shutdown.

        The request waits for this as long as its deadline allows; after that, the record is written in the background.
        """
        problem: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            problem = raised
            raise
        finally:
            ending = Ending(*_outcome(call, problem), self._clock(), stream, choices)
            await lasting(tally.settlement.settle(self._books.record(call, tally, ending)), for_books(call.deadline))

    async def _answers(
        self, prompts: Sequence[Prompt], call: Call, tally: Tally, stream: bool, n: int
    ) -> AsyncGenerator[Choice, None]:
        if refusal := self._books.accounting.foresee(call):
            raise refusal
        for each in prompts:
            await self._planner.check(each, call)
        prepared = [await self._prepared(each, call) for each in prompts]
        before = call.receipt.repairs.copy(), dict(call.receipt.ignored)
        plans = tally.plans = [await self._planner.plan(each, call, stream=stream) for each in prepared]
        tally.settlement = await self._books.accounting.admit(call, lambda: self._books.demand(call, plans, n))
        if call.output_limit is not None:
            tally.plans = await self._limited(plans, call, call.output_limit, *before)
        tally.admitted = True
        call.prompt_estimate = lambda: self._books.likely_tokens(plans[0])

        def produce() -> AsyncGenerator[Choice, None]:
            return self._produced(tally.plans, call, n)

        answers = self._cache.wrap(call, plans, n, produce) if self._cache is not None else produce()
        async with aclosing(answers) as items:
            async for item in items:
                yield item

    async def _produced(self, plans: Sequence[Plan], call: Call, n: int) -> AsyncGenerator[Choice, None]:
        sources = [self._upstream.run(plan, call) for plan in plans for _ in range(n)]
        if len(sources) == 1:
            async with aclosing(sources[0]) as batches:
                async for batch in batches:
                    yield 0, batch
            return
        async with aclosing(_merged(sources)) as items:
            async for item in items:
                yield item

    async def _prepared(self, prompt: Prompt, call: Call) -> Prompt:
        for preparer in self._preparers:
            prompt = await preparer.prepare(prompt, call)
        return prompt

    async def _limited(
        self, plans: Sequence[Plan], call: Call, limit: int, repairs: Counter[str], ignored: dict[str, None]
    ) -> Sequence[Plan]:
        """The plans under the output limit that a hard budget has reserved. `repairs` and `ignored`: as they were before
        anything was planned."""
        limits = [plan.max_tokens for plan in plans if plan.max_tokens is not None and plan.max_tokens <= limit]
        if len(limits) == len(plans):  # the client's own limit, or the key's
            call.receipt.max_tokens = limits[-1]
            return plans
        call.receipt.repairs, call.receipt.ignored = repairs, ignored
        return [await self._planner.plan(each.prompt, call, stream=each.stream, route=each.route) for each in plans]


def _outcome(call: Call, problem: BaseException | None) -> tuple[Outcome, GatewayError | None]:
    """The outcome of a request that ended with this exception, and the error that its record names."""
    match problem:
        case None:
            return "disconnected" if call.gone else "ok", None
        case GatewayError():
            return "error", problem
        case Exception():
            return "error", None
        case asyncio.CancelledError() | GeneratorExit() if _is_shutdown(call, problem):
            return "error", shutting_down()
        case _:
            return "disconnected", None


def _is_shutdown(call: Call, end: BaseException) -> bool:
    """Whether the server has cancelled the request: no client that left did, and what only closed the generator says so."""
    return not call.gone and (call.stopping or isinstance(end, asyncio.CancelledError))


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
