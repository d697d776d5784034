"""The emulator, a gateway over it, and for each test a home and a workspace that nobody has used.

Whatever an agent wants of the world beyond this machine it asks of a proxy that refuses and remembers.
"""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

from app.core.access import Access, Budget, Scope
from app.core.ports import Caller
from app.stores.table.memory import MemoryTable
from local.emulator import Emulator
from tests.agents import programs
from tests.wire.gateway import Gateway, serving

ROOT = Path(__file__).parents[2]
collect_ignore = [] if sys.version_info < programs.AIDER_BEFORE else ["test_aider.py"]


class Place(NamedTuple):
    """Where an agent runs: its home, its workspace, and what it must find in its environment."""

    home: Path
    folder: Path
    variables: dict[str, str]


class Outside:
    """A proxy that opens no connection; `wanted` has the first line of each request."""

    def __init__(self) -> None:
        self.wanted: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._refuse, name="outside", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _refuse(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self.wanted.append(connection.recv(4096).partition(b"\r\n")[0].decode("latin-1"))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                except OSError:
                    continue


class OneKey:
    """Implements core.ports.Keys: whoever comes has a hard budget of so many billionths of a dollar."""

    def __init__(self, nanos: int) -> None:
        self._caller = Caller("key-1", access=Access(), scopes=(Scope("key", "key-1", budget=Budget(nanos)),))

    async def authenticate(self, presented: str) -> Caller | None:
        return self._caller


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    running_emulator.reset()
    return running_emulator


@pytest.fixture(scope="session")
def session_gateway(running_emulator: Emulator) -> Iterator[Gateway]:
    with serving(running_emulator.url) as gateway:
        yield gateway


@pytest.fixture
def gateway(session_gateway: Gateway) -> Gateway:
    session_gateway.meter.records.clear()
    return session_gateway


@pytest.fixture
def poor(emulator: Emulator) -> Callable[[], AbstractContextManager[Gateway]]:
    """A gateway on which nobody can afford anything."""
    return lambda: serving(emulator.url, keys=OneKey(1000), table=MemoryTable())


@pytest.fixture
def outside() -> Iterator[Outside]:
    outside = Outside()
    yield outside
    outside.close()


@pytest.fixture
def place(tmp_path: Path, outside: Outside) -> Place:
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    (folder / "notes.txt").write_text("a needle in 42 haystacks\n")
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), outside.url)
    return Place(home, folder, proxies | dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"))


def program(name: str) -> Path:
    """An agent's program. Where nobody fetched it, the test is skipped, which on CI is a failure (tests/conftest.py)."""
    found = programs.find(name)
    if found is None:
        pytest.skip(
            f"NOT TESTED, {name} against the gateway: tests/agents/fetch gets the programs (about two gigabytes)"
        )
    return found


def told(heading: str, language: str, url: str) -> str:
    """The code that docs/agents.md gives under a heading, for a gateway at this address."""
    section = re.search(
        rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", (ROOT / "docs/agents.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert section, f"docs/agents.md has no heading {heading!r}"
    code = re.search(rf"^```{language}\n(.*?)^```", section[1], re.DOTALL | re.MULTILINE)
    assert code, f"docs/agents.md has no {language} under {heading!r}"
    assert "http://127.0.0.1:8000" in code[1] or "OPENAI_BASE_URL" in code[1]
    return code[1].replace("http://127.0.0.1:8000", url)
