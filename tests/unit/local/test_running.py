"""`.tools/run.json`: what `./dev run` says of itself, and how others find out that it is gone."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from local.running import NotRunning, Running, announced, running
from local.table import NoTable, local_environment, open_table


@pytest.fixture
def state() -> Iterator[Running]:
    """One that is running: this process, and something that listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Running("gateway-local", url, "eu-west-1", f"{url}/v1", "sk-admin", os.getpid())


def test_it_is_found_while_it_runs(state: Running, tmp_path: Path) -> None:
    file = tmp_path / "tools" / "run.json"
    with announced(state, file):
        assert running(file) == state
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert list(file.parent.iterdir()) == [file]
    with pytest.raises(NotRunning, match=r"No \./dev run is running\. Start one"):
        running(file)


def test_the_one_that_was_started_last_stays_when_an_earlier_one_ends(state: Running, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    with announced(replace(state, pid=1), file):
        file.write_text(json.dumps([asdict(replace(state, pid=1)), asdict(state)]))
    assert running(file) == state


def test_the_first_of_three_runs_is_found_again_when_the_others_have_ended(state: Running, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    second = replace(state, table="second", pid=child.pid)
    with announced(state, file):
        between = announced(second, file)
        between.__enter__()
        with announced(replace(state, table="third", pid=os.getppid()), file):
            between.__exit__(None, None, None)
        assert running(file) == state
        with announced(second, file):  # one that dies without a word
            child.communicate(b"\n")
            assert running(file) == state
    assert not file.exists()


def test_an_earlier_run_that_still_runs_is_found_again_when_a_later_one_ends(state: Running, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    later = replace(state, table="later", pid=os.getppid())
    with announced(state, file):
        with announced(later, file):
            assert running(file) == later
        assert running(file) == state
    assert not file.exists()


def test_one_that_died_without_a_word_is_known_to_be_gone(state: Running, tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with announced(replace(state, pid=child.pid), tmp_path / "a"), pytest.raises(NotRunning, match="has ended"):
        running(tmp_path / "a")
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    # Its number is another process's now.
    with announced(replace(state, dynamodb=url), tmp_path / "b"), pytest.raises(NotRunning, match="has ended"):
        running(tmp_path / "b")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[{}]", '[{"pid": 1}]', "[1]", "\xff"])
def test_a_file_that_is_broken_is_told(text: str, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(NotRunning, match="Remove it"):
        running(file)


@pytest.mark.parametrize("change", [{"pid": "1"}, {"pid": True}, {"table": None}, {"more": 1}])
def test_a_file_of_another_shape_is_broken(change: dict[str, object], state: Running, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps([asdict(state) | change]))
    with pytest.raises(NotRunning, match="Remove it"):
        running(file)


def test_a_run_without_a_table_is_told(state: Running, tmp_path: Path) -> None:
    with announced(replace(state, table="", dynamodb=""), tmp_path / "a"), pytest.raises(NotRunning, match="no table"):
        running(tmp_path / "a")


def test_the_runs_table_gets_nothing_of_a_real_account(state: Running, tmp_path: Path) -> None:
    given = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "TABLE_NAME": "real"}
    with announced(state, tmp_path / "a"):
        assert local_environment(given | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, tmp_path / "a") == {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL_DYNAMODB": state.dynamodb,
            "TABLE_NAME": "gateway-local",
        }
    with announced(replace(state, dynamodb=""), tmp_path / "a"):  # a run over AWS: the caller's own credentials
        assert local_environment(given, tmp_path / "a") == given | {
            "AWS_REGION": "eu-west-1",
            "TABLE_NAME": state.table,
        }


def test_what_is_missing_is_told_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoTable, match=r"TABLE_NAME is not set[\s\S]*describe-stacks[\s\S]*--local"):
        open_table(False, environ={"TABLE_NAME": " "})
    with pytest.raises(NoTable, match=r"Start one in another terminal: \./dev run"):
        open_table(True, environ={}, file=tmp_path / "none")
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(NoTable, match="No AWS region"):
        open_table(False, environ={"TABLE_NAME": "t"})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(NoTable, match=r"Unable to locate credentials\. `aws configure`"):
        open_table(False, environ={"TABLE_NAME": "t", "AWS_REGION": "us-east-1"})
