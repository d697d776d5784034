"""One emulator for the whole folder, wiped between tests, and stock boto3 clients that take it for Bedrock."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.emulator import Emulator


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    running_emulator.reset()
    return running_emulator


def client(service: str, emulator: Emulator, region: str = "us-east-1") -> Any:
    return boto3.client(
        service,
        region_name=region,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        endpoint_url=emulator.url,
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=5, signature_version="v4"),
    )


@pytest.fixture(scope="session")
def session_runtime(running_emulator: Emulator) -> Any:
    return client("bedrock-runtime", running_emulator)


@pytest.fixture(scope="session")
def session_control(running_emulator: Emulator) -> Any:
    return client("bedrock", running_emulator)


@pytest.fixture
def runtime(emulator: Emulator, session_runtime: Any) -> Any:
    return session_runtime


@pytest.fixture
def control(emulator: Emulator, session_control: Any) -> Any:
    return session_control
