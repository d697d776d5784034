"""`./dev report`: spend by key, project, model and day, from the table or from log lines alone (docs/usage.md).

Exit codes: 0; 1 where the table or a file can't be read; 2 wrong use. What went wrong is one line of standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from app.core.rollup import UsageRow
from app.core.windows import DAY, day_of
from app.errors import GatewayError
from local.report.groups import BY, Names, grouped
from local.table import NoTable, closing, open_table

if TYPE_CHECKING:
    from app.core.directory import Directory
    from app.core.table import Table

MOST_DAYS = 400
"""The table keeps no more."""
SETTLING = 10.0
"""Seconds."""


def main(
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    opens: Callable[[bool], Table] = open_table,
    clock: Callable[[], float] = time.time,
) -> int:
    environ = os.environ if environ is None else environ
    flags = _parser().parse_args(arguments)
    if flags.local and flags.from_logs:
        return _fail("--local and --from-logs exclude each other: the logs stand alone", 2)
    try:
        for line in _from_logs(flags, environ, clock) if flags.from_logs else _from_table(flags, environ, opens, clock):
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except NoTable as problem:
        return _fail(str(problem), 1)
    except GatewayError as problem:
        from local.keys.troubles import told

        return _fail(told(problem, "gateway-local" if flags.local else environ.get("TABLE_NAME", "")), 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev report", description="Who spent how much, on what.")
    parser.add_argument("--days", type=_days, help="so many days up to today, UTC (default: 30; of logs all there are)")
    parser.add_argument("--by", choices=BY, help="one table by this, whole; asked: by alias and what served it")
    parser.add_argument("--csv", action="store_true", help="as CSV: every row there is, or those of --by")
    parser.add_argument(
        "--from-logs",
        nargs="+",
        metavar="FILE",
        help="from log lines alone: files (gzipped or not), folders of such, - for standard input",
    )
    parser.add_argument("--local", action="store_true", help="the table of the running ./dev run")
    return parser


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_DAYS):
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MOST_DAYS} is expected")
    return int(text)


def _from_table(
    flags: argparse.Namespace, environ: Mapping[str, str], opens: Callable[[bool], Table], clock: Callable[[], float]
) -> Iterator[str]:
    days = flags.days or 30
    first, last = day_of(clock() - (days - 1) * DAY), day_of(clock())
    with _quiet():
        rows, names = asyncio.run(_read(opens, flags.local, first, last, clock))
    yield from _shown(flags, environ, rows, names, f"Usage from {first} to {last} (UTC), {_some(days)}")


async def _read(
    opens: Callable[[bool], Table], local: bool, first: str, last: str, clock: Callable[[], float]
) -> tuple[list[UsageRow], Names]:
    from app.stores.directory.store import TableDirectory
    from app.stores.rollups import Rollups

    with closing(opens(local)) as table:
        directory = TableDirectory(table)
        await _settle(table, directory, clock)
        rows = [row async for row in Rollups(table, clock).rows(first, last)]
        return rows, await _names(directory)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the table's client logs is told in a better way, and what is charged now is in the report."""
    levels = {"app.stores.table.dynamo": logging.CRITICAL, "gateway.usage": logging.ERROR}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


async def _settle(table: Table, directory: Directory, clock: Callable[[], float]) -> None:
    """Requests that were never heard of again are charged first. Who may only read the table does without."""
    from app.stores.ledger import Ledgers
    from app.stores.recorder import Recorder
    from app.stores.sweeping import Sweeper

    recorder = Recorder(table, interval=0, clock=clock)
    with contextlib.suppress(GatewayError):
        await Sweeper(directory, Ledgers(table, clock=clock), recorder, clock).sweep()
    await recorder.close(SETTLING)


async def _names(directory: Directory) -> Names:
    try:
        keys = {each.id: each.name for each in await directory.keys()}
        return Names(keys, {each.id: each.name for each in await directory.projects()})
    except GatewayError:  # ids do without
        return Names()


def _from_logs(flags: argparse.Namespace, environ: Mapping[str, str], clock: Callable[[], float]) -> Iterator[str]:
    from local.report.logs import Logged, Unreadable, lines_of

    logged = Logged(_metered_tags(environ))
    try:
        logged.read(lines_of(flags.from_logs))
    except Unreadable as problem:
        raise NoTable(str(problem)) from None
    first = day_of(clock() - (flags.days - 1) * DAY) if flags.days else ""
    rows = logged.rows(first)
    days = f", {rows[0].day} to {rows[-1].day} (UTC)" if rows else ""
    yield from _shown(flags, environ, rows, Names(logged.names), f"Usage from log lines alone{days}")
    seen = logged.seen
    told = f"{seen['lines']:,} lines: {seen['usage']:,} requests, {seen['duplicate']:,} duplicates, {seen['other']:,} others"
    more = (
        ("undated", "without a time, left out"),
        ("unsettled", "unsettled charges"),
        ("unstored", "about what the table does not have"),
        ("made up", "requests known only from these"),
    )
    told += "".join(f", {seen[name]:,} {words}" for name, words in more if seen[name])
    print(f"report: {told}", file=sys.stderr)


def _shown(
    flags: argparse.Namespace, environ: Mapping[str, str], rows: Sequence[UsageRow], names: Names, title: str
) -> Iterator[str]:
    from local.report import flat
    from local.report.page import page, section

    is_premium = _premium(environ)
    if flags.csv:
        written = flat.by_group(flags.by, grouped(rows, flags.by, names)) if flags.by else ""
        yield (written or flat.by_row(rows, names, is_premium)).removesuffix("\n")
    elif flags.by:
        yield title
        sums = grouped(rows, flags.by, names)
        yield from section(flags.by, sums) if sums else ("No usage.",)
    else:
        yield from page(rows, names, is_premium, title)


def _premium(environ: Mapping[str, str]) -> Callable[[str], bool]:
    from functools import cache

    from app.meter.price_setting import configured_prices
    from app.plan.model_id import base_of

    try:
        prices = configured_prices(environ.get("PRICES", ""))
    except ValueError:
        prices = configured_prices()
    return cache(lambda model: prices.is_premium(base_of(model) or model))


def _metered_tags(environ: Mapping[str, str]) -> tuple[str, ...]:
    from app.settings import Settings

    words = environ.get("METERED_TAGS", "")
    return tuple(filter(None, map(str.strip, words.split(",")))) or tuple(Settings.model_fields["metered_tags"].default)


def _some(days: int) -> str:
    return f"{days} days" if days > 1 else "1 day"


def _fail(problem: str, code: int) -> int:
    print(f"report: {problem}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
