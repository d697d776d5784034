"""A gateway over the emulator, with the official SDK and a bare HTTP client before it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from openai import OpenAI

from local.emulator import Emulator
from tests.contract.conftest import KEY, serving


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


@pytest.fixture
def http(emulator: Emulator, gateway: str) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=gateway, headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
def client(emulator: Emulator, gateway: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client
