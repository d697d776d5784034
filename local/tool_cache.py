"""Tools that are compiled or downloaded: kept outside the checkout, so that a new clone finds them again.

A tool lives in `${XDG_CACHE_HOME:-~/.cache}/bedrock-openai-gateway/<name>-<hash>`. The hash covers the lock that the tool is
made from, so that another lock gets another folder. `./dev` imports this module before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = "bedrock-openai-gateway"
READY = ".ready"
MAX_UNUSED_SECONDS = 30 * 86400
"""A folder of an older lock is removed when it was not used for so long."""


def folder(name: str, *sources: Path | str, python: bool = False) -> Path:
    """Returns the place of a tool made from these files and strings. `python`: the place also depends on this Python."""
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
    if python:
        digest.update(f"{sys.version_info[:2]} {sys.base_prefix}".encode())
    for source in sources:
        digest.update(hashlib.sha256(source.read_bytes() if isinstance(source, Path) else source.encode()).digest())
    return _root() / f"{name}-{digest.hexdigest()[:16]}"


def is_ready(folder: Path) -> bool:
    return (folder / READY).exists()


@contextlib.contextmanager
def filling(folder: Path) -> Iterator[bool]:
    """Holds a lock among processes. Yields whether the folder is to be filled, and then it exists and is empty.

    The folder is ready when the block ends without an exception, and is removed otherwise.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(folder):
            (folder / READY).touch()  # the time of its last use
            yield False
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield True
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / READY).touch()
        _remove_unused(folder)


def _remove_unused(current: Path) -> None:
    name, _, digest = current.name.rpartition("-")
    for other in current.parent.glob(f"{name}-{'?' * len(digest)}"):
        mark = other / READY
        if other != current and mark.exists() and time.time() - mark.stat().st_mtime > MAX_UNUSED_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


def _root() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / PROJECT
