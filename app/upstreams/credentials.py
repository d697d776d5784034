"""Credentials that expire: refreshed in a thread ahead of their expiry, one refresh at a time, for all services.

botocore refreshes whenever a request is signed within 15 minutes of the expiry. With a slow credential endpoint that would stop
the event loop, on which requests to the table are signed (1.5 to 36 s, measured 2026-11).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from app.upstreams.sigv4 import Credentials

log = logging.getLogger(__name__)

AHEAD_SECONDS = 15 * 60
"""botocore's own advisory time before the expiry (botocore 1.44): earlier, it would not refresh."""
USABLE_SECONDS = 5
"""Time before the expiry in which credentials are not used any more: a request takes a moment to be checked."""
RETRY_SECONDS = 10.0


class RefreshedCredentials:
    """`source` is what botocore's chain found. A call returns credentials fit for one request.

    A call blocks when there are no usable credentials: at the first call, and after refreshes have failed until the expiry.
    `is_ready` tells when it does not.
    """

    def __init__(self, source: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._expires = hasattr(source, "refresh_needed")
        self._clock = clock
        self._current: Credentials | None = None
        self._refreshing = threading.Lock()
        self._retry_at = float("-inf")

    def __call__(self) -> Credentials:
        current = self._current
        if current is None or self._is_expired():
            return self._load()
        if self._expires and self._source.refresh_needed(AHEAD_SECONDS):
            self._refresh()
        return current

    def is_ready(self) -> bool:
        return self._current is not None and not self._is_expired()

    def _is_expired(self) -> bool:
        return self._expires and bool(self._source.refresh_needed(USABLE_SECONDS))

    def _load(self) -> Credentials:
        loaded: Credentials = self._source.get_frozen_credentials()
        self._current = loaded
        return loaded

    def _refresh(self) -> None:
        """Starts a thread, unless one runs or has just failed."""
        if self._clock() < self._retry_at or not self._refreshing.acquire(blocking=False):
            return

        def work() -> None:
            try:
                self._load()
            except Exception as problem:  # noqa: BLE001  botocore's many; the old ones are still valid
                log.warning("AWS credentials can't be refreshed: %s", type(problem).__name__)
            finally:
                self._retry_at = self._clock() + RETRY_SECONDS
                self._refreshing.release()

        threading.Thread(target=work, name="credentials", daemon=True).start()
