"""The deep probe's results in the table: one item per model, written by the canary (`app/canary/matrix.py`).

pk="status", sk=<model id>, body=<JSON: {"model", "checks": {name: {status, ms, detail, at}}}>, checked_at, expires_at
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from app.core.ports import Check, ModelStatus
from app.errors import UpstreamFailure

log = logging.getLogger(__name__)

MOST_PAGES = 10
"""Of at most 1 MB each; a matrix of hundreds of models is one."""
_STATUSES = ("ok", "failed", "skipped")


class NoStatuses:
    """Implements Statuses where there is no table."""

    async def all(self) -> None:
        return None


class TableStatuses:
    """Implements Statuses over a DynamoDB client, which `client` gives when it is needed. Read at most once in `ttl` s."""

    def __init__(
        self, client: Callable[[], Any], table: str, *, ttl: float = 15.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._table = table
        self._ttl = ttl
        self._clock = clock
        self._kept: tuple[float, Sequence[ModelStatus]] | None = None

    async def all(self) -> Sequence[ModelStatus]:
        now = self._clock()
        if self._kept is None or not 0 <= now - self._kept[0] < self._ttl:
            self._kept = (now, await asyncio.to_thread(self._read, now))
        return self._kept[1]

    def _read(self, now: float) -> Sequence[ModelStatus]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return [status for item in self._items() if (status := _status(item, now)) is not None]
        except (BotoCoreError, ClientError) as problem:
            # Only the kind: the SDK's texts name the account and the table.
            log.error("the status matrix can't be read: %s", _kind(problem))
            raise UpstreamFailure(
                "What the deep probe found can't be read just now.",
                status=503,
                code="status_unavailable",
                retry_after=5,
            ) from None

    def _items(self) -> list[Mapping[str, Any]]:
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "status"}},
        }
        items: list[Mapping[str, Any]] = []
        for _ in range(MOST_PAGES):
            page = self._client().query(**arguments)
            items += page.get("Items", ())
            if "LastEvaluatedKey" not in page:
                break
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return items


def _kind(problem: Exception) -> str:
    response = getattr(problem, "response", {})
    return str(response.get("Error", {}).get("Code") or type(problem).__name__)


def _status(item: Mapping[str, Any], now: float) -> ModelStatus | None:
    """One item; None for what is past its time (DynamoDB deletes it days later) or is nothing we wrote."""
    try:
        if float(item.get("expires_at", {}).get("N", "inf")) <= now:
            return None
        checks = from_json(item["body"]["S"])["checks"]
        return ModelStatus(
            model=str(item["sk"]["S"]),
            checked_at=int(float(item["checked_at"]["N"])),
            checks={str(name): _check(check) for name, check in checks.items() if check.get("status") in _STATUSES},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _check(check: Mapping[str, Any]) -> Check:
    ms, at = check.get("ms"), check.get("at")
    return Check(
        status=check["status"],
        ms=round(ms) if isinstance(ms, int | float) else None,
        detail=str(check.get("detail") or "")[:300],
        at=round(at) if isinstance(at, int | float) else 0,
    )
