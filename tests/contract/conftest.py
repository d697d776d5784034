"""The official SDK on one side, the emulator on the other, and a gateway served by uvicorn between them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from local.emulator import Emulator
from tests.contract.recorder import Recorder
from tests.contract.wire_types import violations
from tests.wire import gateway as wire

KEY = "sk-contract"
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that are made for one test: the addresses are http, and reading the certificates takes longer than most tests."""
RECORDER = Recorder()
"""Sees every answer of every gateway that this suite serves."""


@contextmanager
def serving(emulator_url: str, **settings: Any) -> Iterator[str]:
    """The address of a gateway with these settings, over the emulator."""
    with wire.serving(emulator_url, wrap=RECORDER.wrap, **{"api_key": KEY} | settings) as gateway:
        yield gateway.url


@pytest.fixture(autouse=True)
def every_answer_fits_the_published_types() -> Iterator[None]:
    """Fails a test whose answers or events are not what the SDKs' own types say; the SDKs themselves check nothing."""
    yield
    found = [line for exchange in RECORDER.take() for line in violations(exchange)]
    assert not found, "\n".join(found)


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def gateway(running_emulator: Emulator) -> Iterator[str]:
    with serving(running_emulator.url) as url:
        yield url


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
    with httpx.Client(base_url=gateway, timeout=20, verify=NO_CERTIFICATES) as client:
        yield client


def sent(emulator: Emulator) -> list[dict[str, Any]]:
    """The bodies of the model calls that reached the emulator."""
    return [each.body for each in emulator.requests if each.method == "POST"]


def problem(error: openai.APIError) -> tuple[str | None, str | None, str | None]:
    """`type`, `code`, `param`."""
    return error.type, error.code, error.param
