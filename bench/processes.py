"""Servers as processes: started, waited for, read (CPU, memory) and ended together with their children. Linux only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_POLL = 0.005


class Server:
    """A process that listens on `port`; its output goes to a file that `complaint` reads."""

    def __init__(self, command: Sequence[str], port: int, environ: Mapping[str, str]) -> None:
        self.port = port
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command, env=dict(environ), stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )

    def wait(self, seconds: float = 90.0) -> None:
        """Return once the port takes connections. Raises RuntimeError with the end of the log where it does not."""
        until = self.started + seconds
        while time.perf_counter() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(_POLL)
        raise RuntimeError(f"nothing listens on port {self.port}:\n{self.complaint()}")

    def cpu(self) -> float:
        """Seconds of CPU used so far, by the process and its living and dead children."""
        return sum(cpu(process) for process in self._family())

    def resident(self) -> float:
        """Megabytes resident (VmRSS) in the process and its children."""
        return sum(_field(f"/proc/{process}/status", "VmRSS:") for process in self._family())

    def complaint(self) -> str:
        """The last lines of what it printed."""
        return self.output()[-2000:]

    def output(self) -> str:
        """All that it has printed."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._log.close()

    def _family(self) -> list[int]:
        found, waiting = [], [self._process.pid]
        while waiting:
            process = waiting.pop()
            found.append(process)
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu(process: int) -> float:
    """User, system, and the same of children that were waited for: fields 14 to 17 of proc(5)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / _TICKS


def proportional(process: int) -> float:
    """Megabytes of proportional set size (PSS): what it shares with others counts in part. 0 where it has ended."""
    return _field(f"/proc/{process}/smaps_rollup", "Pss:")


def peak(process: int) -> float:
    """The most megabytes that were ever resident at once (VmHWM)."""
    return _field(f"/proc/{process}/status", "VmHWM:")


def _field(file: str, name: str) -> float:
    try:
        lines = Path(file).read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)
