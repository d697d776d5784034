"""The records of `core.access` -> OpenAI's admin objects (openai-python 3.52, `types/admin`), with our own fields. Pure.

Money is shown twice: in whole cents, as OpenAI does, and in dollars with all that is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from app.api.keys.decode import CENT
from app.api.keys.schema import MOST_REQUESTS, MOST_TOKENS
from app.core.access import NANOS, Alert, Budget, Rates
from app.core.directory import Audit, Spent
from app.core.records import AdminKey, KeyRecord, Project, ServiceAccount

Body = dict[str, Any]


def listing(data: Sequence[Body], *, more: bool) -> Body:
    return {
        "object": "list",
        "data": list(data),
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": more,
    }


def deleted(kind: str, id: str = "") -> Body:
    """`id`: empty for what has none."""
    return ({"id": id} if id else {}) | {"object": f"{kind}.deleted", "deleted": True}


def admin_key(key: AdminKey) -> Body:
    """The owner is nobody in particular: there are no users here."""
    return {
        "object": "organization.admin_api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": key.redacted,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "owner": {"type": "user", "object": "organization.user", "role": "owner"},
    }


def project(record: Project) -> Body:
    return {
        "object": "organization.project",
        "id": record.id,
        "name": record.name,
        "created_at": record.created_at,
        "archived_at": record.archived_at,
        "status": "active" if record.archived_at is None else "archived",
    }


def account(record: ServiceAccount) -> Body:
    return {"object": "organization.project.service_account"} | _account(record)


def _account(record: ServiceAccount) -> Body:
    return {"id": record.id, "name": record.name, "role": record.role, "created_at": record.created_at}


def new_key(record: KeyRecord, value: str, spent: Spent | None) -> Body:
    """A key at its making: the only time that `value` is shown."""
    return {
        "object": "organization.project.service_account.api_key",
        "id": record.id,
        "name": record.name,
        "value": value,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
    } | _limits(record, spent)


def key(record: KeyRecord, owner: ServiceAccount | None, spent: Spent | None, *, active: bool) -> Body:
    """`owner`: None for a key that no service account owns. `active`: whether its project is."""
    owned: Body = {"type": "user"}
    if owner is not None:
        owned = {"type": "service_account", "service_account": _account(owner)}
    return {
        "object": "organization.project.api_key",
        "id": record.id,
        "name": record.name,
        "redacted_value": record.redacted,
        "created_at": record.created_at,
        "last_used_at": record.last_used_at,
        "expires_at": record.expires_at,
        "owner": owned,
        "owner_project_access": "active" if active else "inactive",
        "project_id": record.project,
    } | _limits(record, spent)


def _limits(record: KeyRecord, spent: Spent | None) -> Body:
    access, rail = record.access, record.access.guardrail
    return {
        "user": record.user or None,
        "tags": dict(record.tags),
        "models": list(access.models),
        "rate_limits": rate_limits(record.rates),
        "spend_limit": spend_limit(record.budget, spent) if record.budget else None,
        "spend": spend(spent),
        "max_tokens": access.max_tokens,
        "guardrail": {"identifier": rail.identifier, "version": rail.version, "stream_mode": rail.stream_mode or None}
        if rail
        else None,
        "service_tier": {"reserved": "scale"}.get(access.tier, access.tier) or None,
        "inference_profiles": dict(access.profiles),
        "cache_ttl": access.cache_ttl,
        "prompt_cache_ttl": access.prompt_cache_ttl or None,
        "disabled": record.disabled,
    }


def rate_limits(rates: Rates) -> Body:
    return {"max_requests_per_1_minute": rates.rpm, "max_tokens_per_1_minute": rates.tpm}


def rate_limit(id: str, model: str, rates: Rates) -> Body:
    """OpenAI's numbers may not be null, and typed clients read null as 0, which blocks: no limit is the highest there can
    be. `rate_limits` says it as it is."""
    return {
        "object": "project.rate_limit",
        "id": id,
        "model": model,
        "max_requests_per_1_minute": MOST_REQUESTS if rates.rpm is None else rates.rpm,
        "max_tokens_per_1_minute": MOST_TOKENS if rates.tpm is None else rates.tpm,
        "rate_limits": rate_limits(rates),
    }


def spend(spent: Spent | None) -> Body | None:
    """What was spent in the window of the budget; None where there is no budget."""
    if spent is None:
        return None
    return {"spent_usd": spent.spent / NANOS, "reserved_usd": spent.reserved / NANOS, "resets_at": spent.resets_at}


def spend_limit(budget: Budget, spent: Spent | None) -> Body:
    """`enforcement.status`: whether requests are refused just now because of it."""
    used = spent.spent + spent.reserved if spent else 0
    holds = budget.hard and used >= budget.nanos
    return {
        "currency": "USD",
        "interval": budget.interval,
        "threshold_amount": budget.nanos // CENT,
        "amount_usd": budget.nanos / NANOS,
        "enforcement": {"status": "enforcing" if holds else "inactive", "mode": "hard" if budget.hard else "soft"},
    }


def spend_alert(kind: str, alert: Alert) -> Body:
    """`kind`: project or organization."""
    return {
        "object": f"{kind}.spend_alert",
        "id": alert.id,
        "currency": "USD",
        "interval": alert.interval,
        "threshold_amount": alert.nanos // CENT,
        "amount_usd": alert.nanos / NANOS,
        "notification_channel": {
            "type": "email",
            "recipients": list(alert.recipients),
            "subject_prefix": alert.subject_prefix or None,
        },
    }


def audit_id(entry: Audit) -> str:
    """Entries have no id of their own; this one is the same whenever the entry is read."""
    text = "\n".join((repr(entry.at), entry.actor, entry.action, entry.target, entry.request_id))
    return f"audit_{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:24]}"


def audit_log(entry: Audit) -> Body:
    """OpenAI's event, with what it was about under the name of its type; `detail` and `request_id` are ours."""
    detail = dict(entry.detail or {})
    body: Body = {
        "id": audit_id(entry),
        "type": entry.action,
        "effective_at": int(entry.at),
        "actor": {"type": "api_key", "api_key": {"id": entry.actor}},
        entry.action: {"id": entry.target},
        "detail": detail,
        "request_id": entry.request_id or None,
    }
    if "project" in detail:
        body["project"] = {"id": detail["project"]}
    return body
