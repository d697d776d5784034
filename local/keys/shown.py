"""Records as a person or a program reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from app.core.access import NANOS, Budget, Rates
from app.core.directory import Spent
from app.core.records import AdminKey, KeyRecord, Project


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under their heads, with two spaces between them."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def key_rows(records: Sequence[KeyRecord], projects: dict[str, str], now: float) -> str:
    head = ("ID", "NAME", "PROJECT", "LIMITS", "STATE", "LAST USED")
    rows = [
        (
            each.id,
            each.name,
            projects.get(each.project, each.project),
            limits(each.budget, each.rates) or "-",
            state(each.disabled, each.expires_at, now),
            day(each.last_used_at),
        )
        for each in records
    ]
    return table(head, rows)


def admin_rows(keys: Sequence[AdminKey], now: float) -> str:
    rows = [(each.id, each.name, state(False, each.expires_at, now), day(each.last_used_at)) for each in keys]
    return table(("ID", "NAME", "STATE", "LAST USED"), rows)


def project_rows(projects: Sequence[Project]) -> str:
    rows = [
        (
            each.id,
            each.name,
            _project_limits(each) or "-",
            "active" if each.archived_at is None else f"archived {day(each.archived_at)}",
        )
        for each in projects
    ]
    return table(("ID", "NAME", "LIMITS", "STATE"), rows)


def _project_limits(project: Project) -> str:
    """Those for all models together, then those of single models: `$20/month, 60 rpm, amazon.nova-pro-v1:0 5 rpm`."""
    everywhere = limits(project.budget, project.rates.get("*", Rates()))
    models = (
        f"{model} {text}"
        for model, rates in sorted(project.rates.items())
        if model != "*" and (text := limits(None, rates))
    )
    return ", ".join(filter(None, (everywhere, *models)))


def key_lines(record: KeyRecord, project: str, spent: Spent | None, now: float) -> str:
    """One line for everything that is set. `project`: its name."""
    access = record.access
    rail = access.guardrail
    facts = [
        ("id", record.id),
        ("name", record.name),
        ("key", record.redacted),
        ("project", f"{project} ({record.project})"),
        ("account", record.account),
        ("user", record.user),
        ("tags", ", ".join(f"{name}={value}" for name, value in record.tags.items())),
        ("state", state(record.disabled, record.expires_at, now)),
        ("limits", limits(record.budget, record.rates) or "none"),
        ("spent", "" if spent is None else _spent(spent, record.budget)),
        ("models", ", ".join(access.models) or "all"),
        ("max tokens", "" if access.max_tokens is None else str(access.max_tokens)),
        ("guardrail", "" if rail is None else f"{rail.identifier}:{rail.version}"),
        ("tier", access.tier),
        *(("profile", f"{models} -> {arn}") for models, arn in access.profiles.items()),
        ("cache", f"{access.cache_ttl} s" if access.cache_ttl else ""),
        ("prompt cache", access.prompt_cache_ttl),
        ("created", moment(record.created_at) if record.created_at else ""),
        ("last used", moment(record.last_used_at) if record.last_used_at else "never"),
    ]
    return "\n".join(f"{name:<12} {value}" for name, value in facts if value)


def key_json(record: KeyRecord, spent: Spent | None = None) -> dict[str, Any]:
    """Everything, money in US dollars. There is nothing secret in a record."""
    values = asdict(record) | {"budget": _budget_json(record.budget)}
    if spent is not None:
        values["spent"] = asdict(spent) | {"spent": spent.spent / NANOS, "reserved": spent.reserved / NANOS}
    return values


def project_json(project: Project) -> dict[str, Any]:
    alerts = [asdict(alert) | {"usd": alert.nanos / NANOS} for alert in project.alerts]
    return asdict(project) | {"budget": _budget_json(project.budget), "alerts": alerts}


def limits(budget: Budget | None, rates: Rates) -> str:
    """`$20/month, 60 rpm`; empty where there are none."""
    found = []
    if budget is not None:
        found.append(f"{dollars(budget.nanos)}/{budget.interval}{'' if budget.hard else ' soft'}")
    if rates.rpm is not None:
        found.append(f"{rates.rpm} rpm")
    if rates.tpm is not None:
        found.append(f"{rates.tpm} tpm")
    return ", ".join(found)


def dollars(nanos: int) -> str:
    """At least cents, and as much more as there is: `$20.00`, `$0.000125`."""
    whole, part = divmod(nanos, NANOS)
    return f"${whole:,}.{f'{part:09}'.rstrip('0'):0<2}"


def state(disabled: bool, expires_at: int | None, now: float) -> str:
    if disabled:
        return "disabled"
    if expires_at is None:
        return "active"
    return f"{'expired' if expires_at <= now else 'until'} {day(expires_at)}"


def day(at: int | None) -> str:
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _spent(spent: Spent, budget: Budget | None) -> str:
    of = f" of {dollars(budget.nanos)}" if budget is not None else ""
    reserved = f", {dollars(spent.reserved)} reserved" if spent.reserved else ""
    return f"{dollars(spent.spent)}{of} in {spent.window}{reserved}, until {moment(spent.resets_at)}"


def _budget_json(budget: Budget | None) -> dict[str, Any] | None:
    return None if budget is None else {"usd": budget.nanos / NANOS, "interval": budget.interval, "hard": budget.hard}
