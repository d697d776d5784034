"""One emulator for all tests on the wire, wiped before each; gateways are made as a test needs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.emulator import Emulator
from tests.wire.gateway import Gateway, serving


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    running_emulator.reset()
    return running_emulator


@pytest.fixture(scope="module")
def shared_gateway(running_emulator: Emulator) -> Iterator[Gateway]:
    with serving(running_emulator.url, on_disconnect="cancel") as gateway:
        yield gateway


@pytest.fixture
def gateway(emulator: Emulator, shared_gateway: Gateway) -> Gateway:
    """The module's gateway with default settings, its records forgotten."""
    shared_gateway.meter.records.clear()
    return shared_gateway
