"""The official SDK on one side, the emulator on the other, and a gateway served by uvicorn between them."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from openai import AsyncOpenAI, OpenAI

from app.main import create_app
from app.settings import Settings
from local.emulator import Emulator

KEY = "sk-contract"


class Served(uvicorn.Server):
    """Tells when it has started, or when it never will."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def serving(emulator_url: str, **settings: Any) -> Iterator[str]:
    """The address of a gateway with these settings, over the emulator."""
    environ = {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": emulator_url,
    }
    app = create_app(Settings.model_validate({"api_key": KEY} | settings), environ)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none", timeout_keep_alive=75)
    server = Served(config)
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; without, each answer costs 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="gateway")
        port = listener.getsockname()[1]
        thread.start()
        try:
            assert server.ready.wait(30)
            assert server.started
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def gateway(running_emulator: Emulator) -> Iterator[str]:
    with serving(running_emulator.url) as url:
        yield url


@pytest.fixture(autouse=True)
def control_plane(running_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 reads its endpoint from the process's own environment, when the gateway first makes a client."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", running_emulator.url)


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    """Wiped, so that a test sees its own requests only."""
    running_emulator.reset()
    return running_emulator


@pytest.fixture(scope="session")
def session_client(gateway: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def client(emulator: Emulator, session_client: OpenAI) -> OpenAI:
    return session_client


@pytest.fixture
async def async_client(emulator: Emulator, gateway: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{gateway}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def http(emulator: Emulator, gateway: str) -> Iterator[httpx.Client]:
    """A bare client, for what SDKs hide; it presents no key of itself."""
    with httpx.Client(base_url=gateway, timeout=20) as client:
        yield client


def sent(emulator: Emulator) -> list[dict[str, Any]]:
    """The bodies of the model calls that reached the emulator."""
    return [each.body for each in emulator.requests if each.method == "POST"]


def problem(error: openai.APIError) -> tuple[str | None, str | None, str | None]:
    """`type`, `code`, `param`."""
    return error.type, error.code, error.param
