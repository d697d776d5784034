"""`./dev keys` over a table in memory: what it does, what it prints, and where the secret is."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import pytest

from app.core.access import Access, Budget, Rates
from app.core.money import Cost
from app.core.prompt import Guardrail
from app.core.records import KeyRecord
from app.core.table import Table, TableUnavailable
from app.stores.directory.store import TableDirectory
from app.stores.ledger import Ledgers
from app.stores.recorder import Recorder
from app.stores.table.memory import MemoryTable
from app.stores.table_keys import AdminKeys, TableKeys
from local.keys.__main__ import main
from local.table import NoTable
from tests.usage_records import record

T = TypeVar("T")

ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]


class Shell:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.table = MemoryTable()
        self.directory = TableDirectory(self.table)
        self._capsys = capsys

    def keys(self, *arguments: str) -> Ran:
        try:
            code = main(arguments, {"TABLE_NAME": "t"}, lambda local: self.table)
        except SystemExit as left:
            code = int(left.code or 0)
        return Ran(code, *self._capsys.readouterr())

    def does(self, *arguments: str) -> Ran:
        ran = self.keys(*arguments)
        assert ran.code == 0, ran.err
        assert ran.err == ""
        return ran

    def key(self, name: str) -> KeyRecord:
        (found,) = (record for record in run(self.directory.keys()) if name in (record.name, record.id))
        return found


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


EVERYTHING = (
    *("--budget", "20/week:soft", "--rpm", "60", "--tpm", "100k", "--models", "us.anthropic.*,fast"),
    *("--user", "u-1", "--tag", "team=search", "--tag", "app=web", "--max-tokens", "500", "--guardrail", "gr1:2"),
    *("--tier", "flex", "--profile", f"us.*={ARN}", "--cache", "1h", "--expires", "30d"),
    *("--prompt-cache-ttl", "1h"),
)


def test_a_new_key_is_alone_on_the_last_line_and_opens(shell: Shell) -> None:
    ran = shell.does("create", "alice", "--budget", "20/month", "--rpm", "60", "--models", "us.anthropic.*,fast")
    assert re.fullmatch(r"sk-gw-[a-z2-7]{16}-[A-Za-z0-9_-]{43}", ran.last)
    assert ran.out.count(ran.last[23:]) == 1
    caller = run(TableKeys(None, shell.table).authenticate(ran.last))
    assert caller is not None
    assert (caller.name, caller.access.models) == ("alice", ("us.anthropic.*", "fast"))
    assert caller.scopes[0].budget == Budget(20 * 10**9)
    assert ran.last not in shell.does("show", "alice").out + shell.does("list").out


def test_a_key_carries_all_that_is_asked(shell: Shell) -> None:
    shell.does("create", "alice", *EVERYTHING)
    record = shell.key("alice")
    access = Access(("us.anthropic.*", "fast"), 500, Guardrail("gr1", "2"), "flex", {"us.*": ARN}, 3600, "1h")
    assert (record.access, record.user, record.tags) == (access, "u-1", {"team": "search", "app": "web"})
    assert (record.budget, record.rates) == (Budget(20 * 10**9, "week", False), Rates(60, 100_000))
    assert record.expires_at is not None
    assert abs(record.expires_at - time.time() - 30 * 86400) < 60
    shown = shell.does("show", "alice").out
    for word in ("us.anthropic.*, fast", "$20.00/week soft, 60 rpm", "team=search", "gr1:2", "flex", ARN, "3600 s"):
        assert word in shown


def test_set_changes_what_is_given_and_leaves_the_rest(shell: Shell) -> None:
    shell.does("create", "alice", *EVERYTHING)
    before = shell.key("alice")
    shell.does("set", "alice", "--rpm", "none", "--tag", "team=", "--tag", "x=y", "--name", "bob")
    after = shell.key("bob")
    assert after == replace(
        before, name="bob", rates=Rates(None, 100_000), tags={"app": "web", "x": "y"}, version=before.version + 1
    )


def test_none_takes_anything_away(shell: Shell) -> None:
    shell.does("create", "alice", *EVERYTHING)
    before = shell.key("alice")
    options = ["budget", "rpm", "tpm", "models", "user", "tag", "max-tokens", "guardrail", "tier", "profile", "cache"]
    options += ["prompt-cache-ttl", "expires"]
    shell.does("set", "alice", *(word for option in options for word in (f"--{option}", "none")))
    assert shell.key("alice") == KeyRecord(
        before.id, "alice", created_at=before.created_at, redacted=before.redacted, version=2
    )


def test_a_budget_that_is_set_knows_what_was_spent(shell: Shell) -> None:
    shell.does("create", "alice")
    run(spend(shell.table, shell.key("alice").id, 7_500_000_000))
    assert "$7.50 in " in shell.does("show", "alice").out
    shell.does("set", "alice", "--budget", "20/month")
    assert run(Ledgers(shell.table).spent("key", shell.key("alice").id, "month")).spent == 7_500_000_000
    assert "$7.50 of $20.00 in " in shell.does("show", "alice").out
    shown = json.loads(shell.does("show", "alice", "--json").out)
    assert shown["spent"]["spent"] == 7.5
    assert shown["budget"] == {"usd": 20.0, "interval": "month", "hard": True}
    shell.does("project", "set", "proj_default", "--budget", "100")
    assert run(Ledgers(shell.table).spent("project", "proj_default", "month")).spent == 7_500_000_000


async def spend(table: Table, key: str, nanos: int) -> None:
    """A request of a key of the default project that no ledger has counted."""
    recorder = Recorder(table)
    recorder.record(record(key=key, project="proj_default", cost=Cost(nanos), ended=time.time()))
    assert await recorder.flush(5)


def test_rotation(shell: Shell) -> None:
    old = shell.does("create", "alice").last
    new = shell.does("rotate", "alice", "--grace", "1h").last
    newest = shell.does("rotate", "alice").last
    assert len({old, new, newest}) == 3
    keys = TableKeys(None, shell.table)
    assert run(keys.authenticate(newest)) is not None
    assert run(keys.authenticate(new)) is None
    assert shell.keys("rotate", "alice", "--grace", "400d").code == 1


def test_disable_enable_delete(shell: Shell) -> None:
    shell.does("create", "alice")
    shell.does("disable", "alice")
    assert shell.key("alice").disabled
    assert "disabled" in shell.does("list").out
    shell.does("disable", "alice")
    assert shell.key("alice").version == 2
    shell.does("enable", "alice")
    assert not shell.key("alice").disabled
    shell.does("delete", "alice")
    assert "There are no keys" in shell.does("list").out
    assert shell.keys("delete", "alice").code == 1


def test_a_key_that_cannot_be_read_can_be_deleted(shell: Shell) -> None:
    run(shell.table.put("key", "key_bad", {"body": "broken"}))
    shell.does("delete", "key_bad")
    assert run(shell.table.get("key", "key_bad")) is None
    assert shell.keys("delete", "key_bad").code == 1


def test_names_stand_for_ids_where_they_are_unique(shell: Shell) -> None:
    shell.does("create", "twin")
    run(shell.directory.create_key(KeyRecord("", "twin")))  # as the admin API may
    one, two = run(shell.directory.keys())
    ran = shell.keys("show", "twin")
    assert ran.code == 1
    assert one.id in ran.err
    assert two.id in ran.err
    assert one.id in shell.does("show", one.id).out
    missing = shell.keys("show", "nobody")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == "keys: There is no key 'nobody'. `./dev keys list` shows what there is.\n"


def test_a_second_key_of_one_name_is_rejected(shell: Shell) -> None:
    shell.does("create", "twin")
    shell.does("create", "other")
    for command in (("create", "twin"), ("set", "other", "--name", "twin")):
        ran = shell.keys(*command)
        assert ran.code == 2
        assert "The name 'twin' belongs to another key" in ran.err
    assert sorted(key.name for key in run(shell.directory.keys())) == ["other", "twin"]
    shell.does("set", "twin", "--name", "twin")
    shell.does("create", "ops", "--admin")
    assert shell.keys("create", "ops", "--admin").code == 2


def test_the_single_key_may_be_limited(shell: Shell) -> None:
    assert "none" in shell.does("show", "default").out
    shell.does("set", "default", "--budget", "100/month", "--models", "fast")
    record = run(shell.directory.key("default"))
    assert record is not None
    assert (record.budget, record.access.models) == (Budget(100 * 10**9), ("fast",))
    assert "default" in shell.does("list").out
    assert shell.keys("rotate", "default").code == 1
    assert shell.keys("create", "default").code == 2
    shell.does("delete", "default")
    assert run(shell.directory.key("default")) is None


def test_projects(shell: Shell) -> None:
    shell.does("project", "create", "search", "--budget", "50/month", "--rpm", "100")
    shell.does("create", "alice", "--project", "search")
    shell.does("create", "bob")
    (project,) = (each for each in run(shell.directory.projects()) if each.name == "search")
    assert (project.budget, project.rates) == (Budget(50 * 10**9), {"*": Rates(100)})
    assert shell.key("alice").project == project.id
    listed = shell.does("list", "--project", "search").out
    assert "alice" in listed
    assert "bob" not in listed
    shell.does("set", "bob", "--project", "search")
    assert shell.key("bob").project == project.id
    shell.does("project", "set", "search", "--rpm", "none", "--name", "find")
    assert "Default project" in shell.does("project", "list").out
    found = json.loads(shell.does("project", "list", "--json").out)
    assert [(each["name"], each["rates"]) for each in found] == [("Default project", {}), ("find", {})]
    shell.does("project", "archive", "find")
    assert "archived" in shell.does("project", "list").out
    assert shell.keys("create", "carol", "--project", "find").code == 1
    assert shell.keys("project", "archive", "proj_default").code == 1
    assert shell.keys("project", "set", "find").code == 2
    assert shell.keys("create", "x", "--project", "nowhere").code == 1


def test_two_projects_of_one_name(shell: Shell) -> None:
    shell.does("project", "create", "search")
    shell.does("project", "create", "find")
    assert "archive that one first" in shell.keys("project", "create", "search").err
    assert shell.keys("project", "set", "find", "--name", "search").code == 2
    shell.does("project", "archive", "search")
    shell.does("project", "create", "search")
    shell.does("create", "alice", "--project", "search")
    names = [(each.name, each.archived_at is None) for each in run(shell.directory.projects())]
    assert sorted(names)[1:] == [("find", True), ("search", False), ("search", True)]


def test_the_limits_of_a_project_are_shown_for_each_model(shell: Shell) -> None:
    shell.does("project", "create", "search", "--budget", "50/month")
    (project,) = (each for each in run(shell.directory.projects()) if each.name == "search")
    rates = {"amazon.nova-pro-v1:0": Rates(5), "amazon.nova-lite-v1:0": Rates(None, 100)}
    run(shell.directory.update_project(replace(project, rates=rates)))
    told = "$50.00/month, amazon.nova-lite-v1:0 100 tpm, amazon.nova-pro-v1:0 5 rpm"
    assert told in shell.does("project", "list").out


def test_admin_keys(shell: Shell) -> None:
    secret = shell.does("create", "ops", "--admin", "--expires", "30d").last
    assert secret.startswith("sk-admin-")
    caller = run(AdminKeys(None, shell.table).authenticate(secret))
    assert caller is not None
    assert caller.name == "ops"
    assert "ops" in shell.does("list", "--admin").out
    (listed,) = json.loads(shell.does("list", "--admin", "--json").out)
    assert listed["name"] == "ops"
    assert shell.keys("create", "x", "--admin", "--budget", "5").code == 2
    assert shell.keys("list", "--admin", "--project", "x").code == 2
    shell.does("delete", "ops", "--admin")
    assert run(shell.directory.admin_keys()) == []
    assert shell.keys("delete", "ops", "--admin").code == 1


def test_lists_are_for_people_and_programs(shell: Shell) -> None:
    shell.does("create", "alice", "--budget", "20/month", "--rpm", "60")
    head, line = shell.does("list").out.splitlines()
    assert head.split() == ["ID", "NAME", "PROJECT", "LIMITS", "STATE", "LAST", "USED"]
    assert re.match(r"key_[a-z2-7]{16}  alice  Default project  \$20\.00/month, 60 rpm  active  -$", line)
    (listed,) = json.loads(shell.does("list", "--json").out)
    assert listed["name"] == "alice"
    assert "hash" not in listed
    assert json.loads(shell.does("list", "--json", "--project", "proj_default").out) == [listed]


def test_every_change_is_audited_without_secrets(shell: Shell) -> None:
    secret = shell.does("create", "alice", "--rpm", "1").last
    shell.does("set", "alice", "--rpm", "2")
    shell.does("rotate", "alice")
    shell.does("disable", "alice")
    shell.does("delete", "alice")
    shell.does("project", "create", "p")
    entries = run(shell.directory.audit())
    assert {entry.actor for entry in entries} == {"cli"}
    actions = sorted(entry.action for entry in entries)
    assert actions == ["api_key.created", "api_key.deleted", *["api_key.updated"] * 3, "project.created"]
    assert secret[23:] not in repr(entries)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("create", "x", "--models", "a b"), 1, "models: The model pattern 'a b'"),
        (("create", "x" * 129), 1, "name: At most 128"),
        (("create", "x\x1b[1m"), 1, "name: Only printable"),
        (("create", "x", "--rpm", "9999999999"), 1, "rpm: At most 1,000,000,000"),
        (("create", "x", "--budget", "9999999999"), 1, "budget: At most 1,000,000,000 USD"),
        (("create", "x", "--rpm", "-1"), 2, "0 blocks"),
        (("create", "x", "--expires", "2020-01-01"), 1, "future"),
        (("create", "x", "--expires", "999999d"), 1, "100 years"),
        (("create", "x", "--profile", "us.*=us.some.model"), 1, "profiles: For 'us.*'"),
        (("create", "x", "--guardrail", "A B:1"), 1, "guardrail"),
        (("create", "x", "--tier", "fast"), 2, "tier"),
        (("create", "x", "--cache", "52w"), 1, "cache_ttl"),
        (("set", "x"), 2, "Nothing to change"),
        (("show", "x"), 1, "There is no key 'x'"),
        ((), 2, "COMMAND"),
        (("frobnicate",), 2, "frobnicate"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(shell: Shell, arguments: tuple[str, ...], code: int, told: str) -> None:
    ran = shell.keys(*arguments)
    assert ran.code == code
    assert ran.out == ""
    assert told in ran.err
    if code == 1:
        assert ran.err.startswith("keys: ")
        assert ran.err.count("\n") == 1
    assert run(shell.directory.keys()) == []


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("ResourceNotFoundException", "There is no table 'gateway'"),
        ("AccessDeniedException", "does not let these credentials"),
        ("NoCredentialsError", "aws sso login"),
        ("ExpiredTokenException", "aws sso login"),
        ("ThrottlingException", "throttled"),
        ("ValidationException", "pk and sk"),
        ("can't connect", "can't be reached (can't connect)"),
    ],
)
def test_a_table_that_is_away_is_told_in_a_line(capsys: pytest.CaptureFixture[str], reason: str, told: str) -> None:
    class Away(MemoryTable):
        async def query(self, *_: Any, **__: Any) -> Any:
            raise TableUnavailable(reason)

    assert main(["list"], {"TABLE_NAME": "gateway"}, lambda local: Away()) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("keys: ")
    assert told in shown.err
    assert shown.err.count("\n") == 1


def test_without_a_table_the_way_to_its_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def opens(local: bool) -> MemoryTable:
        raise NoTable(f"local={local}")

    assert main(["list", "--local"], {}, opens) == 1
    assert capsys.readouterr().err == "keys: local=True\n"
    assert main(["project", "list"], {}, opens) == 1
    assert capsys.readouterr().err == "keys: local=False\n"
    assert main(["init"], {}) == 1
    assert "TABLE_NAME is not set" in capsys.readouterr().err


def test_init_has_nothing_to_do_beside_a_running_gateway(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.keys.__main__.local_environment", dict)
    assert main(["init", "--local"], {}) == 0
    assert capsys.readouterr().out == "./dev run has made its table itself.\n"


def test_changes_that_collide_are_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.does("create", "alice")
    record = shell.key("alice")
    run(shell.directory.update_key(replace(record, user="somebody")))

    async def stale(*_: object) -> list[KeyRecord]:
        return [record]

    monkeypatch.setattr(TableDirectory, "keys", stale)
    ran = shell.keys("set", "alice", "--rpm", "5")
    assert ran.code == 1
    assert "changed by somebody else" in ran.err


def test_local_may_stand_before_the_command() -> None:
    seen: list[bool] = []

    def opens(local: bool) -> Table:
        seen.append(local)
        return MemoryTable()

    for arguments in (("--local", "list"), ("list", "--local"), ("list",)):
        assert main(arguments, {}, opens) == 0
    assert seen == [True, True, False]
