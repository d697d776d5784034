"""`python -m local.function_url`, which is `./dev lambda`: what it prints, what it refuses, what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.family import Failed
from local.function_url.__main__ import function_environment
from local.running import running as find_running
from tests.wire.gateway import eventually

ROOT = Path(__file__).parents[2]
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "API_KEY", "OPENAI_"))}


@contextmanager
def command(*arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    line = [sys.executable, "-m", "local.function_url", *arguments]
    with subprocess.Popen(
        line, cwd=ROOT, env=BARE | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_what_a_client_needs_and_ends_on_a_signal(
    web_adapter: Path, staged: Path, number: signal.Signals, tmp_path: Path
) -> None:
    announced = tmp_path / "run.json"
    given = ("--port", "0", "--build", str(staged), "--announce", str(announced))
    with command(*given, LWA_BIN=str(web_adapter)) as child:
        assert child.stdout is not None
        told = ""
        while "Ctrl-C ends it." not in told:
            line = child.stdout.readline()
            assert line, told
            told += line
        base = re.search(r"^export OPENAI_BASE_URL=(http://127\.0\.0\.1:\d+/v1)$", told, re.M)
        key = re.search(r"^export OPENAI_API_KEY=(\S+)$", told, re.M)
        assert base
        assert key
        headers = {"authorization": f"Bearer {key[1]}"}
        assert httpx.get(f"{base[1]}/models", headers=headers, timeout=30).json()["data"]
        assert find_running(announced).base_url == base[1]
        admin = re.search(r"^export OPENAI_ADMIN_KEY=(\S+)$", told, re.M)
        assert admin
        opened = httpx.get(
            f"{base[1]}/organization/projects", headers={"authorization": f"Bearer {admin[1]}"}, timeout=30
        )
        assert opened.json()["data"]
        child.send_signal(number)
        rest, _ = child.communicate(timeout=20)
        assert child.returncode == 0
        assert "START RequestId" in told + rest
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{base[1]}/models")


def test_a_folder_that_is_no_build_is_told(web_adapter: Path, tmp_path: Path) -> None:
    with command("--port", "0", "--build", str(tmp_path), LWA_BIN=str(web_adapter)) as child:
        told, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert "is no staged build" in told


def test_a_function_that_does_not_start_is_told(web_adapter: Path, staged: Path) -> None:
    env = {"LWA_BIN": str(web_adapter), "API_ROUTE_PREFIX": "nonsense"}
    with command("--port", "0", "--build", str(staged), **env) as child:
        told, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert "API_ROUTE_PREFIX" in told
    assert "its health check with 502" in told


def test_a_taken_port_is_told(web_adapter: Path, staged: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with command("--port", port, "--build", str(staged), LWA_BIN=str(web_adapter)) as child:
            told, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert f"Port {port} is taken" in told


def test_a_function_gets_endpoints_credentials_and_settings_and_nothing_else() -> None:
    given = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:1",
        "AWS_PROFILE": "mine",
        "DEFAULT_MODEL": "amazon.nova-lite-v1:0",
        "API_KEY": "k",
        "PORT": "1",
        "HOME": "/home/me",
        "SECRET_OF_ANOTHER_PROGRAM": "x",
    }
    wanted = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "DEFAULT_MODEL",
        "API_KEY",
    }
    assert function_environment(given) == {name: given[name] for name in wanted}


def test_credentials_of_a_profile_become_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id=A\naws_secret_access_key=S\naws_session_token=T\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    assert function_environment({"AWS_PROFILE": "mine"}) == {
        "AWS_ACCESS_KEY_ID": "A",
        "AWS_SECRET_ACCESS_KEY": "S",
        "AWS_SESSION_TOKEN": "T",
    }
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(Failed, match="No AWS credentials"):
        function_environment({})


def test_children_do_not_outlive_a_killed_command(web_adapter: Path, staged: Path, tmp_path: Path) -> None:
    given = ("--port", "0", "--build", str(staged), "--announce", str(tmp_path / "run.json"))
    with command(*given, LWA_BIN=str(web_adapter)) as child:
        assert child.stdout is not None
        told = ""
        while "Ctrl-C ends it." not in told:
            told += child.stdout.readline()
        emulator = re.search(r"emulator on (http://127\.0\.0\.1:\d+)", told)
        assert emulator
        address = emulator[1]
        child.kill()
        child.wait()

    def gone() -> bool:
        try:
            httpx.get(address)
        except httpx.TransportError:
            return True
        return False

    eventually(gone, "the emulator has ended")
