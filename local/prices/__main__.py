"""`./dev prices show [MODEL]`, `./dev prices check` and `./dev prices refresh [--dry-run] [--from-file FILE]`.

Exit codes: 0 where all is well (refresh: whether or not anything changed), 1 where `check` found a problem, 2 wrong use and a
price list that can't be had.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from app.meter.price_setting import configured_prices
from app.meter.prices import CEILING, SCALE, TABLE, PriceTable, table
from app.plan.model_id import base_of
from local.prices import merge, source
from local.prices.offers import prices_of
from local.prices.page import end_of_life

NAMES = Path(__file__).with_name("names.json")
OLD_DAYS = 90
_COLUMNS = ("in", "out", "cache_read", "cache_write", "cache_write_1h", "image", "unit")


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    environ = os.environ if environ is None else environ
    flags = parse(arguments)
    try:
        if flags.command == "refresh":
            return refresh(flags, environ)
        prices = configured_prices(environ.get("PRICES", ""), _words(environ.get("PRICE_CEILING", "")) or CEILING)
        return show(prices, flags.model) if flags.command == "show" else check(datetime.now(UTC).date())
    except (source.Unreadable, ValueError) as problem:
        print(f"prices: {problem}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./dev prices", description="What requests are charged: see docs/prices.md.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("show", help="the table, or what one model costs by tier")
    one.add_argument("model", nargs="?", default="", help="a model or profile id, or a glob of them")
    commands.add_parser("check", help="age, end of life, and the settings PRICES and PRICE_CEILING")
    made = commands.add_parser("refresh", help="take the prices of the AWS Price List API")
    made.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
    made.add_argument("--from-file", type=Path, action="append", default=[], help="a saved list in place of the API")
    made.add_argument("--table", type=Path, default=TABLE, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def show(prices: PriceTable, model: str) -> int:
    data = table()
    found = [id_ for id_ in sorted(data["models"]) if not model or id_ == model or fnmatchcase(id_, model)]
    if model and (not found or found == [model]):
        return _one(prices, model)
    print(f"{data['version']}, {data['unit']}")
    _print([("model", *_COLUMNS), *((id_, *_cells(data["models"][id_])) for id_ in found)])
    return 0


def _one(prices: PriceTable, model: str) -> int:
    """What a request with this very id is charged, the settings and its geography included."""
    base = base_of(model) or model
    rows: list[tuple[str, ...]] = [("tier", *_COLUMNS)]
    for tier in ("default", "flex", "priority", "batch"):
        rates = prices.rates(model, base, tier=tier, batch=tier == "batch")
        for name, tokens in ((tier, rates.tokens), (f"{tier}, over {rates.over:,} tokens", rates.long)):
            if tokens is not None:
                things = [_usd(each) for each in (rates.image, rates.unit)]
                rows.append((name, *map(_usd, tokens), *things))
    if len(rows) == 1:
        print(f"{model} has no price per token: it is charged the ceiling (PRICE_CEILING) and flagged.")
        return 0
    print(f"{model} (version {rates.version})")
    _print(rows)
    return 0


def check(today: date) -> int:
    """Reports an old table and unknown sources, which are problems, and models past their end of life, which are not."""
    data = table()
    age = (today - date.fromisoformat(data["date"])).days
    problems = [f"the table is {age} days old; see ./dev prices refresh"] if age > OLD_DAYS else []
    notes = []
    for id_, row in sorted(data["models"].items()):
        if row["source"] not in data["sources"]:
            problems.append(f"{id_}: there is no source {row['source']!r}")
        if "" < (end := end_of_life(id_)) <= today.isoformat():
            notes.append(f"{id_} was to end on {end}; its prices stay for requests that it still answers")
    for line in (*problems, *notes):
        print(f"prices: {line}")
    counted = f"{len(problems) or 'no'} problems, {len(notes) or 'no'} notes"
    print(f"prices: {data['version']}, {len(data['models'])} models, {age} days old; {counted}")
    return 1 if problems else 0


def refresh(flags: argparse.Namespace, environ: Mapping[str, str]) -> int:
    old = json.loads(flags.table.read_text(encoding="utf-8"))
    names = json.loads(NAMES.read_text(encoding="utf-8"))["names"]
    items = source.from_files(flags.from_file) if flags.from_file else source.from_api(environ, merge.REGION)
    seen = list(prices_of(items, merge.REGION))
    if not seen:
        raise source.Unreadable("the list holds no price per token; nothing was changed")
    result = merge.merge(old, seen, names, date=datetime.now(UTC).date().isoformat())
    for line in result.changes:
        print(line)
    for line in result.doubts:
        print(f"doubt: {line}")
    if result.unknown:
        print(f"without an id in {NAMES.name}: {', '.join(result.unknown)}")
    told = f"{len(seen)} prices read, {len(result.changes)} changes"
    if result.changes and not flags.dry_run:
        flags.table.write_text(merge.dump(result.table), encoding="utf-8")
        told += f"; {flags.table.name} is now {result.table['version']}. Next: ./dev docs"
    print(f"prices: {told}" + ("; nothing was written" if flags.dry_run else ""))
    return 0


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [f"{row[name]:.10g}" if name in row else "-" for name in _COLUMNS]


def _usd(rate: int | None) -> str:
    return "-" if rate is None else f"{rate / SCALE:.10g}"


def _print(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = row
        print(
            "  ".join(
                (first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)))
            )
        )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


if __name__ == "__main__":
    sys.exit(main())
