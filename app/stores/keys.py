"""The single key that a deployment is configured with, kept as a digest and renewed hourly.

    age < 1 h                 the kept digest
    older                     one refresh for all who wait; a slow or failed one leaves the old digest in use
    never had, and failing    503 for every request, with a new attempt at most every few seconds

What is kept, compared and passed on is a SHA-256; the key itself is let go of once it was read.

Ages are wall-clock time: on Lambda the process is frozen between requests and its monotonic clock may stand still.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import math
import time
from collections.abc import Callable
from typing import Final

from app.core.ports import Caller
from app.errors import Unauthenticated, UpstreamFailure
from app.stores.secrets import Source, Unavailable

log = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 3600.0
_PAUSE_WITHOUT_KEY: Final = 5.0
_PAUSE_WITH_KEY: Final = 60.0


class NoKey:
    """The Keys port before there is any key: nobody comes in, and whoever tries is told how to make the first one."""

    async def authenticate(self, presented: str) -> Caller | None:
        raise Unauthenticated(
            "This gateway has no API key yet, so it answers nobody. Its operator makes one with "
            "`python3 -m local.key_hash --new` and deploys again with the parameter ApiKeyHash (see docs/deploy.md).",
            code="no_api_key",
        )


class HashedKey:
    """The Keys port for one key of which only the SHA-256 is known. `digest`: 64 hexadecimal digits."""

    def __init__(self, digest: str, *, key_id: str = "default") -> None:
        self._digest = bytes.fromhex(digest)
        self._caller = Caller(key_id)

    async def authenticate(self, presented: str) -> Caller | None:
        return self._caller if presented.strip() and hmac.compare_digest(_digest(presented), self._digest) else None


class SingleKey:
    """The Keys port for one key.

    `source` reads the key (see `secrets.key_source`). A request waits `patience` seconds for a first read at most, and
    `refresh_patience` for a refresh; reads go on beyond that, for those who come later.
    """

    def __init__(
        self,
        source: Source,
        *,
        key_id: str = "default",
        clock: Callable[[], float] = time.time,
        patience: float = 10.0,
        refresh_patience: float = 2.0,
    ) -> None:
        self._source = source
        self._caller = Caller(key_id)
        self._clock = clock
        self._patience = patience
        self._refresh_patience = refresh_patience
        self._digest: bytes | None = None
        self._read_at = -math.inf
        self._tried_at = -math.inf
        self._reading: asyncio.Task[bytes] | None = None

    async def authenticate(self, presented: str) -> Caller | None:
        """The caller, if `presented` is the key; None otherwise. Raises UpstreamFailure 503 where it is not known.

        Digests of equal length are compared, so the time it takes tells nothing.
        """
        if not presented.strip():
            return None
        known = await self._known()
        return self._caller if hmac.compare_digest(_digest(presented), known) else None

    async def _known(self) -> bytes:
        if not self._within(self._read_at, REFRESH_SECONDS) and not self._pausing():
            await self._read()
        if self._digest is None:
            raise UpstreamFailure(
                "The gateway's API key could not be read from where it is stored, so no request can be checked. "
                "Try again shortly; the cause is in the gateway's log.",
                status=503,
                code="key_unavailable",
                retry_after=math.ceil(max(1.0, self._tried_at + _PAUSE_WITHOUT_KEY - self._clock())),
            )
        return self._digest

    def _pausing(self) -> bool:
        """Whether a failed read is too recent for another."""
        pause = _PAUSE_WITHOUT_KEY if self._digest is None else _PAUSE_WITH_KEY
        return self._reading is None and self._within(self._tried_at, pause)

    def _within(self, since: float, seconds: float) -> bool:
        # The lower bound: a clock that was set back must not prolong anything.
        return 0 <= self._clock() - since < seconds

    async def _read(self) -> None:
        """Wait for the read under way, or a new one, within patience. A waiter that is cancelled leaves it running."""
        task = self._reading
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            self._tried_at = self._clock()
            task = self._reading = asyncio.create_task(self._fetch())
            task.add_done_callback(self._settle)
        spent = self._clock() - self._tried_at
        patience = self._patience if self._digest is None else self._refresh_patience
        if (left := patience - spent) > 0:
            await asyncio.wait({task}, timeout=min(left, patience))

    async def _fetch(self) -> bytes:
        key = (await asyncio.to_thread(self._source)).strip()
        if not key:  # blank, once the newline that consoles and `echo` leave is gone
            raise Unavailable("the key is blank")
        return _digest(key)

    def _settle(self, task: asyncio.Task[bytes]) -> None:
        if self._reading is not task:
            return
        self._reading = None
        if task.cancelled():  # with the event loop it ran in; the next one may try at once
            self._tried_at = -math.inf
            return
        self._tried_at = self._clock()
        problem = task.exception()
        if problem is None:
            self._digest, self._read_at = task.result(), self._tried_at
        else:
            # Only our own text: that of another exception may hold an ARN or the key.
            reason = str(problem) if isinstance(problem, Unavailable) else type(problem).__name__
            log.error(
                "the API key can't be read (%s)%s", reason, "" if self._digest is None else "; the old one stays in use"
            )


def _digest(key: str) -> bytes:
    # Headers may hold any bytes, and so a key any characters, lone surrogates included.
    return hashlib.sha256(key.strip().encode("utf-8", "surrogatepass")).digest()
