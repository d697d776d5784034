"""Real DynamoDB APIs for tests: moto's (`local.table_server`), and AWS's own DynamoDB Local where Java and Maven are.

Both run as processes on loopback for the whole session; each test has a table of its own in them. They share their tables
among all credentials and regions. tests/conftest.py makes fixtures of this.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.stores.table.dynamo import DynamoTable
from app.stores.table.http import HttpPool
from app.upstreams.aws import Aws
from local.family import CHILD
from local.table import SCHEMA

ROOT = Path(__file__).parents[1]
POM = Path(__file__).parent / "dynamodb_local" / "pom.xml"
CONFIGURATION = POM.with_name("server.xml")
FETCHING = 300
STARTING = 60.0
# Runs a program that ends with us, however we end: we hold the other end of its parent's standard input.
FOLLOWING = """\
import os, subprocess, sys, threading

child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=lambda: (os.read(0, 1), child.terminate()), daemon=True).start()
sys.exit(child.wait())
"""


@dataclass(frozen=True, slots=True)
class DynamoDb:
    """An endpoint and a table in it, empty at first."""

    name: str
    url: str
    table: str

    def environ(self) -> dict[str, str]:
        """What a gateway, a command or an SDK needs in its environment to use the table."""
        return {
            "TABLE_NAME": self.table,
            "AWS_ENDPOINT_URL_DYNAMODB": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

    def client(self) -> Any:
        """boto3's."""
        return _client(self.url)

    def open(self, clock: Callable[[], float] = time.time) -> tuple[DynamoTable, HttpPool]:
        """The gateway's own; the pool is for the caller to close, in the loop that used it."""
        url, sign = Aws(self.environ()).signed("dynamodb")
        pool = HttpPool(url, connect_timeout=10, answer_timeout=30)
        return DynamoTable(url, sign, self.table, pool=pool, clock=clock), pool


def with_table(name: str, url: str) -> DynamoDb:
    """A new table in the backend `name` at `url`."""
    table = f"gateway-{secrets.token_hex(6)}"
    client = _client(url)
    client.create_table(TableName=table, **SCHEMA)
    expiry = {"AttributeName": "expires_at", "Enabled": True}
    client.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
    return DynamoDb(name, url, table)


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """The address of moto's DynamoDB."""
    command = [sys.executable, "-c", CHILD, "local.table_server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # ends with us, however we end
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            assert line.startswith("listening on "), "local.table_server did not start"
            yield line.removeprefix("listening on ")
        finally:
            process.terminate()


@contextlib.contextmanager
def dynamodb_local() -> Iterator[str]:
    """The address of DynamoDB Local; skips the test where it can't be had, which CI counts as a failure."""
    java = shutil.which("java")
    if java is None or shutil.which("mvn") is None:
        pytest.skip("DynamoDB Local needs Java 17 and Maven")
    jars = _fetched()
    port = _free_port()
    command = [java, "-XX:TieredStopAtLevel=1", f"-Djava.library.path={jars}", "-cp", f"{jars}/*"]
    # Against a schema that it would have to fetch, for its files name it by an address.
    command += ["-Dorg.eclipse.jetty.xml.XmlParser.Validating=false", "org.eclipse.jetty.xml.XmlConfiguration"]
    command += [f"port={port}", str(CONFIGURATION)]
    log = jars.parent / f"{jars.name}.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [sys.executable, "-c", FOLLOWING, *command], stdin=subprocess.PIPE, stdout=said, stderr=said
        ) as process,
    ):
        try:
            _await_port(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _fetched() -> Path:
    """The folder of the Java archives, fetched into .tools by Maven where they are not there yet."""
    version = _version()
    folder = ROOT / ".tools" / f"dynamodb-local-{version}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(exist_ok=True)
    with POM.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # several sessions on one machine
        if not folder.is_dir():
            fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
            command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies"]
            command += ["-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=FETCHING, check=False)
            if done.returncode:
                shutil.rmtree(fresh, ignore_errors=True)
                pytest.skip(f"Maven can't fetch DynamoDB Local: {(done.stdout + done.stderr)[-2000:]}")
            fresh.rename(folder)
    return folder


def _version() -> str:
    import xml.etree.ElementTree

    for dependency in xml.etree.ElementTree.parse(POM).iter("dependency"):
        if dependency.findtext("artifactId") == "DynamoDBLocal":
            return dependency.findtext("version") or ""
    raise AssertionError(f"{POM} names no DynamoDBLocal")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.02)
    # An older Java, say, or a processor that SQLite was not built for.
    pytest.skip(f"DynamoDB Local does not start here: {log.read_text(errors='replace')[-2000:]}")


@functools.cache
def _client(url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=30),
    )
