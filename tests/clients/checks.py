"""The checks of one client program: all run, each prints its line, and the exit code tells whether one failed."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

BASE_URL = os.environ["OPENAI_BASE_URL"]
API_KEY = os.environ["OPENAI_API_KEY"]

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
"""Native structured output, reasoning with signatures, prompt caching."""
NOVA = "amazon.nova-lite-v1:0"
"""Structured output by a forced tool."""
TITAN = "amazon.titan-embed-text-v2:0"

_checks: list[Callable[[], Any]] = []


def check(function: Callable[[], Any]) -> Callable[[], Any]:
    """Registers a function or coroutine function without parameters; its name says what it shows."""
    _checks.append(function)
    return function


def told(heading: str) -> str:
    """What the Python under a heading of docs/sdks.md prints, run as it stands."""
    text = (Path(__file__).parents[2] / "docs" / "sdks.md").read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    code = section.partition("```python\n")[2].partition("```")[0]
    assert code, f"there is no Python under {heading!r}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def main() -> None:
    """Runs the checks in order; ends the process with 1 if one failed."""
    client = Path(sys.argv[0]).stem
    failed = 0
    loop = asyncio.Runner()  # one for all: clients keep connections, which belong to a loop
    for function in _checks:
        name = f"{client}: {function.__name__.replace('_', ' ')}"
        try:
            outcome = function()
            if inspect.isawaitable(outcome):
                loop.run(_awaited(outcome))
        except Exception as problem:  # noqa: BLE001  whatever a client raises is its verdict
            failed += 1
            traceback.print_exc()
            first = str(problem).strip().partition("\n")[0]
            print(f"FAILED {name}: {type(problem).__name__}: {first}"[:300], flush=True)
        else:
            print(f"ok {name}", flush=True)
    loop.close()
    sys.exit(1 if failed else 0)


async def _awaited(outcome: Any) -> None:
    await outcome
