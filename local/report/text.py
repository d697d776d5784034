"""Tables and numbers for a terminal of 100 columns. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from app.core.access import NANOS

WIDTH = 100


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column to the left, all others to the right. A name that is too long has a line of its own."""
    widths = [max(map(width, column)) for column in zip(head, *rows, strict=True)][1:]
    first = WIDTH - sum(widths) - 2 * len(widths)
    for row in (head, *rows):
        name = row[0]
        if width(name) > first:
            yield clipped(name, WIDTH)
            name = ""
        numbers = "".join(f"  {cell:>{each}}" for cell, each in zip(row[1:], widths, strict=True))
        yield (name + " " * (first - width(name)) + numbers).rstrip()


def printable(text: str) -> str:
    """Without what would move the cursor or turn the line round."""
    return "".join([each if each.isprintable() else "?" for each in text])


def width(text: str) -> int:
    """Columns on the screen."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else not unicodedata.combining(each) for each in text)


def clipped(text: str, most: int) -> str:
    if width(text) <= most:
        return text
    while width(text) > most - 3:
        text = text[:-1]
    return text + "..."


def usd(nanos: int) -> str:
    """Cents, and below a dollar what there is to see.

    >>> [usd(nanos) for nanos in (0, 40, 1_234_000, 56_700_000, 1_234_567_000_000)]
    ['$0', '<$0.0001', '$0.0012', '$0.0567', '$1,234.57']
    """
    sign, nanos = ("-" if nanos < 0 else ""), abs(nanos)
    if nanos == 0:
        return "$0"
    if nanos < NANOS // 10_000:
        return f"{sign}<$0.0001"
    return f"{sign}${nanos / NANOS:,.{2 if nanos >= NANOS else 4}f}"


def count(number: int) -> str:
    """
    >>> [count(number) for number in (0, 9999, 12_345, 1_234_567, 9_876_543_210)]
    ['0', '9,999', '12.3k', '1.23M', '9.88G']
    """
    if number < 10_000:
        return f"{number:,}"
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            shown = number / unit
            return f"{shown:.{2 if shown < 10 else 1 if shown < 100 else 0}f}{letter}"
    return str(number)


def share(part: int, whole: int) -> str:
    """
    >>> share(1, 8), share(0, 8), share(1, 10_000), share(0, 0)
    ('12.5 %', '0 %', '<0.1 %', '')
    """
    if not whole:
        return ""
    if not part:
        return "0 %"
    return f"{100 * part / whole:.1f} %" if part * 1000 >= whole else "<0.1 %"


def seconds(milliseconds: int | None) -> str:
    """
    >>> seconds(None), seconds(80), seconds(1234), seconds(61_000)
    ('', '0.08', '1.2', '61')
    """
    if milliseconds is None:
        return ""
    return f"{milliseconds / 1000:.{2 if milliseconds < 995 else 1 if milliseconds < 9950 else 0}f}"
