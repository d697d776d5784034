"""OpenAI's admin client against the admin routes, over HTTP and a table in memory: every method of these resources."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai._models import BaseModel
from openai.pagination import SyncConversationCursorPage, SyncCursorPage
from openai.types.admin.organization import (
    AdminAPIKey,
    AdminAPIKeyCreateResponse,
    OrganizationSpendAlert,
    OrganizationSpendLimit,
    Project,
)
from openai.types.admin.organization.projects import (
    ProjectAPIKey,
    ProjectRateLimit,
    ProjectServiceAccount,
    ProjectSpendAlert,
    ProjectSpendLimit,
    ServiceAccountCreateResponse,
)
from openai.types.admin.organization.projects.service_accounts import APIKeyCreateResponse

from app.core.access import Budget, Scope
from app.stores.ledger import Ledgers
from app.stores.table.memory import MemoryTable
from local.emulator import Emulator
from tests.contract.conftest import KEY, problem, serving
from tests.contract.words import NOVA

ADMIN = "sk-admin-contract"
CHANNEL: Any = {"type": "email", "recipients": ["ops@example.com"]}


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def served(emulator: Emulator, table: MemoryTable) -> Iterator[str]:
    with serving(emulator.url, table=table, admin_key=ADMIN) as url:
        yield f"{url}/v1"


@pytest.fixture
def client(served: str) -> Iterator[OpenAI]:
    with presenting(served, ADMIN) as client:
        yield client


def presenting(url: str, key: str) -> OpenAI:
    return OpenAI(base_url=url, api_key=KEY, admin_api_key=key, max_retries=0, timeout=20)


def sound(*objects: BaseModel) -> None:
    """Fails where an object is not what its own class says: the SDK itself checks nothing."""
    for each in objects:
        type(each).model_validate(json.loads(each.model_dump_json(by_alias=True, warnings="error")), strict=True)


def extra(of: Any, name: str) -> Any:
    """A field that OpenAI's own objects do not have."""
    return of.model_extra[name]


def test_admin_keys(client: OpenAI, served: str) -> None:
    keys = client.admin.organization.admin_api_keys
    made = keys.create(name="ops", expires_in_seconds=3600)
    assert isinstance(made, AdminAPIKeyCreateResponse)
    assert made.value.startswith("sk-admin-")
    shown = keys.retrieve(made.id)
    assert type(shown) is AdminAPIKey
    assert (shown.name, shown.redacted_value[-4:]) == ("ops", made.value[-4:])
    page = keys.list(order="desc", limit=10)
    assert isinstance(page, SyncCursorPage)
    sound(made, shown, *page.data)
    with presenting(served, made.value) as other:
        assert [key.id for key in other.admin.organization.admin_api_keys.list()] == [made.id]
    assert keys.delete(made.id).deleted is True
    with pytest.raises(openai.NotFoundError):
        keys.retrieve(made.id)


def test_projects(client: OpenAI) -> None:
    projects = client.admin.organization.projects
    made = projects.create(name="search")
    assert type(made) is Project
    assert projects.update(made.id, name="find").name == "find"
    assert projects.retrieve(made.id).status == "active"
    archived = projects.archive(made.id)
    assert archived.status == "archived"
    assert [each.id for each in projects.list()] == ["proj_default"]
    page = projects.list(include_archived=True)
    assert isinstance(page, SyncConversationCursorPage)
    assert [each.id for each in page] == ["proj_default", made.id]
    sound(made, archived, *page.data)


def test_service_accounts_and_their_keys(client: OpenAI) -> None:
    accounts = client.admin.organization.projects.service_accounts
    made = accounts.create("proj_default", name="ci", expires_in_seconds=600)
    assert type(made) is ServiceAccountCreateResponse
    assert made.api_key is not None
    assert made.api_key.value.startswith("sk-gw-")
    bare = accounts.create("proj_default", name="bare", create_service_account_only=True)
    assert (bare.api_key, bare.role) == (None, "none")
    key = accounts.api_keys.create(bare.id, project_id="proj_default", name="later", scopes=[])
    assert type(key) is APIKeyCreateResponse
    shown = accounts.retrieve(made.id, project_id="proj_default")
    assert type(shown) is ProjectServiceAccount
    renamed = accounts.update(made.id, project_id="proj_default", name="cd", role="owner")
    assert (renamed.name, renamed.role) == ("cd", "owner")
    page = accounts.list("proj_default")
    assert isinstance(page, SyncConversationCursorPage)
    assert [each.id for each in page] == [made.id, bare.id]
    sound(made, bare, key, shown, renamed, *page.data)
    assert accounts.delete(made.id, project_id="proj_default").deleted is True
    assert [each.id for each in client.admin.organization.projects.api_keys.list("proj_default")] == [key.id]


