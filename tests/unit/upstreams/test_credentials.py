"""Credentials that expire never stop the event loop while old ones are valid."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import pytest

from app.stores.table.http import signed
from app.upstreams.aws import StaticCredentials
from app.upstreams.credentials import AHEAD_SECONDS, RETRY_SECONDS, RefreshedCredentials
from app.upstreams.sigv4 import SigV4


class Source:
    """As botocore's refreshable credentials: `left` seconds until the expiry; a refresh waits for `gate`, if there is one."""

    def __init__(self, left: float = 3600.0) -> None:
        self.left = left
        self.loads = 0
        self.gate: threading.Event | None = None
        self.failure: Exception | None = None
        self.loaded = threading.Semaphore(0)
        self.threads: set[str] = set()

    def refresh_needed(self, refresh_in: float) -> bool:
        return self.left < refresh_in

    def get_frozen_credentials(self) -> StaticCredentials:
        self.threads.add(threading.current_thread().name)
        self.loads += 1
        number = self.loads
        try:
            if self.gate is not None:
                assert self.gate.wait(20)
            if self.failure is not None:
                raise self.failure
            if number > 1:
                self.left = 3600.0
            return StaticCredentials(f"AKIA{number}", "secret", None)
        finally:
            self.loaded.release()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ended() -> None:
    """Wait for the thread that refreshes."""
    for thread in [thread for thread in threading.enumerate() if thread.name == "credentials"]:
        thread.join(20)


def test_near_their_expiry_the_old_credentials_are_used_while_one_thread_refreshes() -> None:
    source = Source()
    credentials = RefreshedCredentials(source, Clock())
    assert not credentials.is_ready()
    assert credentials().access_key == "AKIA1"
    assert credentials.is_ready()
    source.left, source.gate = AHEAD_SECONDS - 1, threading.Event()
    assert [credentials().access_key for _ in range(100)] == ["AKIA1"] * 100
    assert credentials.is_ready()
    source.gate.set()
    ended()
    assert credentials().access_key == "AKIA2"
    assert source.loads == 2
    assert source.threads == {"MainThread", "credentials"}


def test_a_refresh_that_fails_is_tried_again_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    source, clock = Source(), Clock()
    credentials = RefreshedCredentials(source, clock)
    credentials()
    source.left, source.failure = AHEAD_SECONDS - 1, RuntimeError("the secret endpoint")
    for _ in range(3):
        assert credentials().access_key == "AKIA1"
        ended()
    assert source.loads == 2
    assert "RuntimeError" in caplog.text
    assert "secret endpoint" not in caplog.text
    clock.now, source.failure = RETRY_SECONDS, None
    assert credentials().access_key == "AKIA1"
    ended()
    assert credentials().access_key == "AKIA3"


def test_expired_credentials_are_never_used() -> None:
    source = Source()
    credentials = RefreshedCredentials(source, Clock())
    credentials()
    source.left = 0.0
    assert not credentials.is_ready()
    assert credentials().access_key == "AKIA2"
    assert source.threads == {"MainThread"}


def test_credentials_that_do_not_expire_are_read_once() -> None:
    class Fixed:
        loads = 0

        def get_frozen_credentials(self) -> StaticCredentials:
            self.loads += 1
            return StaticCredentials("AKIA", "secret", None)

    source = Fixed()
    credentials = RefreshedCredentials(source)
    assert [credentials().access_key for _ in range(3)] == ["AKIA"] * 3
    assert source.loads == 1


async def test_a_slow_credential_endpoint_does_not_stop_the_event_loop() -> None:
    """Expired credentials are fetched in a thread; the loop opens the gate meanwhile."""
    source = Source()
    source.gate = threading.Event()
    sign = SigV4(RefreshedCredentials(source, Clock()), "us-east-1", "dynamodb")
    assert not sign.is_ready()
    waiting = asyncio.create_task(signed(sign, "POST", "https://dynamodb.us-east-1.amazonaws.com/", b"{}", {}))
    await asyncio.sleep(0)
    source.gate.set()
    headers: Mapping[str, str] = await asyncio.wait_for(waiting, 20)
    assert "AKIA1" in headers["Authorization"]
    assert sign.is_ready()
    assert "MainThread" not in source.threads
