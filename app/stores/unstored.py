"""Log lines about usage that the table does not have, from which `./dev report --from-logs` makes up for it.

{"event": "usage_unstored", "timestamp", "pk", "sk", "counters": {"n13": 1, ...}, "reason", "written": false | null,
 "request_ids": [...]}    `written` null: perhaps it was. Each request also has its own line `usage`
{"event": "usage_unsettled", "timestamp", "sk", "cost", "at", "request_id"}    has no line `usage`
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from pydantic_core import to_json

log = logging.getLogger("gateway.usage")  # its lines are written as they are: meter/log.py

IDS_PER_LINE = 500
"""A line of CloudWatch's may have 256 KB."""


def log_unstored(
    pk: str, sk: str, counters: Mapping[str, int], request_ids: Sequence[str], reason: str, *, certain: bool
) -> None:
    """One line, or several with the same counters where there are many requests: those after the first have no counters."""
    for start in range(0, max(1, len(request_ids)), IDS_PER_LINE):
        line = {
            "event": "usage_unstored",
            "timestamp": now(),
            "pk": pk,
            "sk": sk,
            "counters": {} if start else counters,
            "reason": reason,
            "written": False if certain else None,
            "request_ids": request_ids[start : start + IDS_PER_LINE],
        }
        log.error("%s", to_json(line).decode())


def log_unsettled(at: float, sk: str, nanos: int, request_id: str) -> None:
    line = {
        "event": "usage_unsettled",
        "timestamp": now(),
        "sk": sk,
        "cost": nanos,
        "at": int(at),
        "request_id": request_id,
    }
    log.warning("%s", to_json(line).decode())


def now() -> str:
    at = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03}Z"
