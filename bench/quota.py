"""A processor share for processes, as Lambda gives one by memory: the kernel's CFS quota in a group of its own. Linux, root.

The period is a choice: AWS does not document its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PERIOD = 20_000  # microseconds
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


class Quota:
    """A group that takes processes one by one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, process: int) -> None:
        """Nothing happens where the process has ended."""
        with suppress(ProcessLookupError):
            (self._folder / "cgroup.procs").write_text(str(process))


@contextmanager
def quota(share: float) -> Iterator[Quota | None]:
    """`share` of one processor; None where this machine does not let us."""
    folder = (_V1 if (_V1 / "cpu.cfs_quota_us").exists() else _V2) / f"bench-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        yield None
        return
    try:
        try:
            _limit(folder, share)
        except OSError:
            yield None
        else:
            yield Quota(folder)
    finally:
        with suppress(OSError):  # a process that is still in it keeps it; all have ended where the caller ended them
            folder.rmdir()


def _limit(folder: Path, share: float) -> None:
    micros = max(1000, round(share * PERIOD))
    if (folder / "cpu.max").exists():
        (folder / "cpu.max").write_text(f"{micros} {PERIOD}")
    else:
        (folder / "cpu.cfs_period_us").write_text(str(PERIOD))
        (folder / "cpu.cfs_quota_us").write_text(str(micros))
