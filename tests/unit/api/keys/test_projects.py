"""Projects, admin keys and rate limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.api.keys.schema import MOST_REQUESTS, MOST_TOKENS
from app.core.access import Access, Rates
from app.core.ports import ModelEntry
from app.errors import UpstreamFailure
from tests.unit.api.keys.serving import Admin, Gateway, Listed, asking

PROJECTS = "/organization/projects"
RATES = f"{PROJECTS}/proj_default/rate_limits"
ADMINS = "/organization/admin_api_keys"


async def test_a_project_from_its_making_to_its_archive(gateway: Gateway, admin: Admin) -> None:
    made = await admin.post(PROJECTS, {"name": "search", "external_key_id": None})
    assert made["id"].startswith("proj_")
    assert (made["object"], made["status"], made["archived_at"]) == ("organization.project", "active", None)
    path = f"{PROJECTS}/{made['id']}"
    assert (await admin.post(path, {"name": "find"}))["name"] == "find"
    assert (await admin.post(path, {"name": None}))["name"] == "find"
    archived = await admin.post(f"{path}/archive")
    assert (archived["status"], archived["archived_at"]) == ("archived", int(gateway.now))
    gateway.now += 60
    assert await admin.post(f"{path}/archive") == archived == await admin.get(path)
    assert [each["id"] for each in (await admin.get(PROJECTS))["data"]] == ["proj_default"]
    everything = await admin.get(f"{PROJECTS}?include_archived=true")
    assert [each["id"] for each in everything["data"]] == ["proj_default", made["id"]]


async def test_the_default_project_is_always_there(admin: Admin) -> None:
    assert (await admin.get(f"{PROJECTS}/proj_default"))["status"] == "active"
    assert await admin.refused(f"{PROJECTS}/proj_default/archive", {}) == ("invalid_value", "project_id")
    assert (await admin.post(f"{PROJECTS}/proj_default", {"name": "Ours"}))["name"] == "Ours"


@pytest.mark.parametrize("field", ["external_key_id", "geography", "residency"])
async def test_where_data_lives_is_no_promise_of_ours(admin: Admin, field: str) -> None:
    assert await admin.refused(PROJECTS, {"name": "a", field: "EU"}) == ("unsupported_parameter", field)


async def test_a_body_that_is_none(admin: Admin) -> None:
    for content in (b"", b" ", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"name": 1e999}', b"[" * 10_000):
        reply = await admin.http.post(PROJECTS, content=content)
        assert reply.status_code == 400
    reply = await admin.http.post(PROJECTS, content=b'{"name": "%s"}' % (b"x" * 70_000))
    assert reply.status_code == 413


async def test_admin_keys(gateway: Gateway, admin: Admin) -> None:
    made = await admin.post(ADMINS, {"name": "ops", "expires_in_seconds": 60})
    value = made.pop("value")
    assert made["expires_at"] == int(gateway.now) + 60
    assert await admin.get(f"{ADMINS}/{made['id']}") == made
    async with asking(gateway, value) as other:
        assert (await other.get(ADMINS))["data"][0]["id"] == made["id"]
    assert value not in str(await admin.get(ADMINS))
    assert (await admin.delete(f"{ADMINS}/{made['id']}"))["object"] == "organization.admin_api_key.deleted"
    await admin.get(f"{ADMINS}/{made['id']}", 404)
    await admin.delete(f"{ADMINS}/{made['id']}", 404)
    assert await admin.refused(ADMINS, {}) == ("missing_required_parameter", "name")
    assert await admin.refused(ADMINS, {"name": "a", "role": "owner"}) == ("unknown_parameter", "role")


async def test_rate_limits_of_all_models_and_of_each(gateway: Gateway, admin: Admin) -> None:
    listed = await admin.get(RATES)
    assert [each["id"] for each in listed["data"]] == ["rl-default", "rl-acme.glider", "rl-acme.rocket-v1:0"]
    assert (listed["has_more"], listed["last_id"]) == (False, "rl-acme.rocket-v1:0")
    none = {"max_requests_per_1_minute": MOST_REQUESTS, "max_tokens_per_1_minute": MOST_TOKENS}
    assert listed["data"][0] == {
        "object": "project.rate_limit",
        "id": "rl-default",
        "model": "*",
        "rate_limits": dict.fromkeys(none),
    } | none  # fmt: skip
    shown = await admin.post(f"{RATES}/rl-acme.glider", {"max_requests_per_1_minute": 0})
    assert (shown["max_requests_per_1_minute"], shown["rate_limits"]["max_tokens_per_1_minute"]) == (0, None)
    await admin.post(f"{RATES}/rl-default", {"max_tokens_per_1_minute": 5000})
    project = await gateway.directory.project("proj_default")
    assert project is not None
    assert project.rates == {"acme.glider": Rates(0, None), "*": Rates(None, 5000)}


async def test_a_rate_limit_goes_when_nothing_is_limited(gateway: Gateway, admin: Admin) -> None:
    shown = await admin.post(f"{RATES}/rl-acme.glider", {"max_requests_per_1_minute": 5})
    # As a client does that reads, changes one number and writes everything back.
    same = {name: shown[name] for name in ("max_requests_per_1_minute", "max_tokens_per_1_minute")}
    assert await admin.post(f"{RATES}/rl-acme.glider", same) == shown
    await admin.post(f"{RATES}/rl-acme.glider", {"max_requests_per_1_minute": None})
    project = await gateway.directory.project("proj_default")
    assert project is not None
    assert project.rates == {}


@pytest.mark.parametrize(
    "id", ["rl-acme.none", "acme.glider", "rl-", "rl-*", "rl-a%2Fb", "rl-" + "x" * 5000, "default"]
)
async def test_rate_limits_of_what_is_no_model(admin: Admin, id: str) -> None:
    await admin.post(f"{RATES}/{id}", {"max_requests_per_1_minute": 5}, 404)


async def test_what_is_not_limited_here_is_said(admin: Admin) -> None:
    body = {"max_requests_per_1_day": 5}
    assert await admin.refused(f"{RATES}/rl-default", body) == ("unsupported_parameter", "max_requests_per_1_day")


@pytest.mark.parametrize("models", [None, "away"])
async def test_rate_limits_without_a_catalogue(models: Any) -> None:
    class Away(Listed):
        async def entries(self, access: Access) -> Sequence[ModelEntry]:
            raise UpstreamFailure("later", status=503)

    async with asking(Gateway(Away() if models else None)) as admin:
        assert [each["id"] for each in (await admin.get(RATES))["data"]] == ["rl-default"]
        await admin.post(f"{RATES}/rl-acme.new", {"max_requests_per_1_minute": 5})
        assert [each["id"] for each in (await admin.get(RATES))["data"]] == ["rl-default", "rl-acme.new"]
