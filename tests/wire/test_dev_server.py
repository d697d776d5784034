"""`./dev run` as a process: it serves until a signal, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import http.client
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core.table import Value
from local.running import NotRunning
from local.running import running as find_running
from local.table import open_table
from tests.wire.web_socket import Socket

ROOT = Path(__file__).parents[2]


@contextmanager
def running(announce: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str, str]]:
    """The process of `./dev run`, and the base URL, the key and the admin key that it printed."""
    command = [sys.executable, "-m", "local.dev_server", "--port", "0", "--announce", str(announce), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base, key, admin = (process.stdout.readline().rstrip("\n").partition("=")[2] for _ in range(3))
            yield process, base, key, admin
        finally:
            process.kill()


def answers(base: str) -> bool:
    host = re.sub(r"^http://|/v1$", "", base)
    try:
        connection = http.client.HTTPConnection(host, timeout=5)
        connection.request("GET", "/health")
        with connection.getresponse() as response:
            return response.status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_a_signal_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    announced = tmp_path / "run.json"
    with running(announced) as (process, base, key, admin):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", base)
        assert key.startswith("sk-local-")
        assert admin.startswith("sk-admin-local-")
        assert answers(base)
        found = find_running(announced)
        assert (found.base_url, found.admin_key, found.table) == (base, admin, "gateway-local")
        assert asyncio.run(counted(announced)) == 1
        process.send_signal(number)
        assert process.wait(10) == 0
        assert not answers(base)
        assert not listens(found.dynamodb)
        with pytest.raises(NotRunning):
            find_running(announced)
        assert list(tmp_path.iterdir()) == []


def test_an_upgrade_to_a_web_socket_is_no_426(tmp_path: Path) -> None:
    with running(tmp_path / "run.json") as (_, base, key, _admin), closing(Socket(urlsplit(base).port or 0, key)) as ws:
        assert ws.hear() == "AcceptConnection"
        ws.say({"type": "response.create", "model": "amazon.nova-lite-v1:0", "input": "hello", "stream_id": "a"})
        heard = [ws.hear()]
        while heard[-1]["type"] != "response.completed":
            heard.append(ws.hear())
        assert {event["stream_id"] for event in heard} == {"a"}


def test_one_that_was_killed_is_known_to_be_gone(tmp_path: Path) -> None:
    announced = tmp_path / "run.json"
    with running(announced) as (process, *_):
        assert stat.S_IMODE(announced.stat().st_mode) == 0o600
        process.kill()
        process.wait(10)
        with pytest.raises(NotRunning, match="has ended"):
            find_running(announced)


def test_a_terminal_shows_one_readable_line_per_request(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "local.dev_server", "--port", "0", "--announce", str(tmp_path / "run.json")]
    with subprocess.Popen(command, cwd=ROOT, stdout=theirs, env=os.environ | {"TERM": "xterm"}) as process:
        os.close(theirs)
        try:
            shown = read_until(ours, "Ctrl-C ends it.")
            base, key = (
                re.findall(rf"export {name}=(\S+)", shown)[0] for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY")
            )
            host = urlsplit(base).netloc
            body = '{"model": "amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": "Hello"}]}'
            for path, presented in (("chat/completions", key), ("chat/completions", "wrong"), ("nothing", key)):
                connection = http.client.HTTPConnection(host, timeout=10)
                headers = {"authorization": f"Bearer {presented}", "content-type": "application/json"}
                connection.request("POST", f"/v1/{path}", body, headers)
                connection.getresponse().read()
                connection.close()
            lines = re.sub(r"\033\[\d+m", "", read_until(ours, "404"))
        finally:
            process.kill()
            os.close(ours)
    assert re.search(r"POST /v1/chat/completions 200 \d+ ms amazon\.nova-lite-v1:0 \d+\+\d+ tokens \$0\.0\d+", lines)
    assert re.search(r"POST /v1/chat/completions 401", lines)
    assert re.search(r"POST /v1/nothing 404", lines)
    assert "{" not in lines


def read_until(terminal: int, text: str) -> str:
    """What a terminal shows up to a text."""
    shown = ""
    while text not in shown:
        shown += os.read(terminal, 4096).decode()
    return shown


async def counted(announced: Path) -> Value:
    table = open_table(True, environ={}, file=announced)
    after = await table.update("key", "key_1", add={"n": 1})
    table.close()
    await asyncio.sleep(0)
    return after["n"]


def listens(url: str) -> bool:
    address = urlsplit(url)
    assert address.hostname
    try:
        with socket.create_connection((address.hostname, address.port or 80), timeout=5):
            return True
    except OSError:
        return False
