"""The chain behind an alias: before the first byte, what fails at one target is tried at the next.

    throttled, unavailable, broken        the next, after a short jittered wait
    model unknown or not granted          the next at once
    prompt too long                       the next that is larger: by its context window, or because the chain says so
    anything else                         told to the client: it would fail everywhere, or was paid for already

A request whose name is no alias passes by without a step.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from app.core.access import Access
from app.core.events import Batch
from app.core.plan import Plan, Receipt, Target
from app.core.ports import Call, ChatUpstream, Embedder, EmbeddingRequest, Embeddings, Planner
from app.errors import GatewayError, NotFound, PermissionDenied, QuotaExceeded, RateLimited, UpstreamFailure
from app.stages.breaker import Breaker, Key, key_of

if TYPE_CHECKING:
    from app.core.route import Hop

FIRST_WAIT = 0.2
LONGEST_WAIT = 1.0
PATIENCE = 30.0
"""Seconds: after the first there are no more moves, so that an answer still fits into an HTTP request."""
SPARE = 1.0
"""Seconds before the deadline at which a move is not worth it any more."""

_PASSING = frozenset(
    {
        "service_unavailable",
        "internal_error",
        "upstream_unreachable",
        "upstream_disconnected",
        "bad_gateway",
        "model_not_ready",
        "model_error",
        "model_stream_error",
        "dependency_failed",
    }
)
"""Not among them: the gateway's own credentials, which are the same everywhere, and an answer that did not come in time,
which may have been paid for."""
_UNUSABLE = frozenset({"model_not_found", "access_denied", "data_retention"})
OVERFLOW = "context_length_exceeded"

Sleep = Callable[[float], Awaitable[None]]


def is_passing(problem: GatewayError) -> bool:
    """Whether another target may do better, this one too in a while."""
    if isinstance(problem, RateLimited | QuotaExceeded):
        return True
    return isinstance(problem, UpstreamFailure) and problem.code in _PASSING


def is_unusable(problem: GatewayError) -> bool:
    """Whether the model can't be called by this account at all."""
    return isinstance(problem, NotFound | PermissionDenied) and problem.code in _UNUSABLE


class Walk:
    """One request's way along a chain: what was tried, how long it has taken, what the next target must be like."""

    def __init__(self, call: Call, breaker: Breaker, sleep: Sleep, clock: Callable[[], float]) -> None:
        self._call = call
        self._breaker = breaker
        self._sleep = sleep
        self._clock = clock
        self._began = clock()
        self._moves = 0
        self._tried: set[Key] = set()
        self._window: int | None = None
        self._overflowed = False

    def tries(self, target: Target) -> None:
        self._tried.add(key_of(target))

    def fits(self, target: Target, hop: Hop) -> bool:
        """Whether the target is worth a call now: not tried yet, not known to fail, large enough."""
        return (
            key_of(target) not in self._tried and self._is_larger(target, hop) and self._breaker.admits(key_of(target))
        )

    def ends_well(self, target: Target) -> None:
        self._breaker.succeeded(key_of(target))

    async def goes_on(self, target: Target, problem: GatewayError, *, blameless: bool) -> bool:
        """Note a failure, and wait a little where that is right. False where the chain ends here.

        `blameless`: the request holds something of its client's that may be what was refused, so the target is not
        held to account for it.
        """
        if problem.code == OVERFLOW:
            self._overflowed = True
            self._window = max(self._window or 0, target.traits.context_window or 0) or None
        elif is_passing(problem):
            self._breaker.failed(key_of(target))
        elif is_unusable(problem):
            if not blameless:
                self._breaker.failed(key_of(target), unusable=True)
        else:
            return False
        wait = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**self._moves)) if is_passing(problem) else 0.0
        now, deadline = self._clock(), self._call.deadline
        if now - self._began > PATIENCE or (deadline is not None and now + wait + SPARE > deadline):
            return False
        self._moves += 1
        if wait:
            await self._sleep(wait)
        return True

    def _is_larger(self, target: Target, hop: Hop) -> bool:
        if not self._overflowed or hop.larger:
            return True
        return self._window is not None and (target.traits.context_window or 0) > self._window


