"""Spend limits and alerts, of a project and of the organization; and the audit log."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.access import Alert, Budget
from app.core.directory import Audit
from app.core.table import TableUnavailable
from tests.unit.api.keys.serving import ADMIN, NOW, Admin, Gateway, audit_lines

OWNERS = ["/organization", "/organization/projects/proj_default"]
LIMIT = {"currency": "USD", "interval": "month", "threshold_amount": 500}
CHANNEL = {"type": "email", "recipients": ["a@example.com"], "subject_prefix": "[gw]"}
ALERT = LIMIT | {"notification_channel": CHANNEL}


@pytest.fixture(params=OWNERS)
def owner(request: pytest.FixtureRequest) -> str:
    path: str = request.param
    return path


def kind(owner: str) -> tuple[str, str]:
    return ("organization", "organization") if owner == "/organization" else ("project", "proj_default")


async def test_a_spend_limit(gateway: Gateway, admin: Admin, owner: str) -> None:
    path, (name, _) = f"{owner}/spend_limit", kind(owner)
    assert (await admin.get(path, 404))["error"]["code"] == "not_found"
    await admin.delete(path, 404)
    await gateway.spend("key_1", 5_000_000_000)
    shown = await admin.post(path, LIMIT)
    assert shown == {
        "object": f"{name}.spend_limit",
        "currency": "USD",
        "interval": "month",
        "threshold_amount": 500,
        "amount_usd": 5,
        "enforcement": {"status": "enforcing", "mode": "hard"},
        "spend": {"spent_usd": 5, "reserved_usd": 0, "resets_at": 1_796_083_200},
    }
    assert await admin.get(path) == await admin.post(path, LIMIT) == shown
    soft = await admin.post(path, LIMIT | {"enforcement": "soft"})
    assert soft["enforcement"] == {"status": "inactive", "mode": "soft"}
    assert await admin.delete(path) == {"object": f"{name}.spend_limit.deleted", "deleted": True}
    await admin.get(path, 404)


async def test_limits_are_kept_where_requests_look_for_them(gateway: Gateway, admin: Admin) -> None:
    for owner in OWNERS:
        await admin.post(f"{owner}/spend_limit", LIMIT)
        await admin.post(f"{owner}/spend_alerts", ALERT)
    caller = await gateway.keys.authenticate("sk-ordinary")
    assert caller is not None
    scopes = {(scope.kind, scope.id): scope for scope in caller.scopes}
    for scope in (scopes["project", "proj_default"], scopes["organization", "organization"]):
        assert scope.budget == Budget(5_000_000_000)
        (alert,) = scope.alerts
        assert alert == Alert(alert.id, 5_000_000_000, "month", ("a@example.com",), "[gw]")


async def test_alerts(admin: Admin, owner: str) -> None:
    path, (name, _) = f"{owner}/spend_alerts", kind(owner)
    made = await admin.post(path, ALERT)
    assert made == ALERT | {"object": f"{name}.spend_alert", "id": made["id"], "amount_usd": 5}
    one = f"{path}/{made['id']}"
    changed = await admin.post(one, ALERT | {"threshold_amount": 700})
    assert (changed["id"], changed["threshold_amount"]) == (made["id"], 700)
    assert await admin.get(one) == changed
    assert await admin.delete(one) == {"id": made["id"], "object": f"{name}.spend_alert.deleted", "deleted": True}
    for ask in (admin.get(one, 404), admin.delete(one, 404), admin.post(one, ALERT, 404)):
        await ask


async def test_many_alerts_and_not_too_many(admin: Admin, owner: str) -> None:
    path = f"{owner}/spend_alerts"
    ids = [(await admin.post(path, ALERT))["id"] for _ in range(20)]
    assert (await admin.refused(path, ALERT))[0] == "too_many_alerts"
    assert [each["id"] for each in (await admin.get(f"{path}?order=desc&limit=3"))["data"]] == ids[:-4:-1]
    assert [each["id"] for each in (await admin.get(f"{path}?before={ids[2]}"))["data"]] == ids[:2]
    await admin.post(f"{path}/{ids[5]}", ALERT | {"threshold_amount": 1})
    await admin.delete(f"{path}/{ids[0]}")
    assert [each["id"] for each in (await admin.get(path))["data"]] == ids[1:]


async def test_alerts_are_counted_as_the_limit_is(admin: Admin, owner: str) -> None:
    await admin.post(f"{owner}/spend_limit", LIMIT | {"interval": "day"})
    assert await admin.refused(f"{owner}/spend_alerts", ALERT) == ("invalid_value", "interval")
    daily = {name: ALERT[name] for name in ALERT if name != "interval"}
    made = await admin.post(f"{owner}/spend_alerts", daily)
    assert made["interval"] == "day"
    assert await admin.refused(f"{owner}/spend_alerts/{made['id']}", ALERT) == ("invalid_value", "interval")
    assert await admin.refused(f"{owner}/spend_limit", LIMIT) == ("invalid_value", "interval")
    await admin.delete(f"{owner}/spend_limit")
    assert (await admin.post(f"{owner}/spend_alerts/{made['id']}", ALERT))["interval"] == "month"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "threshold_amount"),
        (LIMIT | {"threshold_amount": -5}, "threshold_amount"),
        (LIMIT | {"threshold_amount": 5.5}, "threshold_amount"),
        (LIMIT | {"currency": "EUR"}, "currency"),
        (LIMIT | {"interval": "year"}, "interval"),
        (LIMIT | {"enforcement": 5}, "enforcement"),
        (LIMIT | {"threshold": 5}, "threshold"),
    ],
)
async def test_limits_that_are_refused(admin: Admin, body: Any, param: str) -> None:
    assert (await admin.refused("/organization/spend_limit", body))[1] == param


async def test_every_change_is_written_down(gateway: Gateway, admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "gateway.audit")
    key = await admin.key(spend_limit={"threshold_amount": 5})
    project = await admin.post("/organization/projects", {"name": "search"})
    await admin.post("/organization/projects/proj_default/api_keys/" + key["id"], {"user": "alice", "disabled": True})
    await admin.post(f"/organization/projects/proj_default/api_keys/{key['id']}", {"user": "alice"})
    rotated = await admin.post(f"/organization/projects/proj_default/api_keys/{key['id']}/rotate")
    await admin.post("/organization/spend_limit", LIMIT)
    lines = audit_lines(caplog.records)
    assert [(line["action"], line["target"], line.get("detail", {}).get("fields")) for line in lines][1:] == [
        ("service_account.created", lines[1]["target"], None),
        ("project.created", project["id"], None),
        ("api_key.updated", key["id"], "disabled,user"),
        ("api_key.updated", key["id"], "value"),
        ("organization.updated", "organization", "spend_limit"),
    ]
    assert lines[0] == {
        "event": "audit",
        "timestamp": "2026-11-21T15:00:00.000Z",
        "action": "api_key.created",
        "actor": "admin",
        "target": key["id"],
        "request_id": lines[0]["request_id"],
        "source": "127.0.0.1",
        "detail": {"project": "proj_default"},
    }
    kept = await gateway.directory.audit()
    assert sorted(entry.action for entry in kept) == sorted(line["action"] for line in lines)
    for secret in (key["value"], rotated["value"], ADMIN):
        assert secret not in caplog.text + str(kept)


async def test_what_was_done_stands_where_its_entry_can_not_be_kept(
    gateway: Gateway, admin: Admin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put = gateway.table.put

    async def broken(pk: str, *args: Any, **more: Any) -> None:
        if pk.startswith("audit#"):
            raise TableUnavailable("throttled")
        await put(pk, *args, **more)

    monkeypatch.setattr(gateway.table, "put", broken)
    caplog.set_level("INFO", "gateway.audit")
    assert (await admin.key())["value"]
    assert [line["action"] for line in audit_lines(caplog.records)] == ["api_key.created", "service_account.created"]
    assert "table_unavailable" in caplog.text


async def test_the_audit_log_newest_first_and_filtered(gateway: Gateway, admin: Admin) -> None:
    for number, (action, target) in enumerate(
        [("api_key.created", "key_1"), ("api_key.deleted", "key_1"), ("project.created", "proj_1")]
    ):
        detail = {"project": "proj_1"} if number else None
        await gateway.directory.write_audit(Audit(NOW + number - 10, f"adm_{number}", action, target, "req_1", detail))

    async def found(query: str = "") -> list[str]:
        return [each["type"] for each in (await admin.get(f"/organization/audit_logs{query}"))["data"]]

    everything = (await admin.get("/organization/audit_logs"))["data"]
    assert [each["type"] for each in everything] == ["project.created", "api_key.deleted", "api_key.created"]
    assert everything[1] == {
        "id": everything[1]["id"],
        "type": "api_key.deleted",
        "effective_at": int(NOW) - 9,
        "actor": {"type": "api_key", "api_key": {"id": "adm_1"}},
        "api_key.deleted": {"id": "key_1"},
        "project": {"id": "proj_1"},
        "detail": {"project": "proj_1"},
        "request_id": "req_1",
    }
    assert await found("?limit=1") == ["project.created"]
    assert await found(f"?after={everything[0]['id']}&limit=1") == ["api_key.deleted"]
    assert await found("?event_types[]=api_key.created&event_types[]=project.created") == [
        "project.created",
        "api_key.created",
    ]
    assert await found("?actor_ids[]=adm_1") == ["api_key.deleted"]
    assert await found("?resource_ids[]=proj_1") == ["project.created"]
    assert await found("?project_ids[]=proj_1") == ["project.created", "api_key.deleted"]
    assert await found(f"?effective_at[gt]={int(NOW) - 10}&effective_at[lt]={int(NOW) - 8}") == ["api_key.deleted"]
    assert await found(f"?effective_at[gte]={int(NOW) - 8}") == await found("?limit=1")
    assert await found(f"?effective_at[lte]={int(NOW) - 10}") == ["api_key.created"]
    await admin.get("/organization/audit_logs?effective_at[gt]=soon", 400)
    await admin.get("/organization/audit_logs?actor_emails[]=a@b.c", 400)
