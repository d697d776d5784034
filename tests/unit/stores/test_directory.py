"""The directory over the table: what is written comes back, changes that collide are told, secrets are not kept."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.access import DEFAULT_PROJECT, Access, Alert, Budget, Rates
from app.core.directory import Audit
from app.core.directory import Directory as Port
from app.core.prompt import Guardrail
from app.core.records import AdminKey, KeyRecord, Organization, Project, ServiceAccount
from app.core.table import Item
from app.errors import GatewayError, InvalidRequest, NotFound
from app.stores.directory import items
from app.stores.directory.credentials import ADMIN_KEY, KEY, matches, new_credential, taken_apart
from app.stores.directory.fields import Broken
from app.stores.directory.shelf import Unreadable
from app.stores.directory.store import TableDirectory
from app.stores.table.memory import MemoryTable
from tests.unit.stores.failing import Clock, FailingTable

ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
FULL = KeyRecord(
    "",
    "alice",
    user="u-1",
    tags={"team": "search"},
    access=Access(("us.*", "fast"), 100, Guardrail("gr1", "DRAFT", "sync"), "flex", {"*": ARN}, 60, "1h"),
    rates=Rates(60, 0),
    budget=Budget(20 * 10**9, "week", False),
    expires_at=1_900_000_000,
)


class Desk:
    def __init__(self) -> None:
        self.clock = Clock()
        self.table = FailingTable(self.clock)
        self.directory = TableDirectory(self.table, clock=self.clock)

    async def stored(self, pk: str, sk: str) -> Item:
        item = await self.table.get(pk, sk)
        assert item is not None
        return item


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_it_is_a_directory(desk: Desk) -> None:
    port: Port = desk.directory
    assert port is desk.directory


async def test_a_key_comes_back_as_it_was_made(desk: Desk) -> None:
    made, secret = await desk.directory.create_key(FULL)
    assert made == replace(FULL, id=made.id, created_at=1_800_000_000, redacted=made.redacted, version=1)
    assert re.fullmatch(r"key_[a-z2-7]{16}", made.id)
    assert re.fullmatch(rf"sk-gw-{made.id[4:]}-[A-Za-z0-9_-]{{43}}", secret)
    assert made.redacted == f"sk-gw-{made.id[4:8]}...{secret[-4:]}"
    assert await desk.directory.key(made.id) == made
    assert await desk.directory.keys() == [made]


async def test_only_a_salted_hash_is_kept(desk: Desk) -> None:
    one, secret = await desk.directory.create_key(FULL)
    two, _ = await desk.directory.create_key(FULL)
    first, second = await desk.stored("key", one.id), await desk.stored("key", two.id)
    assert secret[23:] not in json.dumps(dict(first))
    assert first["salt"] != second["salt"]
    assert first["hash"] != second["hash"]
    assert re.fullmatch(r"[0-9a-f]{32}", str(first["salt"]))
    assert re.fullmatch(r"[0-9a-f]{64}", str(first["hash"]))
    assert matches(str(first["salt"]), str(first["hash"]), secret[23:])
    assert not matches(str(second["salt"]), str(second["hash"]), secret[23:])


async def test_an_expired_key_stays_in_the_table(desk: Desk) -> None:
    made, _ = await desk.directory.create_key(replace(FULL, expires_at=1_800_000_010))
    desk.clock.now += 11
    assert await desk.directory.key(made.id) == made


async def test_keys_are_listed_oldest_first_and_by_project(desk: Desk) -> None:
    project = await desk.directory.create_project("p")
    made = []
    for number in range(6):
        desk.clock.now += 0.001
        record = KeyRecord("", f"k{number}", project=project.id if number % 2 else DEFAULT_PROJECT)
        made.append((await desk.directory.create_key(record))[0])
    assert [record.name for record in await desk.directory.keys()] == [f"k{number}" for number in range(6)]
    assert [record.name for record in await desk.directory.keys(project.id)] == ["k1", "k3", "k5"]


async def test_of_two_changes_at_once_one_is_told(desk: Desk) -> None:
    made, _ = await desk.directory.create_key(FULL)
    results = await asyncio.gather(
        *(desk.directory.update_key(replace(made, name=name)) for name in ("one", "two")), return_exceptions=True
    )
    conflicts = [result for result in results if isinstance(result, GatewayError)]
    assert [(each.status, each.code) for each in conflicts] == [(409, "conflict")]
    kept = await desk.directory.key(made.id)
    assert kept is not None
    assert kept.version == 2
    assert kept in results


async def test_a_change_leaves_the_secret_and_its_use_alone(desk: Desk) -> None:
    made, _ = await desk.directory.create_key(FULL)
    await desk.directory.touch(made.id, 1_800_000_500.7)
    before = await desk.stored("key", made.id)
    changed = await desk.directory.update_key(replace(made, name="bob", access=Access(), budget=None, tags={}))
    after = await desk.stored("key", made.id)
    assert changed.last_used_at == 1_800_000_500
    assert (changed.name, changed.access, changed.budget, changed.tags, changed.version) == (
        "bob",
        Access(),
        None,
        {},
        2,
    )
    assert changed.redacted == made.redacted
    assert {name for name in after if after[name] != before.get(name)} == {"body", "version"}


async def test_an_expired_key_may_be_changed_but_none_be_made(desk: Desk) -> None:
    made, _ = await desk.directory.create_key(replace(FULL, expires_at=1_800_000_010))
    desk.clock.now += 100
    changed = await desk.directory.update_key(replace(made, disabled=True))
    assert changed.disabled
    for record in (replace(changed, expires_at=1_800_000_011), replace(changed, expires_at=0)):
        with pytest.raises(InvalidRequest, match="in the future") as raised:
            await desk.directory.update_key(record)
        assert raised.value.param == "expires_at"
    with pytest.raises(InvalidRequest, match="in the future"):
        await desk.directory.create_key(made)


@pytest.mark.parametrize("id", ["key_aaaaaaaaaaaaaaaa", "", "../x", "x" * 5000, "a b", "\ud800", "key_\n"])
async def test_what_is_not_there_is_not_found(desk: Desk, id: str) -> None:
    directory = desk.directory
    for found in (directory.key(id), directory.admin_key(id), directory.project(id), directory.account(id)):
        assert await found is None
    for change in (
        directory.update_key(KeyRecord(id, "x", version=1)),
        directory.update_key(KeyRecord(id, "x")),
        directory.rotate_key(id),
        directory.delete_key(id),
        directory.delete_admin_key(id),
        directory.update_project(Project(id, "x", version=1)),
        directory.update_account(ServiceAccount(id, "x", DEFAULT_PROJECT)),
        directory.delete_account(id),
        directory.create_key(KeyRecord("", "x", project=id)),
        directory.create_account(id, "x"),
        directory.create_key(KeyRecord("", "x", account=id or "svc_x")),
    ):
        with pytest.raises(NotFound):
            await change
    assert await desk.table.query("key") == []


async def test_rotation_gives_a_new_secret_and_the_old_one_a_grace(desk: Desk) -> None:
    made, old = await desk.directory.create_key(FULL)
    rotated, new = await desk.directory.rotate_key(made.id, grace=60)
    assert new != old
    assert taken_apart(KEY, new) == (made.id, new[23:])
    assert rotated == replace(made, redacted=rotated.redacted, version=2)
    assert rotated.redacted[-4:] == new[-4:]
    item = await desk.stored("key", made.id)
    assert matches(str(item["salt"]), str(item["hash"]), new[23:])
    assert matches(str(item["old_salt"]), str(item["old_hash"]), old[23:])
    assert item["old_until"] == 1_800_000_060
    await desk.directory.rotate_key(made.id)
    item = await desk.stored("key", made.id)
    assert not any(name.startswith("old_") for name in item)
    for grace in (-1, 10**9):
        with pytest.raises(InvalidRequest):
            await desk.directory.rotate_key(made.id, grace=grace)


async def test_the_single_key_has_a_record_once_it_is_changed(desk: Desk) -> None:
    assert await desk.directory.key("default") is None
    made = await desk.directory.update_key(KeyRecord("default", "API_KEY", budget=Budget(5)))
    assert made == await desk.directory.key("default")
    assert made.version == 1
    with pytest.raises(GatewayError, match="changed by somebody else"):
        await desk.directory.update_key(KeyRecord("default", "API_KEY"))
    assert (await desk.directory.update_key(replace(made, budget=None))).budget is None
    with pytest.raises(InvalidRequest, match="with the deployment"):
        await desk.directory.rotate_key("default")
    await desk.directory.delete_key("default")
    assert await desk.directory.key("default") is None


async def test_use_is_noted_once_an_hour_and_never_fails(desk: Desk) -> None:
    made, _ = await desk.directory.create_key(FULL)
    for at in (1000.0, 1001.0, 4599.0, 4600.0):
        await desk.directory.touch(made.id, at)
    assert [write for write in desk.table.writes if write[1] == made.id] == [("key", made.id)] * 2
    key = await desk.directory.key(made.id)
    assert key is not None
    assert (key.last_used_at, key.version) == (4600, 1)
    await desk.directory.touch("key_gone", 5000.0)
    assert await desk.table.get("key", "key_gone") is None
    desk.table.away = True
    await desk.directory.touch(made.id, 1e9)


# Admin keys


async def test_admin_keys(desk: Desk) -> None:
    made, secret = await desk.directory.create_admin_key("ops", expires_at=1_800_000_100)
    assert made == AdminKey(made.id, "ops", 1_800_000_000, 1_800_000_100, None, made.redacted)
    assert re.fullmatch(r"adm_[a-z2-7]{16}", made.id)
    assert taken_apart(ADMIN_KEY, secret) == (made.id, secret[26:])
    assert taken_apart(KEY, secret) is None
    assert made.redacted == f"sk-admin-{made.id[4:8]}...{secret[-4:]}"
    assert await desk.directory.admin_keys() == [made]
    await desk.directory.touch(made.id, 1_800_000_009)
    assert await desk.directory.admin_key(made.id) == replace(made, last_used_at=1_800_000_009)
    await desk.directory.delete_admin_key(made.id)
    assert await desk.directory.admin_keys() == []
    for name, expires in (("", None), ("x" * 129, None), ("x", 1)):
        with pytest.raises(InvalidRequest):
            await desk.directory.create_admin_key(name, expires_at=expires)


# Projects, accounts, the organization


async def test_the_default_project_is_always_there(desk: Desk) -> None:
    (default,) = await desk.directory.projects()
    assert default == await desk.directory.project(DEFAULT_PROJECT)
    assert (default.id, default.version) == (DEFAULT_PROJECT, 0)
    other = await desk.directory.create_project("team")
    changed = await desk.directory.update_project(replace(default, budget=Budget(0)))
    assert changed.version == 1
    assert await desk.directory.projects() == [changed, other]
    with pytest.raises(GatewayError, match="changed by somebody else"):
        await desk.directory.update_project(replace(default, name="x"))
    with pytest.raises(InvalidRequest, match="can't be archived"):
        await desk.directory.update_project(replace(changed, archived_at=5))


async def test_a_project_comes_back_as_it_was_changed(desk: Desk) -> None:
    made = await desk.directory.create_project("team")
    assert re.fullmatch(r"proj_[a-z2-7]{16}", made.id)
    assert made == Project(made.id, "team", 1_800_000_000, version=1)
    wanted = replace(
        made,
        name="crew",
        budget=Budget(7, "day"),
        alerts=(Alert("al_1", 5, "week", ("a@example.com",), "[x]"),),
        rates={"*": Rates(5), "some.model-v1:0": Rates(tpm=9), "other": Rates()},
    )
    assert await desk.directory.update_project(wanted) == replace(wanted, version=2)
    assert await desk.directory.project(made.id) == replace(wanted, version=2)


async def test_an_archived_project_takes_no_new_keys_or_accounts(desk: Desk) -> None:
    made = await desk.directory.create_project("team")
    key, _ = await desk.directory.create_key(KeyRecord("", "x", project=made.id))
    await desk.directory.update_project(replace(made, archived_at=1_800_000_000))
    for attempt in (
        desk.directory.create_key(KeyRecord("", "y", project=made.id)),
        desk.directory.create_account(made.id, "bot"),
    ):
        with pytest.raises(InvalidRequest) as raised:
            await attempt
        assert raised.value.code == "project_archived"
    assert (await desk.directory.update_key(replace(key, disabled=True))).disabled


async def test_an_account_takes_its_keys_with_it(desk: Desk) -> None:
    account = await desk.directory.create_account(DEFAULT_PROJECT, "bot")
    assert re.fullmatch(r"svc_[a-z2-7]{16}", account.id)
    assert account == ServiceAccount(account.id, "bot", DEFAULT_PROJECT, 1_800_000_000, "member")
    changed = await desk.directory.update_account(replace(account, role="owner"))
    assert await desk.directory.accounts(DEFAULT_PROJECT) == [changed]
    assert await desk.directory.accounts("proj_other") == []
    theirs, _ = await desk.directory.create_key(KeyRecord("", "x", account=account.id))
    mine, _ = await desk.directory.create_key(KeyRecord("", "y"))
    assert theirs.account == account.id
    await desk.directory.delete_account(account.id)
    assert await desk.directory.keys() == [mine]
    assert await desk.directory.account(account.id) is None


async def test_the_organization(desk: Desk) -> None:
    assert await desk.directory.organization() == Organization()
    wanted = Organization(Budget(10**9), (Alert("a", 1),))
    changed = await desk.directory.update_organization(wanted)
    assert changed == replace(wanted, version=1) == await desk.directory.organization()
    with pytest.raises(GatewayError, match="changed by somebody else"):
        await desk.directory.update_organization(wanted)


async def test_audits_are_read_newest_first_over_months(desk: Desk) -> None:
    desk.clock.now = 1_800_000_000.5
    for days in (70, 40, 1, 0):
        entry = Audit(desk.clock.now - days * 86400, "adm_x", "key.created", f"key_{days}", "req_1", {"name": "x"})
        await desk.directory.write_audit(entry)
    found = await desk.directory.audit()
    assert [entry.target for entry in found] == ["key_0", "key_1", "key_40", "key_70"]
    assert found[0] == Audit(1_800_000_000.5, "adm_x", "key.created", "key_0", "req_1", {"name": "x"})
    assert [entry.target for entry in await desk.directory.audit(limit=3)] == ["key_0", "key_1", "key_40"]
    desk.clock.now += 400 * 86400
    assert await desk.directory.audit() == []


# Bad items


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"body": b"{}"},
        {"body": "no json"},
        {"body": "[]"},
        {"body": "[" * 100_000},
        {"body": '{"name": 5}'},
        {"body": '{"name": "x", "budget": {"nanos": 1.5, "interval": "month"}}'},
        {"body": '{"name": "x", "budget": {"nanos": 1, "interval": "year"}}'},
        {"body": '{"name": "x", "budget": {"interval": "month"}}'},
        {"body": '{"name": "x", "budget": 5}'},
        {"body": '{"name": "x", "rates": {"rpm": "60"}}'},
        {"body": '{"name": "x", "rates": {"rpm": true}}'},
        {"body": '{"name": "x", "models": "us.*"}'},
        {"body": '{"name": "x", "models": [1]}'},
        {"body": '{"name": "x", "tags": {"a": 1}}'},
        {"body": '{"name": "x", "disabled": "yes"}'},
        {"body": '{"name": "x"}', "version": "1"},
        {"body": '{"name": "x"}', "created_at": b"1"},
        {"body": '{"name": "x"}', "created_at": "1", "created_us": "1"},
    ],
)
async def test_one_bad_item_breaks_no_listing(
    desk: Desk, item: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    good, _ = await desk.directory.create_key(FULL)
    await desk.table.put("key", "key_bad", item)
    with caplog.at_level(logging.ERROR):
        assert await desk.directory.keys() == [good]
    assert "key_bad" in caplog.text
    assert "us.*" not in caplog.text
    with pytest.raises(Unreadable, match="the log names it"):
        await desk.directory.key("key_bad")
    await desk.directory.delete_key("key_bad")


async def test_unknown_fields_and_missing_ones_are_no_matter(desk: Desk) -> None:
    body = '{"name": "x", "colour": "red", "tags": null, "budget": {"nanos": 5, "interval": "day", "new": 1}}'
    await desk.table.put("key", "key_x", {"body": body, "later": 5})
    record = await desk.directory.key("key_x")
    assert record == KeyRecord("key_x", "x", budget=Budget(5, "day", True))
    changed = await desk.directory.update_key(replace(record, name="y"))
    assert (changed.name, changed.version) == ("y", 1)


async def test_limits_that_cannot_be_read_are_not_none(desk: Desk) -> None:
    await desk.table.put("organization", "settings", {"body": '{"budget": 5}'})
    await desk.table.put("project", DEFAULT_PROJECT, {"body": '{"budget": 5}'})
    for read in (desk.directory.organization(), desk.directory.project(DEFAULT_PROJECT)):
        with pytest.raises(Unreadable) as raised:
            await read
        assert raised.value.status == 503
    assert [project.id for project in await desk.directory.projects()] == [DEFAULT_PROJECT]


@pytest.mark.parametrize("alerts", ['"x"', "[1]", "[{}]", '[{"nanos": 1}]'])
async def test_alerts_that_cannot_be_read_break_their_project(desk: Desk, alerts: str) -> None:
    await desk.table.put("project", "proj_x", {"body": f'{{"name": "x", "alerts": {alerts}}}'})
    with pytest.raises(Unreadable):
        await desk.directory.project("proj_x")


async def test_a_bad_audit_line_is_passed_over(desk: Desk) -> None:
    await desk.directory.write_audit(Audit(desk.clock.now, "a", "b", "c"))
    await desk.table.put("audit#2027-01", "x#1", {"body": "{}"})
    await desk.table.put("audit#2027-01", "9#1", {"body": "5"})
    assert [entry.target for entry in await desk.directory.audit()] == ["c"]


# There and back

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 10**18)
limits = st.none() | numbers
budgets = st.none() | st.builds(Budget, numbers, st.sampled_from(["day", "week", "month"]), st.booleans())
rates = st.builds(Rates, limits, limits)
alerts = st.builds(Alert, texts, numbers, st.sampled_from(["day", "week", "month"]), st.tuples(texts), texts)
access = st.builds(
    Access,
    st.lists(texts, max_size=3).map(tuple),
    limits,
    st.none() | st.builds(Guardrail, texts, texts, texts, texts),
    texts,
    st.dictionaries(texts, texts, max_size=3),
    numbers,
)
records = st.builds(
    KeyRecord,
    id=texts,
    name=texts,
    project=texts.filter(bool),
    account=texts,
    user=texts,
    tags=st.dictionaries(texts, texts, max_size=3),
    access=access,
    rates=rates,
    budget=budgets,
    created_at=numbers,
    expires_at=limits,
    disabled=st.booleans(),
    last_used_at=st.none() | st.integers(1, 10**10),
    redacted=texts,
    version=numbers,
)


@given(records)
def test_any_key_survives_the_table(record: KeyRecord) -> None:
    item: Item = {
        "sk": record.id,
        "body": items.key_body(record),
        "version": record.version,
        "created_at": record.created_at,
        "last_used_at": record.last_used_at or 0,
    }
    assert items.key_of(item) == record


@given(
    st.builds(
        Project,
        id=texts,
        name=texts,
        archived_at=limits,
        budget=budgets,
        alerts=st.lists(alerts, max_size=2).map(tuple),
        rates=st.dictionaries(texts, rates, max_size=3),
    )
)
def test_any_project_survives_the_table(project: Project) -> None:
    assert items.project_of({"sk": project.id, "body": items.project_body(project)}) == project


@given(st.text(max_size=200) | st.recursive(st.none() | st.integers() | texts, st.lists, max_leaves=5).map(json.dumps))
def test_any_body_is_read_or_broken(body: str) -> None:
    parsers: list[Any] = [items.key_of, items.project_of, items.admin_key_of, items.account_of, items.organization_of]
    for parse in parsers:
        try:
            parse({"sk": "x", "body": body})
        except Broken:
            continue


@given(st.text() | st.from_regex(r"sk-(gw|admin)-[a-z2-7]{15,17}-[A-Za-z0-9_-]{42,44}"))
def test_anything_may_be_presented(presented: str) -> None:
    for kind in (KEY, ADMIN_KEY):
        assert taken_apart(kind, presented) is None or presented.startswith("sk-")


def test_secrets_differ() -> None:
    made = {new_credential(KEY).key for _ in range(100)}
    assert len(made) == 100


async def test_it_runs_over_the_plain_table_too() -> None:
    directory = TableDirectory(MemoryTable())
    made, _ = await directory.create_key(KeyRecord("", "x"))
    assert await directory.keys() == [made]
