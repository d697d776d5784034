"""One structured line per request: who, what, how much, how long. Never what was said."""

from __future__ import annotations

import logging
from typing import Any

from pydantic_core import to_json

from app.core.ports import UsageRecord

log = logging.getLogger("gateway.usage")


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
