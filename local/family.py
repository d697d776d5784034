"""The processes of `./dev run` and `./dev lambda`: children that are started, watched and ended together."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

HOST = "127.0.0.1"
PROBE = "dev-health-probe"
"""User agent of the requests that wait for a server's start."""
STOP_LIMIT = 5.0

# Runs a module and ends with its parent, however that ends: the parent holds the other end of its standard input.
CHILD = """\
import os, runpy, signal, sys, threading

def follow_parent():
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=follow_parent, daemon=True).start()
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


class Failed(Exception):
    """It can't be started; the text says why and what to do."""


class Stopped(Exception):
    """A signal asked for the end."""


class Family:
    """The children of this process: started one by one, watched together, ended together."""

    def __init__(self) -> None:
        self._members: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._starting = self._stopped = False

    def stop(self, number: int = 0, frame: object = None) -> None:
        """What a signal does: raises Stopped, once, and never between the birth of a child and its registration."""
        already, self._stopped = self._stopped, True
        if not already and not self._starting:
            raise Stopped

    def start(self, name: str, *arguments: str, env: Mapping[str, str], piped: bool = False) -> subprocess.Popen[bytes]:
        """Run a module of this project. In a session of its own: ctrl-C reaches it through us, and only once."""
        self._starting = True
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if piped else None,
            start_new_session=True,
        )
        self._members.append((name, child))
        self._starting = False
        if self._stopped:
            raise Stopped
        return child

    def address(self, name: str, child: subprocess.Popen[bytes]) -> str:
        """What a server that was started `piped` says first: `listening on ADDRESS`. Raises Failed."""
        assert child.stdout is not None
        line = child.stdout.readline().decode().strip()
        if not line.startswith("listening on "):
            raise Failed(f"The {name} did not start; what it said stands above.")
        return line.removeprefix("listening on ")

    def check(self) -> None:
        """Raise Failed where a child has ended by itself."""
        for name, child in self._members:
            code = child.poll()
            if code is not None:
                raise Failed(f"The {name} ended with exit code {code}; what it said stands above.")

    def end(self) -> None:
        """End the children one after the other, the last one started first. Kills a child that takes longer than STOP_LIMIT.

        The gateway is started after the table and the emulator, and writes to the table until its end.
        """
        self._stopped = True
        for _, child in reversed(self._members):
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            try:
                child.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            for pipe in filter(None, (child.stdin, child.stdout)):
                pipe.close()


def supervised(work: Callable[[Family], NoReturn]) -> int:
    """The exit code of `work`, which goes on until a signal or a failure. Whatever ends it ends all that it started."""
    family = Family()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, family.stop)
    try:
        work(family)
    except Failed as problem:
        print(f"dev: {problem}", file=sys.stderr, flush=True)
        return 1
    except Stopped:
        return 0
    finally:
        family.end()


def free_port(port: int) -> int:
    """The port, or any free one for 0. Raises Failed where somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            reason = "is taken" if problem.errno == errno.EADDRINUSE else f"can't be used ({problem.strerror})"
            raise Failed(f"Port {port} {reason}. Choose another one, such as: ./dev run --port {port + 1}") from None
        return int(probe.getsockname()[1])
