"""Environments on demand: one request at a time each, at most as many as the concurrency allows, ended at random ages."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

from local.function_url.environment import Environment
from local.function_url.ground import Ground
from local.function_url.invocation import Invocation

FINISHING = 0.05
"""Seconds. The network between Lambda and a client gives an environment that time to ask for its next event."""


class Throttled(Exception):
    """As many invocations as allowed are under way."""


class Pool:
    """`all` are the environments that ever were, oldest first."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._settings = ground.settings
        self._random = Random(ground.settings.seed)
        self._freed = asyncio.Event()
        self._starts = asyncio.Semaphore(ground.settings.starts)
        self._live: set[Environment] = set()
        self._idle: list[Environment] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[Environment, asyncio.TimerHandle] = {}
        self._overdue: set[Environment] = set()
        self._closing = False
        self.all: list[Environment] = []

    async def acquire(self) -> Environment:
        """The environment that was used last, or a new one, started. Raises Throttled."""
        while True:
            while self._idle:
                environment = self._idle.pop()
                if environment.ready:
                    return environment
                self._task(self._end(environment))
            if not any(environment.finishing for environment in self._live):
                return await self._new()
            self._freed.clear()
            try:
                await asyncio.wait_for(self._freed.wait(), FINISHING)
            except TimeoutError:
                return await self._new()

    def run(self, environment: Environment, invocation: Invocation) -> asyncio.Task[None]:
        """Have the invocation run to its end, whatever becomes of the client."""
        return self._task(self._run(environment, invocation))

    async def warm(self, count: int) -> None:
        """Have `count` environments started and idle; those that are there already count."""
        missing = count - len(self._idle)
        for environment in await asyncio.gather(*(self._new() for _ in range(missing))):
            self._release(environment)

    async def end(self) -> None:
        """End all environments that are there, those with a request under way as well; new ones may be started."""
        await asyncio.gather(*(self._end(environment) for environment in list(self._live)))

    async def close(self) -> None:
        """End all of them, and start no others."""
        self._closing = True
        await self.end()
        await asyncio.gather(*self._tasks)

    async def _new(self) -> Environment:
        if self._closing or len(self._live) >= self._settings.concurrency:
            raise Throttled
        environment = Environment(len(self.all) + 1, self._ground)
        self.all.append(environment)
        self._live.add(environment)
        try:
            async with self._starts:
                await environment.boot()
        except OSError as problem:
            # This machine could not (too many open files, say): its place is free again, and nothing of it stays.
            self._ground.log.write(environment.number, f"the environment could not be started: {problem}")
            await self._end(environment)
            raise
        if self._settings.ages is not None:
            age = self._random.uniform(*self._settings.ages)
            self._timers[environment] = asyncio.get_running_loop().call_later(age, self._expire, environment)
        return environment

    async def _run(self, environment: Environment, invocation: Invocation) -> None:
        await environment.invoke(invocation)
        self._release(environment)

    def _release(self, environment: Environment) -> None:
        if not environment.ready or environment in self._overdue:
            self._task(self._end(environment))
        else:
            self._idle.append(environment)
        self._freed.set()

    def _expire(self, environment: Environment) -> None:
        """Its age is reached: end it now, or when its request is over. Lambda interrupts no request for that."""
        if environment in self._idle:
            self._remove(environment)  # at once: a request that comes before the task runs would be given it
            self._task(environment.end())
        else:
            self._overdue.add(environment)

    async def _end(self, environment: Environment) -> None:
        self._remove(environment)
        await environment.end()

    def _remove(self, environment: Environment) -> None:
        self._live.discard(environment)
        self._overdue.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)
        timer = self._timers.pop(environment, None)
        if timer is not None:
            timer.cancel()

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
