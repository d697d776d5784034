"""Keys are carried from one table to another, and still open there; what is no export changes nothing."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.access import Budget
from app.stores.table.memory import MemoryTable
from app.stores.table_keys import AdminKeys, TableKeys
from local.keys import transfer
from tests.unit.local.keys.test_commands import EVERYTHING, Shell, run


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def importing(shell: Shell, text: str | bytes, monkeypatch: pytest.MonkeyPatch, *options: str) -> Any:
    data = text.encode() if isinstance(text, str) else text
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    return shell.keys("import", *options)


@pytest.fixture
def filled(shell: Shell) -> tuple[str, str, str]:
    """A key with every option in a project, an admin key, and the export of both."""
    shell.does("project", "create", "search", "--budget", "50")
    secret = shell.does("create", "alice", *EVERYTHING, "--project", "search").last
    admin = shell.does("create", "ops", "--admin").last
    return secret, admin, shell.does("export").out


def test_keys_open_in_the_table_that_they_were_brought_to(
    shell: Shell,
    filled: tuple[str, str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret, admin, exported = filled
    assert secret[-43:] not in exported
    before = shell.key("alice")
    shell.table = MemoryTable()
    shell.directory = type(shell.directory)(shell.table)
    ran = importing(shell, exported, monkeypatch)
    assert (ran.code, ran.last) == (0, "3 written, 0 were there already.")
    assert shell.key("alice") == before
    caller = run(TableKeys(None, shell.table).authenticate(secret))
    assert caller is not None
    assert {scope.kind: scope.budget for scope in caller.scopes}["project"] == Budget(50_000_000_000)
    assert run(AdminKeys(None, shell.table).authenticate(admin)) is not None
    assert importing(shell, exported, monkeypatch).last == "0 written, 3 were there already."


def test_a_record_that_differs_stays_unless_it_is_to_be_replaced(
    shell: Shell,
    filled: tuple[str, str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exported = filled[2]
    shell.does("set", "alice", "--rpm", "7")
    ran = importing(shell, exported, monkeypatch)
    assert "0 written, 2 were there already." in ran.out
    assert "another record is there and stays" in ran.last
    assert shell.key("alice").rates.rpm == 7
    assert "3 written" in importing(shell, exported, monkeypatch, "--replace").out
    assert shell.key("alice").rates.rpm == 60


HEAD = '{"gateway_keys": 1}\n'
KEY = {"pk": "key", "sk": "key_1", "body": "{}", "version": 1, "created_at": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing to import"),
        (HEAD, "nothing to import"),
        ("{}\n", "no export"),
        ("[" * 100_000, "not JSON"),
        (HEAD + "nonsense", "Line 2 is not JSON"),
        (HEAD + "[]", "Line 2 is no record of a gateway (pk)"),
        (HEAD + json.dumps(KEY | {"pk": "usage#2026-11-21"}), "(pk)"),
        (HEAD + json.dumps(KEY | {"sk": "../x"}), "(sk)"),
        (HEAD + json.dumps(KEY | {"body": "{"}), "Line 2 is no record"),
        (HEAD + json.dumps(KEY | {"version": 1.5}), "(version)"),
        (HEAD + json.dumps(KEY | {"o:1": 1}), "(o:1)"),
        (HEAD + json.dumps(KEY) + "\n" + '{"pk": "key"}', "Line 3"),
        (HEAD + "x" * (transfer.LONGEST_LINE + 1), "longer than 400,000 bytes"),
    ],
)
def test_what_is_no_export_changes_nothing(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    says: str,
) -> None:
    ran = importing(shell, text, monkeypatch)
    assert ran.code == 2
    assert says in ran.err
    assert run(shell.directory.keys()) == []


def test_lines_without_an_end_are_not_read_for_ever(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MOST_LINES", 10)
    assert "more than 10 lines" in importing(shell, HEAD + "\n" * 20, monkeypatch).err
