"""Which targets have failed lately, so that a chain need not learn it anew with every request. In memory, bounded.

    closed       calls go through; THRESHOLD failures within WINDOW open it (two, where the account may not call the model)
    open         a chain passes the target over
    half open    when its time is up one request tries; the others pass it over until that one is back, or OPEN later

Wall-clock time: on Lambda the monotonic clock may stand still while the process is frozen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from app.core.plan import Target

THRESHOLD = 5
WINDOW = 30.0
OPEN = 20.0
"""Seconds."""
THRESHOLD_UNUSABLE = 2
OPEN_UNUSABLE = 300.0
"""Seconds: for a model that does not exist or that the account was not granted. That changes by somebody's doing."""
LIMIT = 500
"""Targets remembered: chains are short, but Bedrock's ids come from outside."""

Key = tuple[str, str]
T = TypeVar("T")


def key_of(target: Target) -> Key:
    return target.model_id, target.region


class Breaker:
    """One for the whole process. `clock`: epoch seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._failures: dict[Key, list[float]] = {}
        self._open: dict[Key, float] = {}

    def admits(self, key: Key) -> bool:
        """Whether to call the target. Asked once before a call: of an open one whose time is up it is the one trial."""
        until = self._open.get(key)
        if until is None:
            return True
        now = self._clock()
        # A clock that was set back must not keep anything open for ever.
        if now < until <= now + OPEN_UNUSABLE:
            return False
        self._open[key] = now + OPEN
        return True

    def succeeded(self, key: Key) -> None:
        self._failures.pop(key, None)
        self._open.pop(key, None)

    def failed(self, key: Key, *, unusable: bool = False) -> None:
        """`unusable`: it was not a bad moment; the model can't be called at all."""
        now = self._clock()
        recent = [at for at in self._failures.pop(key, ()) if 0 <= now - at < WINDOW]
        _keep(self._failures, key, [*recent, now][-THRESHOLD:])
        if key in self._open or len(recent) + 1 >= (THRESHOLD_UNUSABLE if unusable else THRESHOLD):
            _keep(self._open, key, now + (OPEN_UNUSABLE if unusable else OPEN))


def _keep(memory: dict[Key, T], key: Key, value: T) -> None:
    memory[key] = value
    if len(memory) > LIMIT:
        del memory[next(iter(memory))]
