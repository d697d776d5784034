"""CloudWatch metrics as one log line per request (EMF), off unless METRICS names dimensions: see docs/prices.md for the money.

The percentiles are CloudWatch's own statistics over Latency and FirstToken. Dimensions hold only what the gateway itself
says: a name that a client makes up would be a metric of its own, and paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

from app.core.books import Meter, UsageRecord

NAMESPACE = "BedrockGateway"
SERVICE = "gateway"
_NONE = "none"
_LONGEST = 250

VALUES: Mapping[str, Callable[[UsageRecord], str]] = {
    "model": lambda record: _model(record),
    "traffic": lambda record: record.call.traffic,
    "project": lambda record: record.call.caller.project,
    "key": lambda record: record.call.caller.key_id,
    "endpoint": lambda record: record.call.endpoint,
    "outcome": lambda record: record.outcome,
}
"""The dimensions there are, and where their values are from."""


class EmfMeter:
    """Implements Meter. Raises ValueError for a dimension that does not exist, and where Powertools is not installed."""

    def __init__(self, dimensions: Sequence[str]) -> None:
        names = tuple(dict.fromkeys(name.lower() for name in dimensions))
        unknown = [name for name in names if name not in VALUES]
        if unknown:
            raise ValueError(f"METRICS: {unknown[0][:50]!r} is no dimension; there are {', '.join(VALUES)}")
        if find_spec("aws_lambda_powertools") is None:
            raise ValueError("METRICS: the package aws-lambda-powertools is not installed; unset METRICS or install it")
        self._names = names

    def record(self, record: UsageRecord) -> None:
        from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # 40 ms, for those who want it

        metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
        for name in self._names:
            metrics.add_dimension(name, _value(VALUES[name](record)))
        metrics.add_metric("Requests", MetricUnit.Count, 1)
        metrics.add_metric("Errors", MetricUnit.Count, int(record.outcome == "error"))
        metrics.add_metric("Throttles", MetricUnit.Count, int(record.status == 429))
        metrics.add_metric("Latency", MetricUnit.Milliseconds, record.total_ms)
        if record.first_token_ms is not None:
            metrics.add_metric("FirstToken", MetricUnit.Milliseconds, record.first_token_ms)
        metrics.add_metric("InputTokens", MetricUnit.Count, record.usage.prompt)
        metrics.add_metric("OutputTokens", MetricUnit.Count, record.usage.output)
        metrics.add_metric("CostUSD", MetricUnit.NoUnit, record.cost.total / 1e9)
        metrics.flush_metrics()


class Meters:
    """Implements Meter: tells several, in their order."""

    def __init__(self, *meters: Meter) -> None:
        self._meters = meters

    def record(self, record: UsageRecord) -> None:
        for meter in self._meters:
            meter.record(record)


def _model(record: UsageRecord) -> str:
    """What was called: what was asked for may be anything."""
    target = record.call.receipt.target
    return target.shown if target is not None else record.call.receipt.model


def _value(text: str) -> str:
    """CloudWatch takes printable ASCII, and nothing empty."""
    shown = text.encode("ascii", "replace").decode()[:_LONGEST]
    return shown if shown.strip() and shown.isprintable() else _NONE
