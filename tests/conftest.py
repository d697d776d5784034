"""What holds for every test: no AWS account, no network beyond this machine, and on CI no skipped test."""

from __future__ import annotations

import ipaddress
import os
import socket
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.examples import SEED, examples, reproduce

if TYPE_CHECKING:
    from tests.dynamodb import DynamoDb

AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent/aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/aws/credentials",
}

settings.register_profile(
    "project",
    max_examples=examples(100),
    derandomize=SEED is None,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")


class NetworkUsed(BaseException):
    """A test reached out to an address that is not on this machine. No `except Exception` may hide it."""


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is imported or any fixture made, so that those of the whole session are covered as well.

    The first process of a run makes the folder that all its workers share (tests/deploy/staging.py).
    """
    for name in [name for name in os.environ if name.startswith(("AWS_", "OPENAI_", "ANTHROPIC_"))]:
        del os.environ[name]
    os.environ.update(AWS)
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="gateway-tests-", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        os.environ["GATEWAY_TEST_RUN"] = str(Path(folder.name).resolve())


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Sockets connect to loopback addresses and Unix sockets only; other names do not resolve."""
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, _guarded(getattr(socket.socket, method)))
        patch.setattr(socket, "getaddrinfo", _resolve_local(socket.getaddrinfo))
        yield


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as the gateway does."""
    return "asyncio"


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    from tests.dynamodb import moto

    with moto() as url:
        yield url


@pytest.fixture
def dynamodb(moto_url: str) -> DynamoDb:
    """An empty table in moto's DynamoDB, over real HTTP."""
    from tests.dynamodb import with_table

    return with_table(moto_url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure of a property test or a fuzz test says how to see it again."""
    report = yield
    if report.failed and item.get_closest_marker("hypothesis"):
        report.sections.append(("reproduce with", f"{reproduce()} '{item.nodeid}'"))
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(config: pytest.Config) -> None:
    skipped = _skipped(config)
    if skipped:
        reporter = config.pluginmanager.getplugin("terminalreporter")
        reporter.write_line(f"CI is set, and {skipped} tests were skipped: that is a failure here.", red=True)


def _skipped(config: pytest.Config) -> int:
    """How many tests were skipped although CI=true says that all must run."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if os.environ.get("CI") == "true" and reporter else 0


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not _is_local(address[0]):
            raise NetworkUsed(f"a test connects to {address!r}")
        return connect(self, address)

    return guarded


def _resolve_local(getaddrinfo: Any) -> Any:
    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or name in {"", "localhost"} or _is_address(name):
            return getaddrinfo(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, f"tests resolve no names: {name!r}")

    return resolve


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
