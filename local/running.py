"""The `./dev run`s that run on this machine, as other commands find it: `.tools/run.json`, for its owner's eyes only."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

FILE = Path(__file__).resolve().parents[1] / ".tools" / "run.json"
START = "Start one in another terminal: ./dev run"


class NotRunning(Exception):
    """No `./dev run` with a table is there; the text says so and what to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """`dynamodb`: the table's endpoint, empty for the region's own. `table`: its name, empty where there is none.
    `pid`: of the process that ends all the others."""

    table: str
    dynamodb: str
    region: str
    base_url: str
    admin_key: str
    pid: int


def running(file: Path = FILE) -> Running:
    """The last one that was started. Raises NotRunning, also where it died without a word or has no table."""
    try:
        runs = _read(file)
    except FileNotFoundError:
        raise NotRunning(f"No ./dev run is running. {START}") from None
    except (OSError, ValueError):
        raise NotRunning(f"{file} can't be read. Remove it. {START}") from None
    found = next((run for run in reversed(runs) if _alive(run)), None)
    if found is None:
        raise NotRunning(f"The last ./dev run has ended. {START}")
    if not found.table:
        raise NotRunning(
            "The ./dev run that is running has no table: it was started with --aws and without TABLE_NAME."
        )
    return found


@contextlib.contextmanager
def announced(state: Running, file: Path = FILE) -> Iterator[None]:
    """Stands in the file as long as this lasts, behind the runs that were there before and have not ended."""
    _write(file, [*(run for run in _others(file, state) if _alive(run)), state])
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if others := _others(file, state):
                _write(file, others)
            else:
                file.unlink()


def _others(file: Path, state: Running) -> list[Running]:
    """The runs of other processes in the file; none where it is missing or broken."""
    try:
        return [run for run in _read(file) if run.pid != state.pid]
    except (OSError, ValueError):
        return []


def _write(file: Path, runs: list[Running]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, written = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600: it holds a key
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump([asdict(run) for run in runs], stream)
    os.replace(written, file)


def _read(file: Path) -> list[Running]:
    """Oldest first. Raises OSError, and ValueError where it is not what `announced` writes."""
    found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, list) or not found:
        raise ValueError
    return [_run(each) for each in found]


def _run(found: object) -> Running:
    names = {field.name for field in fields(Running)}
    if not isinstance(found, dict) or found.keys() != names or type(found["pid"]) is not int:
        raise ValueError
    if not all(isinstance(found[name], str) for name in names - {"pid"}):
        raise ValueError
    return Running(**found)


def _alive(state: Running) -> bool:
    """Whether the process is there, and, because numbers of processes are used again, something listens."""
    try:
        os.kill(state.pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    address = urlsplit(state.dynamodb or state.base_url)
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=2):
            return True
    except OSError:
        return False
