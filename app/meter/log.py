"""Log lines: one per request (who, what, how much, how long; never what was said), and how all of them are written."""

from __future__ import annotations

import hashlib
import logging
import sys
import time
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from app.core.books import UsageRecord
from app.core.money import Cost
from app.core.ports import Call

log = logging.getLogger("gateway.usage")

MOST_TAGS, TAG_NAME, TAG_VALUE = 16, 64, 256
"""Pairs, and characters: OpenAI's own bounds of `metadata`."""

_LIBRARIES = ("asyncio", "boto3", "botocore", "mangum", "urllib3", "uvicorn")


def start_logging(level: str, *, as_json: bool) -> None:
    """Our lines to standard output. Of the libraries only warnings: at `debug` they show keys and prompts.

    `as_json`: every line is a JSON object, as log groups with LogFormat JSON have it; otherwise only usage lines are.
    """
    # `force`: the managed Python runtime has a handler of its own, with a format of its own.
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


class JsonLines(logging.Formatter):
    """`{"timestamp", "level", "logger", "message"}`. Of an exception only the kind: its text may quote a prompt."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.name in (log.name, "gateway.audit"):
            return message  # is JSON already
        line = {
            "timestamp": _iso(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
        return to_json(line).decode()


class LogMeter:
    """Implements Meter. The line is JSON, so that CloudWatch Logs Insights can sum it up as it is."""

    def record(self, record: UsageRecord) -> None:
        if log.isEnabledFor(logging.INFO):
            log.info("%s", _text(to_line(record)))


def to_line(record: UsageRecord) -> dict[str, Any]:
    """The record as one JSON object; `meter/lines.py` reads it again. What is not known is left out.

    Tokens are Bedrock's; `prompt_tokens` includes the cache, as at OpenAI. Money in nano-USD (1e-9), and `cost_usd`.
    """
    line = _who(record.call) | _what(record) | _tokens(record) | _money(record) | _when(record)
    return {name: value for name, value in line.items() if value not in (None, [], {})}


def _who(call: Call) -> dict[str, Any]:
    caller = call.caller
    return {
        "event": "usage",
        "request_id": call.request_id,
        "key_id": caller.key_id,
        "key_name": caller.name or None,
        "project": caller.project,
        "user": caller.user or None,
        "user_hash": _digest(call.user) if call.user else None,
        "tags": _tags(call) if call.metadata or caller.tags else None,
        "stale_key": caller.stale or None,
        "endpoint": call.endpoint,
        "model": "(arn)" if call.model.startswith("arn:") else call.model[:256],
    }


def _what(record: UsageRecord) -> dict[str, Any]:
    call = record.call
    receipt = call.receipt
    return {
        "upstream_ids": list(record.upstream_ids),
        "route": receipt.route or None,
        "model_called": receipt.model,
        "region": (receipt.target.region or None) if receipt.target else None,
        "service_tier": record.tier or None,
        "traffic": call.traffic,
        "outcome": record.outcome,
        "status": record.status,
        "error_code": record.error_code,
        "finish_reason": record.finish.reason if record.finish else None,
        "malformed_tool_calls": record.malformed_calls or None,
        "streamed": record.streamed,
        "choices": record.choices,
        "cache": receipt.cache or None,
        "retries": receipt.retries,
        "ignored": list(receipt.ignored),
        "repairs": dict(receipt.repairs),
    }


def _tokens(record: UsageRecord) -> dict[str, Any]:
    usage = record.usage
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "cache_write_1h_tokens": usage.cache_write_1h or None,
        "reasoning_tokens": usage.reasoning,
        "estimated": record.estimated or None,
    }


def _money(record: UsageRecord) -> dict[str, Any]:
    cost = record.cost
    total = cost.total
    return {
        "cost_usd": total / 1e9,
        "cost_nanos": total,
        "cost_by_kind": _by_kind(cost) if total else None,
        "unpriced": None if cost.priced else True,
        "price_version": cost.version or None,
        "saved_nanos": record.saved or None,
        "unsettled": record.unsettled or None,
    }


def _when(record: UsageRecord) -> dict[str, Any]:
    started = record.call.started
    ended = record.ended or (started + record.total_ms / 1000 if started else 0.0)
    return {
        "first_token_ms": record.first_token_ms,
        "total_ms": record.total_ms,
        "ended": round(ended, 3) if ended else None,
        "timestamp": _iso(ended) if ended else None,
    }


def _by_kind(cost: Cost) -> dict[str, int]:
    kinds = (
        ("input", cost.input),
        ("output", cost.output),
        ("cache_read", cost.cache_read),
        ("cache_write", cost.cache_write),
        ("other", cost.other),
    )
    return {kind: nanos for kind, nanos in kinds if nanos}


def _tags(call: Call) -> dict[str, str]:
    """The key's tags, and what the request adds to them: it can't change whom it is charged to."""
    tags: dict[str, str] = {}
    for pairs in (call.caller.tags, call.metadata):
        for name, value in pairs.items():
            if len(tags) >= MOST_TAGS:
                return tags
            tags.setdefault(str(name)[:TAG_NAME], str(value)[:TAG_VALUE])
    return tags


def _digest(user: str) -> str:
    """Tells the same user again without saying who it is. Whoever can guess the name can check the guess."""
    return hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03}Z"


def _text(line: dict[str, Any]) -> str:
    try:
        return to_json(line).decode()
    except (PydanticSerializationError, UnicodeError):  # half a surrogate pair, which a client may well send
        from json import dumps

        return dumps(line, separators=(",", ":"))
