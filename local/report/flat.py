"""The report as CSV: RFC 4180, and safe to open in a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from app.core.access import NANOS
from app.core.counting import percentile
from app.core.rollup import Counters, UsageRow
from local.report.groups import Names
from local.report.text import printable

_COUNTS = ("requests", "refused", "errors", "throttles", "input", "output", "cache_read", "cache_write", "short")
_COUNTED_LAST = ("cache_hits", "unpriced", "unsettled")
_MONEY = (
    "cost",
    "cost_input",
    "cost_output",
    "cost_cache_read",
    "cost_cache_write",
    "cost_other",
    "cost_short",
    "saved",
)
_TOKENS = frozenset({"input", "output", "cache_read", "cache_write"})
_NUMBERS = (
    *(f"{name}_tokens" if name in _TOKENS else name for name in _COUNTS),
    *_COUNTED_LAST,
    *(f"{name}_usd" for name in _MONEY),
    "p50_ms",
    "p95_ms",
    "first_token_p50_ms",
    "first_token_p95_ms",
)
_DIMENSIONS = (
    *("day", "kind", "project", "project_name", "key", "key_name", "user", "model", "asked", "tier", "traffic", "tag"),
    "premium",
)


def by_row(rows: Iterable[UsageRow], names: Names, is_premium: Callable[[str], bool]) -> str:
    """One line per day and set of dimensions: what there is, as it is."""
    return _csv(
        (*_DIMENSIONS, *_NUMBERS), [[*_dimensions(row, names, is_premium), *_numbers(row.total)] for row in rows]
    )


def by_group(by: str, sums: Mapping[str, Counters]) -> str:
    return _csv((by, *_NUMBERS), [[_safe(name), *_numbers(counters)] for name, counters in sums.items()])


def _dimensions(row: UsageRow, names: Names, is_premium: Callable[[str], bool]) -> list[str]:
    is_ = row.dimensions
    texts = (
        *(row.day, is_.kind, is_.project, names.projects.get(is_.project, "")),
        *(is_.key, names.keys.get(is_.key, ""), is_.user, is_.model, is_.asked, is_.tier, is_.traffic, is_.tag),
    )
    return [*map(_safe, texts), "yes" if is_premium(is_.model) else ""]


def _numbers(sums: Counters) -> list[str]:
    times = [percentile(histogram, share) for histogram in (sums.latency, sums.first_token) for share in (0.5, 0.95)]
    return [
        *(str(getattr(sums, name)) for name in (*_COUNTS, *_COUNTED_LAST)),
        *(f"{Decimal(getattr(sums, name)) / NANOS:f}" for name in _MONEY),
        *("" if each is None else str(each) for each in times),
    ]


def _safe(text: str) -> str:
    """A text that a spreadsheet would take for a formula gets a quotation mark in front."""
    shown = printable(text)
    return f"'{shown}" if shown.lstrip().startswith(("=", "+", "-", "@")) else shown


def _csv(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(head)
    writer.writerows(lines)
    return written.getvalue()
