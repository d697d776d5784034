"""The deep probe: real questions to real models through the gateway's public API, within the day's cap.

What was checked longest ago comes first, so that a small cap still gets round to everything, over days.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.canary import aws
from app.canary.bill import Probe
from app.canary.budget import Budget
from app.canary.checks import Check, checks_for
from app.canary.client import REQUEST_SECONDS, Gateway
from app.canary.connection import CONNECT_SECONDS
from app.canary.errors import CanaryFailed, Declined, Failed, Unsupported
from app.canary.key import read_key
from app.canary.matrix import Checks, Matrix
from app.canary.prices import MICROCENTS, price_of
from app.canary.redaction import model_name
from app.canary.settings import Settings

EMBED_MARK = "embed:"
CHECK_SECONDS = 2 * (CONNECT_SECONDS + REQUEST_SECONDS)
"""No check makes more than two requests."""
MARGIN_SECONDS = 15.0
"""For the table, and for what is left to log."""


@dataclass(frozen=True)
class Task:
    model: str
    check: Check
    last_at: float
    last_status: str


@dataclass
class Result:
    status: str
    detail: str
    ms: int | None
    microcents: int

    def kept(self, now: float) -> dict[str, Any]:
        return {"status": self.status, "ms": self.ms, "detail": self.detail, "at": int(now)}


def run(
    settings: Settings, log: Any, remaining: Callable[[], float], clock: Callable[[], float] = time.time
) -> dict[str, Any]:
    """Checks until the cap, the time or the list ends. `remaining`: seconds left of the invocation.

    Raises Misconfigured, Unavailable, and CanaryFailed where a check failed.
    """
    settings.require_deep()
    gateway = Gateway(settings, read_key(settings))
    matrix = Matrix(aws.client("dynamodb", settings.region), settings.table, clock)
    budget = Budget(aws.client("dynamodb", settings.region, attempts=1), settings.table, settings.cents_per_day, clock)
    tasks = in_turn(settings.models, matrix.read())
    counts = {"ok": 0, "failed": 0, "skipped": 0}
    failures, spent, stopped = [], 0, ""
    for task in tasks:
        if remaining() < CHECK_SECONDS + MARGIN_SECONDS:
            stopped = "no time left"
            break
        result = _within(budget, task, gateway)
        if result is None:
            stopped = "the day's cap is reached"
            break
        matrix.save(task.model, task.check.name, result.kept(clock()))
        spent += result.microcents
        counts[result.status] += 1
        shown = {"model": model_name(task.model), "check": task.check.name, "detail": result.detail}
        tell = log.error if result.status == "failed" else log.info
        tell("check", extra=shown | {"status": result.status, "ms": result.ms, "cents": result.microcents / MICROCENTS})
        if result.status == "failed":
            failures.append(f"{shown['model']} {shown['check']} ({result.detail})")
    summary = {"probe": "deep", "tasks": len(tasks), **counts, "cents": spent / MICROCENTS, "stopped": stopped}
    log.info("deep probe", extra=summary)
    if failures:
        raise CanaryFailed(
            f"deep probe: {len(failures)} of {sum(counts.values())} checks failed: " + "; ".join(failures)
        )
    return summary


def in_turn(entries: tuple[str, ...], known: Mapping[str, Checks]) -> list[Task]:
    """Every check of every model, the one made longest ago first; those never made in the order of the list."""
    tasks = []
    for entry in entries:
        model = entry.removeprefix(EMBED_MARK)
        for check in checks_for(entry):
            last = known.get(model, {}).get(check.name, {})
            at = last.get("at")
            tasks.append(Task(model, check, float(at) if isinstance(at, int | float) else 0.0, str(last.get("status"))))
    return sorted(tasks, key=lambda task: task.last_at)


def _within(budget: Budget, task: Task, gateway: Gateway) -> Result | None:
    """The result, paid for out of the day's budget; None where there is too little left of it today."""
    price = price_of(task.model)
    estimate = task.check.estimate(price)
    if estimate > budget.cap:
        detail = f"may cost {estimate / MICROCENTS:.2g} cents, more than the cap of a day"
        return Result("skipped", detail, None, 0)
    reservation = budget.reserve(estimate)
    if reservation is None:
        return None
    probe = Probe(gateway, task.model, price)
    result = attempt(task, probe)
    result.microcents = probe.cost(estimate)
    budget.settle(reservation, result.microcents)
    return result


def attempt(task: Task, probe: Probe) -> Result:
    """Makes one check; whatever the gateway answers, this returns."""
    start = time.monotonic()
    try:
        status, detail = "ok", task.check.run(probe)
    except Unsupported as reason:
        # What worked before and is now said to be impossible is more likely broken.
        lost = task.last_status == "ok"
        status, detail = ("failed", f"was ok before; now: {reason}") if lost else ("skipped", str(reason))
    except Declined as reason:
        status, detail = "skipped", str(reason)
    except Failed as reason:
        status, detail = "failed", str(reason)
    except Exception as problem:  # noqa: BLE001  an answer so odd that no check foresaw it; the others must go on
        status, detail = "failed", f"the answer could not be read ({type(problem).__name__})"
    return Result(status, probe.redact(detail), round((time.monotonic() - start) * 1000), 0)
