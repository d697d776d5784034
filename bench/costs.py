"""What a month costs, here and with other ways to serve the same requests: computed from docs/prices.json.

A stack is what it uses in a month, a quantity by the name of its price; a bill is the quantities times the prices, less
what is free. The tables of docs/costs.md are written from here by `./dev docs` and checked by a test.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PRICES_FILE = Path(__file__).resolve().parent.parent / "docs" / "prices.json"
HOURS = 730  # in a month, as AWS's own calculator counts
ONE_VCPU_MB = 1769  # "At 1,769 MB, a function has the equivalent of one vCPU": Lambda's developer guide, 2026-11-21
REQUESTS = (0, 1_000, 10_000, 100_000)

Quantities = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Price:
    """`usd` for `per` of `unit`; the first `free` of them each month cost nothing, for good, in any account.

    `date` is the source's own, or when it was looked up where it has none; `verified` says that the source was seen.
    """

    title: str
    usd: float
    per: int
    unit: str
    free: float
    source: str
    date: str
    verified: bool

    def of(self, quantity: float, *, free: bool) -> float:
        return max(0.0, quantity - (self.free if free else 0.0)) * self.usd / self.per


def _read() -> dict[str, Price]:
    return {name: Price(**fields) for name, fields in json.loads(PRICES_FILE.read_text())["prices"].items()}


PRICES = _read()


def share(memory_mb: int) -> float:
    """Of one processor, that a function of this size has; more than one is of no use to one request."""
    return min(1.0, memory_mb / ONE_VCPU_MB)


@dataclass(frozen=True, slots=True)
class Request:
    """The request that is priced: a streamed chat."""

    seconds: float = 10.0  # from the first byte in to the last byte out; nearly all of it waiting for the model
    bytes_out: int = 100_000  # 400 chunks of about 250 bytes
    bytes_in: int = 10_000
    log_bytes: int = 2_000  # the gateway's line and Lambda's own start and report lines, as JSON
    cold_share: float = 0.05  # of the requests that meet no warm environment
    cold_cpu: float = 0.4  # CPU seconds of a start, billed since 2025-08-01; bench/package_results.md measures less

    def billed_seconds(self, memory_mb: int) -> float:
        return self.seconds + self.cold_share * self.cold_cpu / share(memory_mb)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the template makes, with its defaults."""

    memory_mb: int = 512
    canary_memory_mb: int = 128
    canary_per_hour: int = 12
    canary_seconds: float = 1.0  # a run, which sends health requests and waits for them
    canary_log_bytes: int = 1_500
    warm_instances: int = 1
    health_seconds: float = 0.1  # a health request
    hold_seconds: float = 0.3  # how much longer each of several takes, so that they overlap (app/canary/warm.py)
    health_log_bytes: int = 1_000  # Lambda's own lines
    log_days: int = 14

    @property
    def warm_seconds(self) -> float:
        return self.health_seconds + (self.hold_seconds if self.warm_instances > 1 else 0.0)


@dataclass(frozen=True, slots=True)
class Table:
    """What a request leaves in the table, in DynamoDB's units: 1 KB of a write, 4 KB of a read."""

    rollup: int = 2  # units of its rollup, which passes 1 KB in the course of a busy day
    ledgers: int = 2  # writes to each ledger with a hard limit: one before, one after
    reads: float = 1.5  # key, project and organization; once a minute in each environment, here with each request
    rows: int = 100  # rollups a day at most: so many pairs of keys and models
    row_bytes: int = 2_000
    days: int = 400


REQUEST, DEPLOYMENT, TABLE = Request(), Deployment(), Table()


def lambda_function(requests: float, seconds: float, memory_mb: int) -> Counter[str]:
    return Counter({"lambda_requests": requests, "lambda_gb_seconds": requests * seconds * memory_mb / 1024})


def logs(gigabytes: float, days: int = DEPLOYMENT.log_days) -> Counter[str]:
    return Counter({"logs_gb": gigabytes, "logs_stored_gb_months": gigabytes * days / 30})


