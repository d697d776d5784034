"""The real adapter, a build staged from the sources, the emulator; and functions over them as a test needs them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from local.emulator import Emulator
from local.family import Failed
from local.function_url import FunctionUrl, adapter
from tests.deploy import staging
from tests.function_url.asking import KEY


class Serve(Protocol):
    """Makes a function URL; keyword arguments are fields of its settings, `env` adds variables."""

    def __call__(self, env: dict[str, str] | None = None, **settings: Any) -> AbstractContextManager[FunctionUrl]: ...


@pytest.fixture(scope="session")
def web_adapter() -> Path:
    """Built where cargo is; nowhere else may its absence make a test fail, and CI counts a skip as a failure."""
    try:
        return adapter.find_or_build(os.environ)
    except Failed as problem:
        pytest.skip(f"NOT TESTED, the whole path through the real adapter: {problem}")


@pytest.fixture(scope="session")
def staged() -> Path:
    """The gateway's build for this machine and this Python."""
    return staging.staged()


@pytest.fixture(scope="session")
def probe_build(staged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe in place of the gateway, over the same layer."""
    folder = tmp_path_factory.mktemp("probe")
    shutil.copytree(Path(__file__).parent / "probe", folder / "function", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "layers" / "slim").mkdir(parents=True)
    (folder / "layers" / "slim" / "python").symlink_to(staged / "layers" / "slim" / "python")
    return folder


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    running_emulator.reset()
    return running_emulator


def variables(upstream: str) -> dict[str, str]:
    """What the gateway's function is given."""
    return {
        "API_KEY": KEY,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL_BEDROCK": upstream,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream,
    }


@pytest.fixture(scope="session")
def gateway(web_adapter: Path, staged: Path, running_emulator: Emulator) -> Serve:
    """The real gateway over the emulator."""

    def serve(env: dict[str, str] | None = None, **settings: Any) -> FunctionUrl:
        return FunctionUrl(staged, variables(running_emulator.url) | (env or {}), adapter=web_adapter, **settings)

    return serve


@pytest.fixture(scope="session")
def probe(web_adapter: Path, probe_build: Path) -> Serve:
    def serve(env: dict[str, str] | None = None, **settings: Any) -> FunctionUrl:
        return FunctionUrl(probe_build, env or {}, adapter=web_adapter, **settings)

    return serve


@pytest.fixture(scope="module")
def shared(gateway: Serve) -> Iterator[FunctionUrl]:
    """One gateway for the tests of a module that leave it as they find it."""
    with gateway() as url:
        yield url
