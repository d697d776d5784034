"""What a caller is told of its limits: OpenAI's rate headers, the two kinds of 429, and alerts in the log. Pure but for those.

Sources: OpenAI's rate-limit guide (header names, durations such as `1s` and `6m0s`), and openai-python 3.52, which retries
every 429 unless `x-should-retry` says otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from app.core.access import NANOS, Budget, Scope
from app.core.books import Demand
from app.core.windows import MINUTE
from app.errors import GatewayError, QuotaExceeded, RateLimited

log = logging.getLogger("gateway.usage")

_SCOPES = {"key": "This key", "project": "This key's project", "organization": "This gateway"}


def rate_headers(
    holds: Sequence[Any], now: float, scopes: Iterable[Scope] = (), *, models: bool = True
) -> dict[str, str]:
    """`x-ratelimit-*` of the rate that leaves least; of untouched limits where `holds` are not there.

    `models`: whether the rates of the model that was asked for count as well.
    """
    requests: list[tuple[int, int]] = []
    tokens: list[tuple[int, int]] = []
    for hold in holds:
        for rates, ending in hold.rates():
            if ending and not models:
                continue
            _left(requests, rates.rpm, hold.item, f"q{hold.minute}{ending}")
            _left(tokens, rates.tpm, hold.item, f"t{hold.minute}{ending}")
    for scope in scopes:
        _left(requests, scope.rates.rpm, {}, "")
        _left(tokens, scope.rates.tpm, {}, "")
    resets = duration(MINUTE - now % MINUTE)
    headers = {}
    for name, found in (("requests", requests), ("tokens", tokens)):
        if found:
            left, limit = min(found)
            headers[f"x-ratelimit-limit-{name}"] = str(limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(left)
            headers[f"x-ratelimit-reset-{name}"] = resets
    return headers


def _left(found: list[tuple[int, int]], limit: int | None, item: Mapping[str, Any], name: str) -> None:
    if limit is not None:
        found.append((max(0, limit - int(item.get(name, 0))), limit))


def duration(seconds: float) -> str:
    """As OpenAI writes it.

    >>> duration(0.012), duration(1), duration(59.5), duration(360)
    ('12ms', '1s', '59.5s', '6m0s')
    """
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{round(rest)}s" if minutes else f"{rest:g}s"


def refusal(problems: Sequence[Any], asked: Demand, now: float) -> GatewayError:
    """The error for the ledgers that stand in the way (`stores.ledger.Exhausted`); their holds are told what was found.

    A budget goes before a rate: it does not help to wait a minute for it.
    """
    for problem in problems:
        problem.hold.item = problem.item
    for problem in problems:
        if is_out_of_money(problem):
            return _out_of_money(problem, problem.hold.scope.budget)
    for problem in problems:
        error = _too_fast(problem, asked, now)
        if error is not None:
            return error
    return RateLimited("Too many requests at once for this key's limits.", retry_after=1.0)


def is_out_of_money(problem: Any) -> bool:
    """Whether the budget is what stands in the way, and not a rate."""
    budget = problem.hold.scope.budget if problem.hold.marked else None
    return budget is not None and (not budget.nanos or _used(problem.item) + problem.hold.cost > budget.nanos)


def left_of(problem: Any) -> int:
    """Nano-USD left of the hard budget in the way."""
    return int(problem.hold.scope.budget.nanos) - _used(problem.item)


def _used(item: Mapping[str, Any]) -> int:
    return int(item.get("used", 0))


def _out_of_money(problem: Any, budget: Budget) -> QuotaExceeded:
    hold, item = problem.hold, problem.item
    spent, used = int(item.get("settled", 0)), _used(item)
    resets = f"{datetime.fromtimestamp(hold.window.end, UTC):%Y-%m-%dT%H:%M:%SZ}"
    reserved = f" and {_usd(used - spent)} reserved by requests under way" if used > spent else ""
    rest = f"; this request may cost {_usd(hold.cost)}" if used < budget.nanos else ""
    return QuotaExceeded(
        f"{_SCOPES[hold.scope.kind]} has spent {_usd(spent)}{reserved} of its {_usd(budget.nanos)} limit per "
        f"{budget.interval}{rest}. It resets at {resets}.",
        should_retry=False,
        detail={
            "scope": hold.scope.kind,
            "spent_usd": spent / NANOS,
            "reserved_usd": (used - spent) / NANOS,
            "limit_usd": budget.nanos / NANOS,
            "resets_at": hold.window.end,
        },
    )


def _too_fast(problem: Any, asked: Demand, now: float) -> RateLimited | None:
    hold, item = problem.hold, problem.item
    whose, wait = _SCOPES[hold.scope.kind], MINUTE - now % MINUTE
    for rates, ending in hold.rates():
        model = " for this model" if ending else ""
        if rates.rpm is not None and int(item.get(f"q{hold.minute}{ending}", 0)) >= rates.rpm:
            return _limited(f"{whose} may make {rates.rpm} requests per minute{model}.", "requests", rates.rpm, wait)
        used = int(item.get(f"t{hold.minute}{ending}", 0))
        if rates.tpm is not None and (used + asked.tokens > rates.tpm or not rates.tpm):
            possible = 0 if asked.tokens > rates.tpm else rates.tpm
            return _limited(
                f"{whose} may use {rates.tpm} tokens per minute{model}: {used} are used, and this request may take "
                f"{asked.tokens} (its prompt and the most it may answer).",
                "tokens",
                possible,
                wait,
            )
    return None


def _limited(text: str, kind: str, possible: int, wait: float) -> RateLimited:
    """`possible` 0: waiting does not help."""
    if not possible:
        return RateLimited(text, type=kind, should_retry=False)
    return RateLimited(f"{text} Try again in {duration(wait)}.", type=kind, retry_after=wait)


class Alerts:
    """Tells once when spending passes a threshold, with a log line: whoever's write crosses it, says so."""

    def look(self, scope: Scope, window: Any, item: Mapping[str, Any], cost: int) -> None:
        """`item`: the ledger after `cost` was added to it."""
        after = int(item.get("settled", 0))
        before = after - cost
        for alert in scope.alerts:
            if before < alert.nanos <= after:
                self._tell(scope, window, after, alert.nanos, alert_id=alert.id, recipients=list(alert.recipients))
        budget = scope.budget
        if budget is not None and budget.nanos and before < budget.nanos <= after:
            self._tell(scope, window, after, budget.nanos, hard=budget.hard)

    def _tell(self, scope: Scope, window: Any, spent: int, threshold: int, **more: Any) -> None:
        line = {
            "event": "spend_alert",
            "scope": scope.kind,
            "id": scope.id,
            "window": window.name,
            "spent_usd": spent / NANOS,
            "threshold_usd": threshold / NANOS,
            **more,
        }
        log.warning("%s", to_json(line).decode())


def _usd(nanos: int) -> str:
    """The exact amount with at least two decimals, so that no two amounts of a message look equal by rounding.

    >>> _usd(20 * NANOS), _usd(400_000), _usd(1)
    ('$20.00', '$0.0004', '$0.000000001')
    """
    decimals = f"{nanos % NANOS:09}".rstrip("0")
    return f"${nanos // NANOS}.{decimals:0<2}"
