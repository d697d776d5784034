"""The warm probe: as many overlapping requests to /health as environments shall stay warm, and a look at the answers.

An environment of Lambda takes one request at a time, so N requests that are all under way at one moment keep N. For that
the connections are made first, then all threads send at once, and the gateway holds each answer for HOLD_MS.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app import __version__
from app.canary.client import Gateway, error_message, json_object
from app.canary.connection import CONNECT_SECONDS, Connection
from app.canary.errors import CanaryFailed, Failed
from app.canary.settings import Settings

READ_SECONDS = 10.0
HOLD_MS = 300
SLOW_MS = 3000
"""Longer than a cold start takes: a warning. Longer than READ_SECONDS is a failure."""
PATIENCE_SECONDS = 240.0
"""Another version than ours is a warning for so long: less than the time between two scheduled runs."""
_LONGEST_HEALTH = 16 * 1024

mismatch_since: dict[str, float] = {}
"""Version of the gateway -> when it was first seen. Lives as long as this environment, which a deployment replaces."""


@dataclass
class Ping:
    """One request. `ms` from sending to the last byte, without the hold; None where no answer came."""

    ms: float | None = None
    connect_ms: float | None = None
    trouble: str = "the request came to nothing"
    throttled: bool = False
    version: str = ""


def run(settings: Settings, log: Any) -> dict[str, Any]:
    """Pings, logs, counts. Raises CanaryFailed where the gateway is not well."""
    pings = ping(settings)
    warnings, failures = judge(pings, time.time())
    for text in warnings:
        log.warning(text, extra={"probe": "warm"})
    for each, text in failures:
        log.error("ping failed", extra={"probe": "warm", "reason": text, "ms": each.ms})
    latencies = [each.ms for each in pings if each.ms is not None]
    summary = {
        "probe": "warm",
        "requests": len(pings),
        "failures": len(failures),
        "ms": latencies,
        "connect_ms": [each.connect_ms for each in pings if each.connect_ms is not None],
    }
    log.info("warm probe", extra=summary)
    if settings.metrics:
        from app.canary import metrics

        metrics.emit(healthy=not failures, latencies=latencies, failures=len(failures))
    if failures:
        counts: dict[str, int] = {}
        for _, text in failures:
            counts[text] = counts.get(text, 0) + 1
        reasons = "; ".join(f"{text} ({count}x)" if count > 1 else text for text, count in counts.items())
        raise CanaryFailed(f"warm probe: {len(failures)} of {len(pings)} requests failed: {reasons}")
    return summary


def ping(settings: Settings) -> list[Ping]:
    """The requests, all under way at once."""
    count = settings.warm_instances
    gateway = Gateway(settings)
    # A lone request overlaps with nothing, and a hold costs its time.
    path = "health" if count == 1 else f"health?hold={HOLD_MS}"
    headers = gateway.headers("GET", path)  # signed once, before: nothing is left to compute at the moment that counts
    start = threading.Barrier(count)
    pings = [Ping() for _ in range(count)]
    threads = [
        threading.Thread(target=_one, args=(each, gateway, path, headers, start), name="ping", daemon=True)
        for each in pings
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in pings:
        if each.ms is not None and count > 1:
            each.ms = round(max(0.0, each.ms - HOLD_MS), 1)
    return pings


def judge(pings: list[Ping], now: float) -> tuple[list[str], list[tuple[Ping, str]]]:
    """Warnings, and failures with their ping.

    Refused for lack of concurrency (429) is a warning as long as one request came through: on an account with few
    environments, or beside real traffic, the gateway is well and merely has fewer of them warm than was wished.

    Another version is a warning at first, because a deployment updates the gateway before the canary; when the next run
    still sees it, something stays out of step, and it is a failure.
    """
    failures = [(each, each.trouble) for each in pings if each.trouble and not each.throttled]
    throttled = [each for each in pings if each.throttled]
    answered = [each for each in pings if not each.trouble]
    warnings = []
    if throttled and answered:
        warnings.append(f"{len(throttled)} of {len(pings)} requests were throttled: fewer environments are warm")
    else:
        failures += [(each, each.trouble) for each in throttled]
    others = {each.version for each in answered} - {__version__}
    for version in [seen for seen in mismatch_since if seen not in others]:
        del mismatch_since[version]
    for version in others:
        since = mismatch_since.setdefault(version, now)
        text = f"the gateway is version {version}, the canary {__version__}"
        if now - since < PATIENCE_SECONDS:
            warnings.append(f"{text}: under deployment, or out of step")
        else:
            failures += [(each, text) for each in answered if each.version == version]
    slow = max((each.ms or 0.0 for each in answered), default=0.0)
    if slow > SLOW_MS:
        warnings.append(f"the slowest answer took {slow:.0f} ms")
    return warnings, failures


def _one(result: Ping, gateway: Gateway, path: str, headers: dict[str, str], start: threading.Barrier) -> None:
    try:
        with gateway.connection(READ_SECONDS) as connection:
            connected = _connect(result, connection)
            with suppress(threading.BrokenBarrierError):  # a name server kept a thread: the others go ahead
                start.wait(CONNECT_SECONDS + 2)
            if connected:
                _ask(result, gateway, connection, gateway.target(path), headers)
    except Failed as failure:
        result.trouble = gateway.redact(str(failure))


def _connect(result: Ping, connection: Connection) -> bool:
    """Whether there is a connection; a thread without one still has to come to the start."""
    begin = time.monotonic()
    try:
        connection.connect()
    except Failed as failure:
        result.trouble = str(failure)
        return False
    result.connect_ms = round((time.monotonic() - begin) * 1000, 1)
    return True


def _ask(result: Ping, gateway: Gateway, connection: Connection, target: str, headers: dict[str, str]) -> None:
    begin = time.monotonic()
    status = connection.send("GET", target, headers)
    body = connection.read(_LONGEST_HEALTH)
    result.ms = round((time.monotonic() - begin) * 1000, 1)
    if status != 200:
        result.throttled = status == 429
        try:
            reason = gateway.redact(error_message(json_object(body)))
        except Failed:
            reason = ""
        raise Failed(f"status {status}" + (f": {reason}" if reason else ""))
    answer = json_object(body)
    if answer.get("status") != "ok":
        raise Failed("/health does not say that its status is ok")
    version = answer.get("version")
    if not isinstance(version, str):
        raise Failed("/health names no version")
    result.version, result.trouble = gateway.redact(version, 40), ""
