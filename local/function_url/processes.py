"""Process groups that can be frozen, and that end with us in every case, even when we are killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Ends what is left when its standard input closes, which happens whatever becomes of the process that holds the other end.
GUARD = """\
import os, shutil, signal, sys

signal.signal(signal.SIGINT, signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    number = int(line)
    groups.add(number) if number > 0 else groups.discard(-number)
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class Guard:
    """A small process that outlives this one by a moment: it kills the groups it was told of and removes `folder`."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-IS", "-c", GUARD, str(folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={"PATH": os.defpath},
        )

    def watch(self, group: int) -> None:
        self._tell(group)

    def forget(self, group: int) -> None:
        self._tell(-group)

    def close(self) -> None:
        """Returns when all is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, number: int) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # somebody killed it: then nothing is guarded, but all else works
            self._process.stdin.write(b"%d\n" % number)
            self._process.stdin.flush()


class Group:
    """One started program with all its descendants, but for those that make a session of their own."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, guard: Guard) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._guard = guard
        self.exited = asyncio.ensure_future(self._wait())

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: int, guard: Guard
    ) -> Group:
        """`output` is the file descriptor that takes what it prints."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        guard.watch(process.pid)
        return cls(name, process, guard)

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    @property
    def dead(self) -> bool:
        """Whether it has ended, even where nobody has been told yet."""
        if self.code is not None or not hasattr(os, "waitid"):
            return self.code is not None
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def signal(self, number: signal.Signals) -> None:
        """To the whole group; nothing happens where there is nobody left."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def end(self) -> None:
        """Kill what is left of the group, and wait."""
        self.signal(signal.SIGKILL)
        await asyncio.shield(self.exited)
        self.signal(signal.SIGKILL)
        self._guard.forget(self.pid)

    async def _wait(self) -> int:
        return await self._process.wait()


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory of one process from /proc, now or with `VmHWM` at its highest; 0 where that is not to be had."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    return 0.0
