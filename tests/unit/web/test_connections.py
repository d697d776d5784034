"""Limits on connections, without connections."""

from __future__ import annotations

import logging
import resource

import pytest

from app.web.connections import (
    MAX_FILES,
    AcceptErrorFilter,
    SurplusConnections,
    connections_for,
    raise_file_limit,
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Transport:
    closed = False

    def close(self) -> None:
        self.closed = True


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("asyncio", logging.ERROR, "", 0, message, None, None)


def test_accept_errors_are_logged_once_a_second() -> None:
    clock = Clock()
    accept_errors = AcceptErrorFilter(clock)
    failed = "socket.accept() out of system resource\nsocket: 100%"
    assert [accept_errors.filter(record(failed)) for _ in range(1000)].count(True) == 1
    assert accept_errors.filter(record("Task was destroyed but it is pending!"))
    clock.now += 1
    later = record(failed)
    assert accept_errors.filter(later)
    assert later.getMessage() == f"{failed}\n999 more accept errors were not logged"
    clock.now += 1
    last = record(failed)
    assert accept_errors.filter(last)
    assert last.getMessage() == failed


def test_a_surplus_connection_closes_the_oldest() -> None:
    surplus = SurplusConnections(2)
    transports = [Transport() for _ in range(5)]
    surplus.add(transports[0])
    surplus.remove(transports[0])
    for each in transports[1:]:
        surplus.add(each)
    assert [each.closed for each in transports] == [False, True, True, False, False]


@pytest.mark.parametrize(("files", "wanted", "upstream", "connections"), [
    (65_536, 1000, 1000, 1000), (2300, 1000, 1000, 1000), (2299, 1000, 1000, 999), (1024, 1000, 1000, 362),
    (1024, 1000, 100, 624), (1024, 50, 1000, 50), (256, 1000, 1000, 1),
])  # fmt: skip
def test_connections_leave_file_descriptors_for_model_calls(
    files: int, wanted: int, upstream: int, connections: int
) -> None:
    assert connections_for(files, wanted, upstream) == connections


@pytest.mark.parametrize(("soft", "hard", "raised"), [
    (1024, 1_048_576, MAX_FILES), (1024, 4096, 4096), (1024, 1024, 1024), (100_000, 1_048_576, 100_000),
    (1024, resource.RLIM_INFINITY, MAX_FILES), (resource.RLIM_INFINITY, resource.RLIM_INFINITY, MAX_FILES),
])  # fmt: skip
def test_the_soft_limit_of_file_descriptors_is_raised(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int
) -> None:
    in_force = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: in_force[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: in_force.append(limits))
    assert raise_file_limit() == raised
    assert in_force[-1] in {(soft, hard), (raised, hard)}


def test_a_soft_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, limits: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_file_limit() == 256
