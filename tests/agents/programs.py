"""The agents' programs: where `tests/agents/fetch` puts them, and how one is run with nothing of this machine's but its tools.

Each npm package brings a native program, which is started by itself: no Node, no installation script. aider has an environment
of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from local import tool_cache
from tests.clients.install import install_packages, install_python, node_packages, python_place

PACKAGES = Path(__file__).parent / "packages"
LIMIT = 120.0
"""Seconds for one run; a healthy one takes less than ten."""
_PATTERNS = {
    "codex": "@openai/codex-*/vendor/*/bin/codex",
    "claude": "@anthropic-ai/claude-code-*/claude",
    "opencode": "opencode-*/bin/opencode",
    "copilot": "@github/copilot-linux-*/copilot",
    "cline": "@cline/cli-linux-*/bin/cline",
}
AIDER_LOCK = Path(__file__).parents[1] / "clients" / "python" / "aider.txt"
AIDER_BEFORE = (3, 13)
"""aider 0.86.2 refuses this Python and every later one."""


class Done(NamedTuple):
    """How a run ended; `seconds` it took."""

    code: int
    out: str
    err: str
    seconds: float

    def said(self) -> str:
        """The end of what it printed, for a failure's message."""
        return f"{self.out[-2000:]}\n{self.err[-2000:]}"

    def events(self) -> list[Any]:
        """What it printed as JSON, a line each."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


def fetch() -> None:
    """Install what the lock says. Ends the process with a message where that fails, or a program is missing afterwards."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("tests/agents/fetch: npm is needed; on Debian: apt-get install nodejs npm")
    install_packages(PACKAGES, _place(), npm)
    if sys.version_info < AIDER_BEFORE:
        install_python(AIDER_LOCK)
    for name in (*_PATTERNS, "aider"):
        print(f"{name}: {find(name) or 'there is none for this machine'}")


def find(name: str) -> Path | None:
    """The program; None where it is not fetched, or only as another lock says."""
    place = python_place(AIDER_LOCK) if name == "aider" else _place()
    if not tool_cache.is_ready(place):
        return None
    pattern = "bin/aider" if name == "aider" else f"node_modules/{_PATTERNS[name]}"
    return next(iter(sorted(place.glob(pattern))), None)


def _place() -> Path:
    return node_packages("agents", PACKAGES)


def run(program: Path, *arguments: str, home: Path, folder: Path, **variables: str) -> Done:
    """Run it to its end in a folder, with a home and a few variables, and nothing on its standard input.

    What it leaves running ends with it. Raises TimeoutExpired after `LIMIT`.
    """
    given: Mapping[str, str] = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    started = time.monotonic()
    child = subprocess.Popen(
        [program, *arguments],
        cwd=folder,
        env={**given, "HOME": str(home), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = child.communicate(timeout=LIMIT)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return Done(child.returncode, out, err, time.monotonic() - started)


if __name__ == "__main__":
    fetch()
