"""Log lines: one per request (who, what, how much, how long; never what was said), and how all of them are written."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from pydantic_core import to_json

from app.core.ports import UsageRecord

log = logging.getLogger("gateway.usage")

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
        if record.name == log.name:
            return message  # is JSON already
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z",
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
            log.info("%s", to_json(to_line(record)).decode())


def to_line(record: UsageRecord) -> dict[str, Any]:
    """The record as one flat JSON object. Tokens are Bedrock's; `prompt_tokens` includes the cache, as at OpenAI."""
    call, usage = record.call, record.usage
    line = {
        "event": "usage",
        "request_id": call.request_id,
        "upstream_ids": list(record.upstream_ids),
        "key_id": call.caller.key_id,
        "endpoint": call.endpoint,
        "model": "(arn)" if call.model.startswith("arn:") else call.model[:256],
        "model_called": call.receipt.model,
        "outcome": record.outcome,
        "status": record.status,
        "error_code": record.error_code,
        "finish_reason": record.finish.reason if record.finish else None,
        "streamed": record.streamed,
        "choices": record.choices,
        "service_tier": record.tier or None,
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
        "first_token_ms": record.first_token_ms,
        "total_ms": record.total_ms,
        "retries": call.receipt.retries,
        "ignored": list(call.receipt.ignored),
        "repairs": dict(call.receipt.repairs),
    }
    return {name: value for name, value in line.items() if value not in (None, [], {})}