def canary(deployment: Deployment = DEPLOYMENT) -> Counter[str]:
    """Its own runs, and the requests by which it keeps the gateway warm."""
    runs = deployment.canary_per_hour * HOURS
    warm = runs * deployment.warm_instances
    used = lambda_function(runs, deployment.canary_seconds, deployment.canary_memory_mb)
    used += lambda_function(warm, deployment.warm_seconds, deployment.memory_mb)
    written = runs * deployment.canary_log_bytes + warm * deployment.health_log_bytes
    used += logs(written / 1e9, deployment.log_days)
    return used + Counter({"scheduler_invocations": runs})


def answers(requests: float) -> Counter[str]:
    """What every way of serving has in common: bytes to the client, log lines."""
    return Counter({"data_out_gb": requests * REQUEST.bytes_out / 1e9}) + logs(requests * REQUEST.log_bytes / 1e9)


def on_lambda(requests: float, deployment: Deployment = DEPLOYMENT) -> Counter[str]:
    return answers(requests) + lambda_function(
        requests, REQUEST.billed_seconds(deployment.memory_mb), deployment.memory_mb
    )


def this_gateway(requests: float, deployment: Deployment = DEPLOYMENT) -> Counter[str]:
    return on_lambda(requests, deployment) + canary(deployment)


def table(requests: float, ledgers: int) -> Counter[str]:
    """What keys add, and usage, and hard limits in so many ledgers (key, project, organization)."""
    rows = min(requests * 12 / 365 * TABLE.days, TABLE.rows * TABLE.days)
    return Counter(
        {
            "dynamodb_writes": requests * (TABLE.rollup + ledgers * TABLE.ledgers),
            "dynamodb_reads": requests * TABLE.reads,
            "dynamodb_gb_months": rows * TABLE.row_bytes / 1e9,
        }
    )


def load_balancer(requests: float, gb_per_lcu: float) -> Counter[str]:
    """An ALB in two zones with a public address in each; LCU by the largest of its dimensions, traffic spread evenly.

    One LCU is 25 new connections a second, 3,000 active ones a minute, or 1 GB an hour (0.4 GB to Lambda).
    """
    per_second = requests / (HOURS * 3600)
    per_hour = requests * (REQUEST.bytes_in + REQUEST.bytes_out) / 1e9 / HOURS
    lcu = max(per_second / 25, per_second * REQUEST.seconds / 3000, per_hour / gb_per_lcu)
    return Counter({"alb_hours": HOURS, "public_ipv4_hours": 2 * HOURS, "alb_lcu_hours": lcu * HOURS})


def fargate(vcpu: float, gigabytes: float) -> Counter[str]:
    """One task that always runs, with a public address instead of a NAT gateway."""
    used = {"fargate_vcpu_hours": vcpu * HOURS, "fargate_gb_hours": gigabytes * HOURS, "public_ipv4_hours": HOURS}
    return Counter(used)


def alb_lambda(requests: float) -> Counter[str]:
    return on_lambda(requests) + load_balancer(requests, 0.4)


def rest_api_lambda(requests: float) -> Counter[str]:
    return on_lambda(requests) + Counter({"rest_api_requests": requests})


def alb_fargate(requests: float) -> Counter[str]:
    return answers(requests) + load_balancer(requests, 1.0) + fargate(1, 2)


def litellm(requests: float) -> Counter[str]:
    stores = {"rds_hours": HOURS, "rds_gb_months": 20, "elasticache_hours": HOURS}
    return alb_fargate(requests) + Counter(stores)


def gpu(requests: float) -> Counter[str]:
    machine = {"g5_xlarge_hours": HOURS, "public_ipv4_hours": HOURS, "ebs_gb_months": 100}
    return answers(requests) + Counter(machine)


def bill(used: Quantities, *, free: bool) -> float:
    """USD a month. `free`: whether the account still has the always-free amounts to itself."""
    return sum(PRICES[name].of(quantity, free=free) for name, quantity in used.items())


OURS = "this gateway, canary included"
STACKS: dict[str, Callable[[float], Counter[str]]] = {
    OURS: this_gateway,
    "this gateway without the canary": on_lambda,
    "API Gateway REST API + Lambda": rest_api_lambda,
    "ALB + Lambda (does not stream)": alb_lambda,
    "ALB + Fargate, 1 vCPU, 2 GB": alb_fargate,
    "LiteLLM on Fargate, PostgreSQL, Redis, ALB": litellm,
    "GPU instance g5.xlarge, own model": gpu,
}
