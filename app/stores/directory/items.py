"""Records of the directory as items of the table and back. `version` and times stand beside the body: see docs/table.md.

An item's own `expires_at` would make it vanish; that of a key is in its body, so that its client can be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from app.core.access import DEFAULT_PROJECT, Access, Alert, Budget, Interval, Rates
from app.core.directory import Audit
from app.core.prompt import Guardrail
from app.core.records import AdminKey, KeyRecord, Organization, Project, ServiceAccount
from app.core.table import Item
from app.stores.directory.fields import Broken, Fields, attribute, body_of, body_text, text_attribute

_INTERVALS: Mapping[str, Interval] = {name: name for name in get_args(Interval)}


def key_body(record: KeyRecord) -> str:
    access = record.access
    guardrail = access.guardrail
    return body_text({
        "name": record.name,
        "project": record.project,
        "account": record.account,
        "user": record.user,
        "tags": dict(record.tags),
        "models": access.models,
        "max_tokens": access.max_tokens,
        "guardrail": None if guardrail is None else _guardrail_values(guardrail),
        "tier": access.tier,
        "profiles": dict(access.profiles),
        "cache_ttl": access.cache_ttl or None,
        "prompt_cache_ttl": access.prompt_cache_ttl or None,
        "rates": _rates_values(record.rates),
        "budget": _budget_values(record.budget),
        "expires_at": record.expires_at,
        "disabled": record.disabled,
        "redacted": record.redacted,
    })  # fmt: skip


def key_of(item: Item) -> KeyRecord:
    """Raises Broken, as all the others do."""
    body = body_of(item)
    return KeyRecord(
        id=text_attribute(item, "sk"),
        name=body.text("name"),
        project=body.text("project", DEFAULT_PROJECT),
        account=body.text("account"),
        user=body.text("user"),
        tags=body.pairs("tags"),
        access=Access(
            models=body.texts("models"),
            max_tokens=body.number("max_tokens"),
            guardrail=_guardrail_of(body.inner("guardrail")),
            tier=body.text("tier"),
            profiles=body.pairs("profiles"),
            cache_ttl=body.number("cache_ttl") or 0,
            prompt_cache_ttl=body.text("prompt_cache_ttl"),
        ),
        rates=_rates_of(body.inner("rates")),
        budget=_budget_of(body.inner("budget")),
        created_at=attribute(item, "created_at"),
        expires_at=body.number("expires_at"),
        disabled=body.flag("disabled"),
        last_used_at=attribute(item, "last_used_at") or None,
        redacted=body.text("redacted"),
        version=attribute(item, "version"),
    )


def admin_key_body(key: AdminKey) -> str:
    return body_text({"name": key.name, "expires_at": key.expires_at, "redacted": key.redacted})


def admin_key_of(item: Item) -> AdminKey:
    body = body_of(item)
    return AdminKey(
        id=text_attribute(item, "sk"),
        name=body.text("name"),
        created_at=attribute(item, "created_at"),
        expires_at=body.number("expires_at"),
        last_used_at=attribute(item, "last_used_at") or None,
        redacted=body.text("redacted"),
    )


def project_body(project: Project) -> str:
    return body_text({
        "name": project.name,
        "archived_at": project.archived_at,
        "budget": _budget_values(project.budget),
        "alerts": [_alert_values(alert) for alert in project.alerts],
        "rates": {model: _rates_values(rates) for model, rates in project.rates.items()},
    })  # fmt: skip


def project_of(item: Item) -> Project:
    body = body_of(item)
    rates = body.inner("rates")
    return Project(
        id=text_attribute(item, "sk"),
        name=body.text("name"),
        created_at=attribute(item, "created_at"),
        archived_at=body.number("archived_at"),
        budget=_budget_of(body.inner("budget")),
        alerts=tuple(map(_alert_of, body.inners("alerts"))),
        rates={} if rates is None else {model: _rates_of(rates.inner(model)) for model in rates.names()},
        version=attribute(item, "version"),
    )


def account_body(account: ServiceAccount) -> str:
    return body_text({"name": account.name, "project": account.project, "role": account.role})


def account_of(item: Item) -> ServiceAccount:
    body = body_of(item)
    return ServiceAccount(
        id=text_attribute(item, "sk"),
        name=body.text("name"),
        project=body.text("project"),
        created_at=attribute(item, "created_at"),
        role=body.text("role"),
    )


def organization_body(organization: Organization) -> str:
    return body_text({
        "budget": _budget_values(organization.budget),
        "alerts": [_alert_values(alert) for alert in organization.alerts],
    })  # fmt: skip


def organization_of(item: Item) -> Organization:
    body = body_of(item)
    return Organization(
        _budget_of(body.inner("budget")), tuple(map(_alert_of, body.inners("alerts"))), attribute(item, "version")
    )


def audit_body(entry: Audit) -> str:
    return body_text({
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "request_id": entry.request_id,
        "detail": None if entry.detail is None else dict(entry.detail),
    })  # fmt: skip


def audit_of(item: Item) -> Audit:
    """The time is the front of the item's sk, in milliseconds."""
    body = body_of(item)
    milliseconds = text_attribute(item, "sk").partition("#")[0]
    if not (milliseconds.isascii() and milliseconds.isdecimal()):
        raise Broken("sk")
    return Audit(
        at=int(milliseconds) / 1000,
        actor=body.text("actor"),
        action=body.text("action"),
        target=body.text("target"),
        request_id=body.text("request_id"),
        detail=body.pairs("detail") or None,
    )


def _budget_values(budget: Budget | None) -> dict[str, Any] | None:
    return None if budget is None else {"nanos": budget.nanos, "interval": budget.interval, "hard": budget.hard}


def _budget_of(fields: Fields | None) -> Budget | None:
    if fields is None:
        return None
    return Budget(_amount(fields), _interval(fields), fields.flag("hard", True))


def _rates_values(rates: Rates) -> dict[str, int]:
    return {name: value for name, value in (("rpm", rates.rpm), ("tpm", rates.tpm)) if value is not None}


def _rates_of(fields: Fields | None) -> Rates:
    return Rates() if fields is None else Rates(fields.number("rpm"), fields.number("tpm"))


def _alert_values(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "nanos": alert.nanos,
        "interval": alert.interval,
        "recipients": alert.recipients,
        "subject_prefix": alert.subject_prefix,
    }


def _alert_of(fields: Fields) -> Alert:
    return Alert(
        fields.text("id"), _amount(fields), _interval(fields), fields.texts("recipients"), fields.text("subject_prefix")
    )


def _guardrail_values(guardrail: Guardrail) -> dict[str, str]:
    return {
        "id": guardrail.identifier,
        "version": guardrail.version,
        "stream_mode": guardrail.stream_mode,
        "trace": guardrail.trace,
    }


def _guardrail_of(fields: Fields | None) -> Guardrail | None:
    if fields is None:
        return None
    return Guardrail(fields.text("id"), fields.text("version"), fields.text("stream_mode"), fields.text("trace"))


def _amount(fields: Fields) -> int:
    nanos = fields.number("nanos")
    if nanos is None:
        raise Broken("nanos")
    return nanos


def _interval(fields: Fields) -> Interval:
    found = _INTERVALS.get(fields.text("interval"))
    if found is None:
        raise Broken("interval")
    return found
