"""How responses are kept, as `main` tells the routes. Light: it is loaded by every start."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.ports import Caller
from app.core.request_limits import USUAL_LIMITS, RequestLimits
from app.core.responses import Store

MAX_CONCURRENT = 100
"""Background responses that one process makes at once."""
REPORT_SECONDS = 1.0
"""Seconds between two reports of a background worker to the store."""

Invoke = Callable[[bytes], Awaitable[None]]
"""Has another invocation of this function handle an event. Raises UpstreamFailure."""
CallerOf = Callable[[str], Awaitable[Caller | None]]
"""The caller whose key has this id; raises as `Keys.authenticate` does."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How responses are kept, as `main` knows it. `store`: None keeps none.

    `elsewhere`: whether a process does nothing between its requests, so that background work needs `invoke` and `caller_of`.
    `clock` returns epoch seconds. `limits` hold for the requests themselves.
    """

    store: Callable[[], Store] | None = None
    elsewhere: bool = False
    invoke: Invoke | None = None
    caller_of: CallerOf | None = None
    max_concurrent: int = MAX_CONCURRENT
    report_seconds: float = REPORT_SECONDS
    clock: Callable[[], float] = time.time
    limits: RequestLimits = USUAL_LIMITS
