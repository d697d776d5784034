"""Service accounts and the keys of a project."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.access import Budget, Scope
from app.core.table import TableUnavailable
from app.stores.table.memory import MemoryTable
from tests.unit.api.keys.serving import ADMIN, ORDINARY, Admin, Gateway, asking

KEYS = "/organization/projects/proj_default/api_keys"
ACCOUNTS = "/organization/projects/proj_default/service_accounts"


async def test_a_key_from_its_making_to_its_end(gateway: Gateway, admin: Admin) -> None:
    made = await admin.post(ACCOUNTS, {"name": "ci", "user": "alice", "models": ["fast"], "expires_in_seconds": 60})
    key = made.pop("api_key")
    assert (made["object"], made["name"], made["role"]) == ("organization.project.service_account", "ci", "member")
    assert (await gateway.keys.authenticate(key["value"])).key_id == key["id"]  # type: ignore[union-attr]
    shown = await admin.get(f"{KEYS}/{key['id']}")
    assert shown["owner"] == {"type": "service_account", "service_account": {k: made[k] for k in made if k != "object"}}
    assert key["value"] not in str(shown)
    assert {name: shown[name] for name in ("user", "models", "expires_at", "name", "disabled", "spend")} == {
        "user": "alice",
        "models": ["fast"],
        "expires_at": int(gateway.now) + 60,
        "name": "ci",
        "disabled": False,
        "spend": None,
    }
    assert await admin.delete(f"{KEYS}/{key['id']}") == {
        "id": key["id"],
        "object": "organization.project.api_key.deleted",
        "deleted": True,
    }
    await admin.get(f"{KEYS}/{key['id']}", 404)
    await admin.delete(f"{KEYS}/{key['id']}", 404)


async def test_an_account_without_a_key_and_the_keys_it_gets_later(gateway: Gateway, admin: Admin) -> None:
    account = await admin.post(ACCOUNTS, {"name": "ci", "create_service_account_only": True})
    assert (account["role"], account["api_key"]) == ("none", None)
    path = f"{ACCOUNTS}/{account['id']}/api_keys"
    assert (await admin.post(path, {}))["name"] == "ci"
    gateway.now += 1
    second = await admin.post(path, {"name": "second", "scopes": [], "rate_limits": {"max_requests_per_1_minute": 5}})
    assert second["rate_limits"] == {"max_requests_per_1_minute": 5, "max_tokens_per_1_minute": None}
    assert [key["name"] for key in (await admin.get(KEYS))["data"]] == ["ci", "second"]
    assert await admin.refused(path, {"expires_at": 5}) == ("invalid_value", "expires_at")
    assert (await admin.delete(f"{ACCOUNTS}/{account['id']}"))["deleted"] is True
    assert (await admin.get(KEYS))["data"] == []


async def test_limits_for_an_account_that_gets_no_key_are_refused(admin: Admin) -> None:
    body = {"name": "ci", "create_service_account_only": True, "models": ["fast"]}
    assert await admin.refused(ACCOUNTS, body) == ("unsupported_parameter", "models")


async def test_an_account_is_not_left_behind_by_a_key_that_could_not_be_made(
    gateway: Gateway, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(record: Any) -> Any:
        raise TableUnavailable("throttled")

    monkeypatch.setattr(gateway.directory, "create_key", broken)
    await admin.post(ACCOUNTS, {"name": "ci"}, 503)
    assert (await admin.get(ACCOUNTS))["data"] == []
    await admin.post(ACCOUNTS, {"name": "ci", "expires_at": 1}, 400)
    assert (await admin.get(ACCOUNTS))["data"] == []


async def test_an_account_is_renamed(admin: Admin) -> None:
    account = await admin.post(ACCOUNTS, {"name": "ci"})
    path = f"{ACCOUNTS}/{account['id']}"
    changed = await admin.post(path, {"name": "cd", "role": "owner"})
    assert (changed["name"], changed["role"]) == ("cd", "owner")
    assert await admin.post(path, {}) == changed
    assert await admin.get(path) == changed
    assert await admin.refused(path, {"role": "king"}) == ("invalid_value", "role")


async def test_an_update_changes_what_it_names(admin: Admin) -> None:
    key = await admin.key(tags={"team": "search"}, max_tokens=50)
    path = f"{KEYS}/{key['id']}"
    changed = await admin.post(path, {"disabled": True, "max_tokens": None})
    assert (changed["disabled"], changed["max_tokens"], changed["tags"]) == (True, None, {"team": "search"})
    assert await admin.get(path) == changed
    assert await admin.refused(path, {"max_tokenz": 5}) == ("unknown_parameter", "max_tokenz")
    assert await admin.get(path) == changed


async def test_what_a_key_has_spent(gateway: Gateway, admin: Admin) -> None:
    key = await admin.key(spend_limit={"amount_usd": 0.02, "interval": "day"})
    assert key["spend"] == {"spent_usd": 0, "reserved_usd": 0, "resets_at": 1_795_305_600}
    scope = Scope("key", key["id"], budget=Budget(20_000_000, "day"))
    hold = await gateway.ledgers.reserve(scope, "req_1", "acme.rocket", 15_000_000, 10)
    path = f"{KEYS}/{key['id']}"
    shown = await admin.get(path)
    assert shown["spend"] == {"spent_usd": 0, "reserved_usd": 0.015, "resets_at": 1_795_305_600}
    assert shown["spend_limit"] == {
        "currency": "USD",
        "interval": "day",
        "threshold_amount": 2,
        "amount_usd": 0.02,
        "enforcement": {"status": "inactive", "mode": "hard"},
    }
    await gateway.ledgers.settle(hold, 20_000_000, 10)
    (listed,) = (await admin.get(KEYS))["data"]
    assert listed["spend"]["spent_usd"] == 0.02
    assert listed["spend_limit"]["enforcement"]["status"] == "enforcing"


async def test_a_new_budget_begins_with_what_was_spent_before(gateway: Gateway, admin: Admin) -> None:
    key = await admin.key()
    await gateway.spend(key["id"], 3_000_000_000)
    path = f"{KEYS}/{key['id']}"
    shown = await admin.post(path, {"spend_limit": {"threshold_amount": 500, "interval": "week"}})
    assert shown["spend"]["spent_usd"] == 3


async def test_a_key_whose_limit_stays_reads_no_usage(gateway: Gateway, admin: Admin, monkeypatch: Any) -> None:
    async def unwanted(*_: Any) -> Any:
        raise AssertionError("a limit begins only where one is set")

    key = await admin.key(spend_limit={"threshold_amount": 500})
    monkeypatch.setattr(gateway.ledgers, "begin", unwanted)
    path = f"{KEYS}/{key['id']}"
    await admin.post(path, {"name": "other"})
    await admin.post(path, {"spend_limit": None})


async def test_spending_while_processes_learn_of_a_new_budget_is_shown_after_a_minute(
    gateway: Gateway, admin: Admin
) -> None:
    key = await admin.key()
    path = f"{KEYS}/{key['id']}"
    await gateway.spend(key["id"], 3_000_000_000)
    await admin.post(path, {"spend_limit": {"threshold_amount": 500}})
    await gateway.spend(key["id"], 4_000_000_000)
    gateway.now += 65
    assert (await admin.get(path))["spend"]["spent_usd"] == 7


async def test_a_budget_that_can_not_begin_is_not_set(gateway: Gateway, admin: Admin, monkeypatch: Any) -> None:
    async def broken(*_: Any) -> Any:
        raise TableUnavailable("throttled")

    key = await admin.key()
    monkeypatch.setattr(gateway.ledgers, "begin", broken)
    path = f"{KEYS}/{key['id']}"
    await admin.post(path, {"spend_limit": {"threshold_amount": 500}}, 503)
    assert (await admin.get(path))["spend_limit"] is None


async def test_a_rotated_key_opens_with_the_new_secret(gateway: Gateway, admin: Admin) -> None:
    key = await admin.key(spend_limit={"threshold_amount": 100})
    path = f"{KEYS}/{key['id']}/rotate"
    new = await admin.post(path, {"grace_seconds": 60})
    assert new["value"] not in (key["value"], None)
    assert new["id"] == key["id"]
    assert new["spend_limit"]["threshold_amount"] == 100
    assert new["redacted_value"].endswith(new["value"][-4:])
    for value in (key["value"], new["value"]):
        assert (await gateway.keys.authenticate(value)).key_id == key["id"]  # type: ignore[union-attr]
    gateway.now += 600
    assert await gateway.keys.authenticate(key["value"]) is None
    assert (await admin.post(path))["value"] != new["value"]
    assert await admin.refused(path, {"grace_seconds": -1}) == ("invalid_value", "grace_seconds")


async def test_the_api_key_of_the_settings_can_be_limited(gateway: Gateway, admin: Admin) -> None:
    path = f"{KEYS}/default"
    await admin.get(path, 404)
    shown = await admin.post(path, {"rate_limits": {"max_requests_per_1_minute": 3}})
    assert (shown["id"], shown["owner"]) == ("default", {"type": "user"})
    caller = await gateway.keys.authenticate(ORDINARY)
    assert caller is not None
    assert caller.scopes[0].rates.rpm == 3
    assert (await admin.get(path))["rate_limits"]["max_requests_per_1_minute"] == 3
    assert (await admin.post(f"{path}/rotate", {}, 400))["error"]["code"] == "not_rotatable"


async def test_a_key_is_in_one_project_only(admin: Admin) -> None:
    key = await admin.key()
    account = (await admin.get(ACCOUNTS))["data"][0]["id"]
    other = (await admin.post("/organization/projects", {"name": "other"}))["id"]
    for path in (f"api_keys/{key['id']}", f"service_accounts/{account}"):
        await admin.get(f"/organization/projects/{other}/{path}", 404)
        await admin.post(f"/organization/projects/{other}/{path}", {"name": "x"}, 404)
        await admin.delete(f"/organization/projects/{other}/{path}", 404)
    await admin.post(f"/organization/projects/{other}/api_keys/{key['id']}/rotate", {}, 404)
    await admin.post(f"/organization/projects/{other}/service_accounts/{account}/api_keys", {}, 404)
    await admin.post(f"/organization/projects/{other}/api_keys/default", {"disabled": True}, 404)
    assert (await admin.get(f"/organization/projects/{other}/api_keys"))["data"] == []


async def test_an_archived_project_takes_no_changes_but_can_be_looked_at(admin: Admin) -> None:
    project = f"/organization/projects/{(await admin.post('/organization/projects', {'name': 'a'}))['id']}"
    made = await admin.post(f"{project}/service_accounts", {"name": "ci"})
    key = f"{project}/api_keys/{made['api_key']['id']}"
    assert len((await admin.get(f"{project}/api_keys?owner_project_access=active"))["data"]) == 1
    await admin.post(f"{project}/archive")
    for path, body in (
        (f"{project}/service_accounts", {"name": "x"}),
        (f"{project}/service_accounts/{made['id']}/api_keys", {}),
        (key, {"name": "x"}),
        (f"{key}/rotate", {}),
        (project, {"name": "x"}),
        (f"{project}/spend_limit", {"threshold_amount": 1}),
        (f"{project}/rate_limits/rl-default", {"max_requests_per_1_minute": 1}),
    ):
        assert await admin.refused(path, body) == ("project_archived", "project_id")
    assert (await admin.get(key))["owner_project_access"] == "inactive"
    assert (await admin.get(f"{project}/api_keys?owner_project_access=active"))["data"] == []
    assert len((await admin.get(f"{project}/api_keys?owner_project_access=inactive"))["data"]) == 1
    await admin.delete(key)


@pytest.mark.parametrize("id", ["%2e%2e%2f", "a%2Fb", "a%252Fb", "%00", "x" * 5000, "proj_default%20", "é", "key#1"])
async def test_ids_that_can_be_none_are_not_there(admin: Admin, id: str) -> None:
    for path in (f"/organization/projects/{id}/api_keys", f"{KEYS}/{id}", f"/organization/admin_api_keys/{id}"):
        reply = await admin.http.get(path)
        assert reply.status_code == 404, reply.text
        assert len(reply.text) < 600


async def test_a_change_from_an_old_version_is_a_conflict(gateway: Gateway, admin: Admin, monkeypatch: Any) -> None:
    key = await admin.key()
    stale = await gateway.directory.key(key["id"])
    await admin.post(f"{KEYS}/{key['id']}", {"name": "first"})

    async def old(id: str) -> Any:
        return stale

    monkeypatch.setattr(gateway.directory, "key", old)
    assert (await admin.post(f"{KEYS}/{key['id']}", {"name": "second"}, 409))["error"]["code"] == "conflict"


async def test_a_table_that_is_away_is_a_503() -> None:
    class Away(MemoryTable):
        async def get(self, *_: Any, **__: Any) -> Any:
            raise TableUnavailable("throttled")

        query = get

    async with asking(Gateway(table=Away()), ADMIN) as admin:
        for path in (KEYS, "/organization/projects", "/organization/spend_limit", "/organization/audit_logs"):
            reply = await admin.http.get(path)
            assert reply.status_code == 503
            assert reply.headers["retry-after"]
