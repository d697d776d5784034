"""What a key may do: the records behind callers, and the limits that hold for them. Money is in nano-USD (1e-9 USD).

A limit that is None is none; 0 blocks. Limits belong to scopes: the key itself, its project, the organization.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.core.prompt import Guardrail

Interval = Literal["day", "week", "month"]
NANOS = 1_000_000_000
"""Nano-USD in a dollar."""
DEFAULT_PROJECT = "proj_default"
"""Where keys without a project belong, the single API_KEY among them. Always there."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent per calendar interval (UTC). A soft one is told and never blocks."""

    nanos: int
    interval: Interval = "month"
    hard: bool = True


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests and tokens per minute."""

    rpm: int | None = None
    tpm: int | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """Told once per interval, when spending passes `nanos`. `recipients` are kept for whoever reads the log line."""

    id: str
    nanos: int
    interval: Interval = "month"
    recipients: tuple[str, ...] = ()
    subject_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose limits they are. `kind` and `id` name the ledger; `models`: rates by base model id."""

    kind: Literal["key", "project", "organization"]
    id: str
    rates: Rates = Rates()
    budget: Budget | None = None
    alerts: tuple[Alert, ...] = ()
    models: Mapping[str, Rates] = field(default_factory=dict)

    @property
    def interval(self) -> Interval:
        """Of its ledger."""
        if self.budget is not None:
            return self.budget.interval
        return self.alerts[0].interval if self.alerts else "day"


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller's requests are held to. `models`: globs and aliases, empty for all. `max_tokens`: per answer.

    `profiles`: model glob -> ARN of the application inference profile it is called by. `cache_ttl`: seconds, 0 for none.
    `prompt_cache_ttl`: `5m` or `1h`, empty for the deployment's.
    """

    models: tuple[str, ...] = ()
    max_tokens: int | None = None
    guardrail: Guardrail | None = None
    tier: str = ""
    profiles: Mapping[str, str] = field(default_factory=dict)
    cache_ttl: int = 0
    prompt_cache_ttl: str = ""
