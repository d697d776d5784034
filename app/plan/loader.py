"""The model list in memory: fetched when first needed, kept, served stale while it can't be had.

    nothing yet      the request waits for the load; those that come meanwhile wait for the same one
    fresh            no call
    aged             served at once, fetched anew behind the request's back
    load failed      the old list goes on being served; the next attempt not before a minute

Age is wall-clock time: on Lambda the monotonic clock may stand still while the process is frozen.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence

from app.core.ports import ModelEntry, ModelSource
from app.errors import GatewayError, UpstreamFailure
from app.plan.bases import RETRY_SECONDS, Run
from app.plan.listing import Listing

_log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a chat waits for the list, which it may do without. Loading goes on behind it."""


class Loader:
    """Holds the current `Listing`, in `current` (None before the first success).

    `build` makes it from what the source said; `ttl` is the age in seconds at which the list is fetched anew; `clock`
    gives epoch seconds.
    """

    def __init__(
        self,
        source: ModelSource,
        run: Run,
        *,
        build: Callable[[Sequence[ModelEntry]], Listing],
        clock: Callable[[], float],
        ttl: float,
    ) -> None:
        self._source = source
        self._run = run
        self._build = build
        self._clock = clock
        self._ttl = ttl
        self._loading: asyncio.Task[None] | None = None
        self._expires = 0.0
        self._retry_at = 0.0
        self._problem = ""
        self.current: Listing | None = None

    async def listing(self) -> Listing:
        """The list. Raises UpstreamFailure 503 `models_unavailable` where it was never had and can't be had now."""
        if self.current is None:
            await self._first_load()
        elif self._clock() >= self._expires:
            self._start()
        if self.current is None:
            wait = max(1, math.ceil(self._retry_at - self._clock()))
            raise UpstreamFailure(self._problem, status=503, code="models_unavailable", retry_after=wait)
        return self.current

    async def listing_or_none(self) -> Listing | None:
        """The list, None where it can't be had, or not soon: a chat does not wait long for what it may do without."""
        try:
            return await asyncio.wait_for(self.listing(), PATIENCE)
        except (UpstreamFailure, TimeoutError):
            return None

    async def _first_load(self) -> None:
        loading = self._start()
        if loading is not None:
            # Shielded: a client that goes away must not cancel what others wait for.
            await asyncio.shield(loading)

    def _start(self) -> asyncio.Task[None] | None:
        """The load under way, or a new one; None while the last failure is too recent."""
        if self._loading is None or self._loading.done():
            now = self._clock()
            if now < self._retry_at:
                return None
            self._retry_at = now + RETRY_SECONDS
            self._loading = asyncio.create_task(self._load())
        return self._loading

    async def _load(self) -> None:
        try:
            entries = await self._run(self._source.list)
        except GatewayError as problem:
            self._problem = problem.message
            self._retry_at = (
                self._clock() + RETRY_SECONDS
            )  # from its end: a control plane that hangs takes a while to fail
            _log.warning("the model list could not be loaded: %s", problem.message)
            return
        self.current = self._build(entries)
        self._expires = self._clock() + self._ttl
        self._retry_at = 0.0
