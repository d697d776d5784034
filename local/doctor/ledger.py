"""Whether the table that TABLE_NAME names keeps a hard limit: one item is made, written by condition, and taken away again."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping

from app.core.table import AtMost, Refused, Table, TableUnavailable
from local.doctor.findings import Findings
from local.table import NoTable, closing, open_table

ADVICE = (
    "It needs dynamodb:GetItem, PutItem, UpdateItem, DeleteItem and Query on the table: docs/table.md. "
    "`./dev keys init` makes a table where there is none."
)
SLOW_MS = 100
LIFE = 3600


def examine(
    findings: Findings, environ: Mapping[str, str], *, local: bool = False, opens: Callable[..., Table] = open_table
) -> None:
    """Two findings: that it can be used and how fast, and that a condition that does not hold is refused."""
    if not local and not environ.get("TABLE_NAME", "").strip():
        findings.add("table", "skipped", "TABLE_NAME is not set")
        return
    try:
        table = opens(local, environ=environ)
    except NoTable as problem:
        findings.add("table", "skipped" if local else "failed", str(problem))
        return
    try:
        milliseconds, held = asyncio.run(_examined(table))
    except TableUnavailable as problem:
        findings.add("table", "failed", problem.reason, ADVICE)
        return
    told = f"a conditional write takes {milliseconds:.0f} ms from here"
    slow = milliseconds > SLOW_MS and not local
    findings.add("table", "warning" if slow else "ok", told, "Is it in another region?" if slow else "")
    findings.add("hard limit", "ok" if held else "failed", "" if held else "a write went past its condition")


async def _examined(table: Table) -> tuple[float, bool]:
    with closing(table):  # inside the loop that its connections belong to
        return await _tried(table)


async def _tried(table: Table) -> tuple[float, bool]:
    """Milliseconds of one conditional write, and whether a second one that exceeds its condition was refused."""
    name = secrets.token_hex(8)
    try:
        expires = int(time.time()) + LIFE
        await table.update("doctor", name, set={"expires_at": expires}, add={"used": 1})
        begun = time.perf_counter()
        await table.update("doctor", name, add={"used": 1}, when=(AtMost("used", 1),))
        milliseconds = (time.perf_counter() - begun) * 1000
        held = False
        try:
            await table.update("doctor", name, add={"used": 1}, when=(AtMost("used", 1),))
        except Refused:
            held = True
        return milliseconds, held
    finally:
        with contextlib.suppress(TableUnavailable):
            await table.delete("doctor", name)
