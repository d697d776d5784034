"""`./dev run`: what it starts, what it says, and that nothing of it stays behind."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from local import dev_server
from local.dev_server import gateway_environment, instructions
from local.dev_table import DevTable
from local.family import Failed, Family, Stopped, free_port

ROOT = Path(__file__).parents[3]
EMULATOR = "http://127.0.0.1:4100"


def environment(given: dict[str, str], endpoint: str = EMULATOR, emulated: bool = True) -> dict[str, str]:
    return gateway_environment(given, port=8000, key="k", endpoint=endpoint, emulated=emulated)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    return tmp_path


def test_the_emulator_needs_no_account() -> None:
    env = environment({})
    assert (
        env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
        == env["AWS_ENDPOINT_URL_BEDROCK"]
        == env["AWS_ENDPOINT_URL"]
        == EMULATOR
    )
    assert env["AWS_ACCESS_KEY_ID"] == env["AWS_SECRET_ACCESS_KEY"] == "emulator"
    assert env["AWS_REGION"] == "us-east-1"


def test_the_emulator_gets_nothing_of_a_real_account() -> None:
    given = {
        "AWS_PROFILE": "work",
        "AWS_BEARER_TOKEN_BEDROCK": "secret",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "HTTP_PROXY": "http://proxy",
        "NO_PROXY": "example.org",
    }
    env = environment(given)
    assert not {"AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"} & env.keys()
    assert env["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_what_the_environment_says_is_kept() -> None:
    given = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "mine", "AWS_ENDPOINT_URL_BEDROCK": "http://own"}
    assert given.items() <= environment(given).items()
    assert "AWS_REGION" not in environment(given)


def test_the_printed_key_and_port_are_those_that_hold() -> None:
    env = environment({"API_KEY_SECRET_ARN": "arn", "API_KEY_PARAM_NAME": "p", "AWS_LWA_PORT": "9", "PORT": "7"})
    assert (env["API_KEY"], env["PORT"]) == ("k", "8000")
    assert not {"API_KEY_SECRET_ARN", "API_KEY_PARAM_NAME", "AWS_LWA_PORT"} & env.keys()


def test_an_endpoint_of_ones_own_is_left_alone(home: Path) -> None:
    env = environment({"AWS_ENDPOINT_URL": "http://own"}, endpoint="http://own", emulated=False)
    assert "AWS_ENDPOINT_URL_BEDROCK_RUNTIME" not in env
    assert env["AWS_ACCESS_KEY_ID"] == "emulator"
    (home / ".aws/credentials").write_text("[default]\n")
    assert "AWS_ACCESS_KEY_ID" not in environment({}, endpoint="http://own", emulated=False)


def test_aws_is_called_with_the_callers_own_configuration(home: Path) -> None:
    given = {"AWS_BEARER_TOKEN_BEDROCK": "secret"}
    assert environment(given, endpoint="", emulated=False) == given | {
        "API_KEY": "k",
        "PORT": "8000",
        "AWS_REGION": "us-east-1",
    }
    (home / ".aws/config").write_text("[default]\nregion = eu-west-1\n")
    assert "AWS_REGION" not in environment(given, endpoint="", emulated=False)


@pytest.mark.parametrize("key", ["sk-1", "it's a key", "$(rm)"])
def test_the_lines_can_be_pasted_whatever_the_key(key: str) -> None:
    lines = instructions(8000, key, "m", "here").splitlines()
    script = f'{lines[0]}\n{lines[1]}\nprintf "%s %s" "$OPENAI_BASE_URL" "$OPENAI_API_KEY"'
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == f"http://127.0.0.1:8000/v1 {key}"


def test_the_admin_key_is_a_third_line_of_the_same_kind() -> None:
    table = DevTable({"ADMIN_KEY": "it's an admin key"}, aws=False, emulated=True)
    lines = instructions(8000, "k", "m", "here", table).splitlines()
    script = f'{lines[2]}\nprintf %s "$OPENAI_ADMIN_KEY"'
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "it's an admin key"
    without = instructions(8000, "k", "m", "here", DevTable({}, aws=True, emulated=False))
    assert "ADMIN" not in without
    assert "./dev keys" not in without


@pytest.mark.parametrize(
    ("given", "aws", "emulated", "here", "name"),
    [
        ({}, False, True, True, "gateway-local"),
        ({"TABLE_NAME": "mine"}, False, True, True, "mine"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://own"}, False, True, False, ""),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://own", "TABLE_NAME": "mine"}, False, True, False, "mine"),
        ({"AWS_ENDPOINT_URL": "http://own", "TABLE_NAME": "mine"}, False, False, False, "mine"),
        ({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://own"}, False, False, True, "gateway-local"),
        ({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://own", "TABLE_NAME": "mine"}, False, False, False, "mine"),
        ({}, True, False, False, ""),
        ({"TABLE_NAME": "mine"}, True, False, False, "mine"),
    ],
)
def test_which_table_a_run_uses(given: dict[str, str], aws: bool, emulated: bool, here: bool, name: str) -> None:
    table = DevTable(given, aws=aws, emulated=emulated)
    assert (table.here, table.name) == (here, name)
    assert table.admin_key.startswith("sk-admin-local-") == bool(name)
    env = table.environment(given)
    if here:
        assert env["TABLE_NAME"] == name
        assert "AWS_ENDPOINT_URL_DYNAMODB" in env
    else:
        assert env == given | ({"ADMIN_KEY": table.admin_key} if name else {})


def test_an_admin_key_of_ones_own_is_kept() -> None:
    assert DevTable({"ADMIN_KEY": "mine"}, aws=False, emulated=True).admin_key == "mine"
    assert "ADMIN_KEY" not in DevTable({"ADMIN_KEY_HASH": "0" * 64}, aws=False, emulated=True).environment({})


def test_a_port_that_is_taken_is_told_with_a_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Failed, match=rf"Port {port} is taken\. .* --port {port + 1}"):
            free_port(port)
        assert dev_server.main(["--port", str(port)]) == 1


def test_a_child_that_ends_by_itself_is_told() -> None:
    family = Family()
    family.start("thing", "no_such_module", env=dict(os.environ)).wait()
    with pytest.raises(Failed, match=r"The thing ended with exit code 1"):
        family.check()
    family.end()


def test_a_second_signal_does_not_interrupt_the_end() -> None:
    family = Family()
    with pytest.raises(Stopped):
        family.stop()
    family.stop()
    with pytest.raises(Stopped):  # a signal that came while a child was being born
        family.start("thing", "http.server", "0", env=dict(os.environ))
    family.end()