def test_keys_of_a_project(client: OpenAI, table: MemoryTable) -> None:
    projects = client.admin.organization.projects
    limits: dict[str, Any] = {
        "user": "alice",
        "tags": {"team": "search"},
        "models": ["us.acme.*", "fast"],
        "spend_limit": {"threshold_amount": 2000, "interval": "month"},
        "rate_limits": {"max_requests_per_1_minute": 60},
    }
    made = projects.service_accounts.create("proj_default", name="ci", extra_body=limits)
    assert made.api_key is not None
    id = made.api_key.id
    assert extra(made.api_key, "models") == limits["models"]
    shown = projects.api_keys.retrieve(id, project_id="proj_default")
    assert type(shown) is ProjectAPIKey
    assert shown.owner.service_account is not None
    assert (shown.owner.service_account.id, shown.owner_project_access) == (made.id, "active")
    assert extra(shown, "tags") == {"team": "search"}
    assert extra(shown, "rate_limits") == {"max_requests_per_1_minute": 60, "max_tokens_per_1_minute": None}
    asyncio.run(Ledgers(table).count(Scope("key", id, budget=Budget(1)), 1_500_000_000))
    assert extra(projects.api_keys.retrieve(id, project_id="proj_default"), "spend")["spent_usd"] == 1.5
    changed = projects.api_keys.update(
        id, project_id="proj_default", expires_in_seconds=60, extra_body={"spend_limit": None, "disabled": True}
    )
    assert changed.expires_at == pytest.approx(time.time() + 60, abs=5)
    assert (extra(changed, "spend_limit"), extra(changed, "disabled")) == (None, True)
    page = projects.api_keys.list("proj_default", owner_project_access="active")
    assert isinstance(page, SyncConversationCursorPage)
    sound(shown, changed, *page.data)
    rotated: Any = client.post(
        f"/organization/projects/proj_default/api_keys/{id}/rotate",
        body={"grace_seconds": 60},
        cast_to=ProjectAPIKey,
        options={"security": {"admin_api_key_auth": True}},
    )
    assert extra(rotated, "value") not in (None, made.api_key.value)
    assert projects.api_keys.delete(id, project_id="proj_default").object == "organization.project.api_key.deleted"
    assert list(projects.api_keys.list("proj_default")) == []


def test_rate_limits(client: OpenAI) -> None:
    limits = client.admin.organization.projects.rate_limits
    page = limits.list_rate_limits("proj_default")
    assert isinstance(page, SyncConversationCursorPage)
    assert type(page.data[0]) is ProjectRateLimit
    models = [each.model for each in page]
    assert models[0] == "*"
    assert models[1:] == sorted(models[1:])
    assert NOVA in models
    changed = limits.update_rate_limit(
        f"rl-{NOVA}", project_id="proj_default", max_requests_per_1_minute=5, max_tokens_per_1_minute=0
    )
    assert (changed.max_requests_per_1_minute, changed.max_tokens_per_1_minute) == (5, 0)
    second = limits.list_rate_limits("proj_default", after="rl-default", limit=10)
    assert [each.model for each in second] == models[1:]
    sound(changed, *page.data)


def test_spend_limits(client: OpenAI) -> None:
    organization = client.admin.organization
    ours = organization.spend_limit.update(currency="USD", interval="month", threshold_amount=10_000)
    theirs = organization.projects.spend_limit.update(
        "proj_default", currency="USD", interval="month", threshold_amount=500
    )
    assert (type(ours), type(theirs)) == (OrganizationSpendLimit, ProjectSpendLimit)
    sound(ours, theirs, organization.spend_limit.retrieve(), organization.projects.spend_limit.retrieve("proj_default"))
    assert (ours.threshold_amount, theirs.enforcement.status) == (10_000, "inactive")
    assert organization.spend_limit.delete().deleted is True
    assert organization.projects.spend_limit.delete("proj_default").deleted is True
    with pytest.raises(openai.NotFoundError):
        organization.spend_limit.retrieve()
    with pytest.raises(openai.NotFoundError):
        organization.projects.spend_limit.retrieve("proj_default")


def test_spend_alerts(client: OpenAI) -> None:
    organization = client.admin.organization
    body: Any = {"currency": "USD", "interval": "month", "threshold_amount": 800, "notification_channel": CHANNEL}
    ours = organization.spend_alerts
    made = ours.create(**body)
    assert type(made) is OrganizationSpendAlert
    changed = ours.update(made.id, **body | {"threshold_amount": 900})
    page = ours.list(order="desc")
    assert isinstance(page, SyncConversationCursorPage)
    assert [each.threshold_amount for each in page] == [900]
    sound(made, changed, ours.retrieve(made.id), *page.data)
    assert ours.delete(made.id).deleted is True
    theirs = organization.projects.spend_alerts
    alert = theirs.create("proj_default", **body)
    assert type(alert) is ProjectSpendAlert
    altered = theirs.update(alert.id, project_id="proj_default", **body | {"threshold_amount": 900})
    listed = theirs.list("proj_default", before=None or openai.omit)
    sound(alert, altered, theirs.retrieve(alert.id, project_id="proj_default"), *listed.data)
    assert theirs.delete(alert.id, project_id="proj_default").deleted is True
    assert list(theirs.list("proj_default")) == []


