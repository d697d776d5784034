"""The Lambda handler: `{"probe": "warm"}`, which every other event means too, or `{"probe": "deep"}`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.logging import Logger

from app.canary import warm
from app.canary.settings import Settings

log = Logger(service="canary")

_WITHOUT_CONTEXT = 300.0


def handler(event: Any, context: Any) -> dict[str, Any]:
    """What was done, in numbers. Raises where anything is wrong: the function's Errors metric is the signal."""
    settings = Settings.from_env()
    if not (isinstance(event, dict) and event.get("probe") == "deep"):
        return warm.run(settings, log)
    from app.canary import deep  # with all the checks and prices, which 8,640 pings a month do without

    return deep.run(settings, log, _clock_of(context))


def _clock_of(context: Any) -> Callable[[], float]:
    """Gives the seconds that are left of the invocation."""
    if hasattr(context, "get_remaining_time_in_millis"):
        return lambda: float(context.get_remaining_time_in_millis()) / 1000
    end = time.monotonic() + _WITHOUT_CONTEXT
    return lambda: end - time.monotonic()
