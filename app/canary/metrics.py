"""Three CloudWatch metrics in one log line (EMF), under one set of dimensions: each costs by the month, see docs/canary.md."""

from __future__ import annotations

from collections.abc import Iterable

NAMESPACE = "BedrockGateway"
SERVICE = "canary"


def emit(*, healthy: bool, latencies: Iterable[float], failures: int) -> None:
    """`latencies` in milliseconds, at most 99: more than that Powertools would split into lines of their own."""
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    metrics.add_metric("Healthy", MetricUnit.Count, float(healthy))
    metrics.add_metric("Failures", MetricUnit.Count, float(failures))
    for latency in latencies:
        metrics.add_metric("Latency", MetricUnit.Milliseconds, latency)
    metrics.flush_metrics()