class Fallback:
    """Implements ChatUpstream around another one."""

    def __init__(
        self,
        inner: ChatUpstream,
        planner: Planner,
        breaker: Breaker,
        *,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._planner = planner
        self._breaker = breaker
        self._sleep = sleep
        self._clock = clock

    def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        return self._along(plan, call) if plan.route else self._inner.run(plan, call)

    async def _along(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        walk = Walk(call, self._breaker, self._sleep, self._clock)
        if not walk.fits(plan.target, plan.route[0]):
            plan = await self._next(walk, plan, call) or plan  # all are known to fail: then the first, as it was meant
        while True:
            walk.tries(plan.target)
            begun = False
            try:
                async with aclosing(self._inner.run(plan, call)) as batches:
                    async for batch in batches:
                        if not begun:
                            walk.ends_well(plan.target)
                        begun = True
                        yield batch
                return
            except GatewayError as problem:
                blameless = plan.prompt.guardrail is not None or bool(plan.prompt.extra_fields)
                if begun or not await walk.goes_on(plan.target, problem, blameless=blameless):
                    raise
                following = await self._next(walk, plan, call)
                if following is None:
                    raise
                plan = following
            call.receipt.retries += 1

    async def _next(self, walk: Walk, plan: Plan, call: Call) -> Plan | None:
        """The plan for the next target that fits, None where there is none. The receipt is that plan's, or as it was."""
        receipt, route = call.receipt, plan.route[1:]
        before = replace(receipt, ignored=dict(receipt.ignored), repairs=receipt.repairs.copy())
        traffic = call.traffic
        while route:
            receipt.ignored.clear()
            receipt.repairs.clear()
            try:
                made = await self._planner.plan(plan.prompt, call, stream=plan.stream, route=route)
            except (NotFound, PermissionDenied):
                break  # none of the rest
            except GatewayError:
                route = route[1:]  # what was asked can't be had from this one
                continue
            if walk.fits(made.target, made.route[0]):
                return made
            route = made.route[1:]
        _restore(receipt, before)
        call.traffic = traffic
        return None


def _restore(receipt: Receipt, before: Receipt) -> None:
    receipt.model, receipt.target, receipt.route = before.model, before.target, before.route
    receipt.max_tokens = before.max_tokens
    receipt.ignored.clear()
    receipt.ignored.update(before.ignored)
    receipt.repairs.clear()
    receipt.repairs.update(before.repairs)


class Chooser(Protocol):
    """Follows aliases and keeps to what keys may call: see `plan.selection.Selection`."""

    def concerns(self, name: str, access: Access) -> bool: ...

    def alias_of(self, name: str, *, embedding: bool = False) -> str: ...

    async def choose(
        self, name: str, access: Access, *, route: tuple[Hop, ...] = (), embedding: bool = False
    ) -> tuple[Target, tuple[Hop, ...]]: ...


class FallbackEmbedder:
    """Implements Embedder around another one: aliases, their chains, and the rules of the key.

    A chain is followed to the same model only, in another region or by another profile: vectors of two models have
    nothing to do with each other, and a store in which both ended up is spoilt without anybody's noticing.
    """

    def __init__(
        self,
        inner: Embedder,
        chooser: Chooser,
        breaker: Breaker,
        *,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._chooser = chooser
        self._breaker = breaker
        self._sleep = sleep
        self._clock = clock

    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        access = call.caller.access
        if not self._chooser.concerns(request.model, access):
            return await self._inner.embed(request, call)
        target, route = await self._chooser.choose(request.model, access, embedding=True)
        if not route:
            return await self._inner.embed(replace(request, target=target), call)
        call.receipt.route = self._chooser.alias_of(request.model, embedding=True)
        walk = Walk(call, self._breaker, self._sleep, self._clock)
        if not walk.fits(target, route[0]):
            target, route = await self._next(walk, request, access, route, target.base_id) or (target, route)
        while True:
            walk.tries(target)
            try:
                embeddings = await self._inner.embed(replace(request, target=target), call)
            except GatewayError as problem:
                if not await walk.goes_on(target, problem, blameless=bool(request.extra)):
                    raise
                following = await self._next(walk, request, access, route, target.base_id)
                if following is None:
                    raise
                target, route = following
                call.receipt.retries += 1
                call.receipt.ignored.clear()
            else:
                walk.ends_well(target)
                return embeddings

    async def _next(
        self, walk: Walk, request: EmbeddingRequest, access: Access, route: tuple[Hop, ...], base_id: str
    ) -> tuple[Target, tuple[Hop, ...]] | None:
        rest = route[1:]
        while rest:
            try:
                target, rest = await self._chooser.choose(request.model, access, route=rest, embedding=True)
            except (NotFound, PermissionDenied):
                return None
            if target.base_id == base_id and walk.fits(target, rest[0]):
                return target, rest
            rest = rest[1:]
        return None
