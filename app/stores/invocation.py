"""Has Lambda invoke this very function again, behind the back of whoever waits: `Invoke` with InvocationType `Event`.

Lambda's REST API is spoken directly, as the table's is: a boto3 client would take 110 ms of a cold start to import. 202 is
what a queued event is answered (Lambda API 2015-03-31).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from app.errors import UpstreamFailure
from app.stores.table.http import Broken, HttpPool, Sign, signed

log = logging.getLogger(__name__)

ACCEPTED = 202


class Way(NamedTuple):
    url: str
    sign: Sign
    pool: HttpPool


class SelfInvocation:
    """`make` may block, and runs in a thread when this is first called: see `way`."""

    def __init__(self, make: Callable[[], Way]) -> None:
        self._make = make
        self._way: Way | None = None

    async def __call__(self, event: bytes) -> None:
        """Raises UpstreamFailure 503 `background_unavailable`. The log has the cause."""
        try:
            way = self._way
            if way is None:
                way = self._way = await asyncio.to_thread(self._make)
            headers = {"Content-Type": "application/json", "X-Amz-Invocation-Type": "Event"}
            answer = await way.pool.post(await signed(way.sign, "POST", way.url, event, headers), event)
            reason = "" if answer.status == ACCEPTED else f"HTTP {answer.status}"
        except Broken as problem:
            reason = problem.reason
        except Exception as problem:  # noqa: BLE001  botocore's many: no credentials, no region
            reason = type(problem).__name__
        if reason:
            log.error("the function can't invoke itself: %s", reason)
            raise UpstreamFailure(
                "Work in the background can't be started just now. Try again shortly; the cause is in the gateway's log.",
                status=503,
                code="background_unavailable",
                retry_after=2.0,
            )


def invocations_url(endpoint: str, function: str, version: str) -> str:
    """`version`: that of the process, so that it is not another's code that does the work."""
    name = function if version in ("", "$LATEST") else f"{function}:{version}"
    return f"{endpoint.rstrip('/')}/2015-03-31/functions/{quote(name, safe='')}/invocations"