def test_the_audit_log(client: OpenAI) -> None:
    organization = client.admin.organization
    admin_key = organization.admin_api_keys.create(name="ops")
    project = organization.projects.create(name="search")
    organization.projects.update(project.id, name="find")
    made = organization.projects.service_accounts.create(project.id, name="ci")
    assert made.api_key is not None
    organization.projects.service_accounts.update(made.id, project_id=project.id, name="cd")
    organization.projects.api_keys.update(made.api_key.id, project_id=project.id, expires_in_seconds=5)
    organization.projects.rate_limits.update_rate_limit(
        "rl-default", project_id=project.id, max_requests_per_1_minute=5
    )
    organization.spend_limit.update(currency="USD", interval="month", threshold_amount=100)
    organization.projects.api_keys.delete(made.api_key.id, project_id=project.id)
    organization.projects.service_accounts.delete(made.id, project_id=project.id)
    organization.projects.archive(project.id)
    organization.admin_api_keys.delete(admin_key.id)
    page = organization.audit_logs.list(limit=100)
    assert isinstance(page, SyncConversationCursorPage)
    sound(*page.data)
    assert {each.type for each in page} == {
        "tenant.admin_api_key.created",
        "tenant.admin_api_key.deleted",
        "project.created",
        "project.updated",
        "project.archived",
        "service_account.created",
        "service_account.updated",
        "service_account.deleted",
        "api_key.created",
        "api_key.updated",
        "api_key.deleted",
        "rate_limit.updated",
        "organization.updated",
    }
    (event,) = organization.audit_logs.list(
        event_types=["project.archived"], project_ids=[project.id], effective_at={"gte": 1}
    )
    assert event.project_archived is not None
    assert (event.project_archived.id, event.project) == (project.id, event.project)
    assert event.actor is not None
    assert event.actor.api_key is not None
    assert event.actor.api_key.id == "admin"


@pytest.mark.parametrize("limit", [1, 20, 44, 45, 100])
def test_lists_are_walked_to_their_end(client: OpenAI, limit: int) -> None:
    projects = client.admin.organization.projects
    made = [projects.create(name=f"project {number}").id for number in range(45)]
    found = [each.id for each in projects.list(limit=limit)]
    assert sorted(found) == sorted([*made, "proj_default"])
    assert len(found) == 46


def test_every_list_is_walked(client: OpenAI) -> None:
    organization = client.admin.organization
    account = organization.projects.service_accounts.create(
        "proj_default", name="bare", create_service_account_only=True
    )
    keys = organization.projects.service_accounts.api_keys
    for number in range(44):
        organization.projects.service_accounts.create("proj_default", name=str(number))
        organization.admin_api_keys.create(name=str(number))
    keys.create(account.id, project_id="proj_default")
    assert len(list(organization.projects.service_accounts.list("proj_default", limit=10))) == 45
    assert len(list(organization.projects.api_keys.list("proj_default"))) == 45
    assert len(list(organization.admin_api_keys.list(limit=7, order="desc"))) == 44
    assert len(list(organization.audit_logs.list(limit=50))) == 1 + 44 * 3 + 1


def test_mistakes_as_the_sdk_sees_them(client: OpenAI) -> None:
    organization = client.admin.organization
    with pytest.raises(openai.BadRequestError) as unknown:
        organization.projects.list(after="proj_gone")
    assert problem(unknown.value) == ("invalid_request_error", "invalid_value", "after")
    with pytest.raises(openai.NotFoundError) as missing:
        organization.projects.retrieve("proj_gone")
    assert problem(missing.value) == ("invalid_request_error", "not_found", None)
    with pytest.raises(openai.BadRequestError) as misspelled:
        organization.projects.service_accounts.create("proj_default", name="a", extra_body={"spendlimit": {}})
    assert problem(misspelled.value) == ("invalid_request_error", "unknown_parameter", "spendlimit")
    with pytest.raises(openai.NotFoundError) as elsewhere:
        organization.users.list()
    assert elsewhere.value.code == "unknown_url"


def test_no_ordinary_key_opens_an_admin_route(client: OpenAI, served: str) -> None:
    made = client.admin.organization.projects.service_accounts.create("proj_default", name="ci")
    assert made.api_key is not None
    for key in (made.api_key.value, KEY):
        with presenting(served, key) as other, pytest.raises(openai.PermissionDeniedError):
            other.admin.organization.projects.list()
    with presenting(served, "sk-nobody") as other, pytest.raises(openai.AuthenticationError):
        other.admin.organization.projects.list()
