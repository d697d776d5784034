"""Fails where the tests leave too much unrun: `python -m tests.coverage_floors coverage.json`.

Pure code, where every branch is cheap to reach, is covered wholly; the whole of `app/` and `local/` by nine tenths.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

OVERALL = 90.0
_RESPONSES = (
    *("choice", "frames", "freeform", "growing", "ids", "items", "parameters", "parts", "schema", "sealed", "shape"),
    *("stream", "summary", "tools", "truncate", "wishes"),
)
"""What is pure there; the rest keeps, waits and answers."""
WHOLE = (
    "app/core/*.py",
    "app/plan/*.py",
    "app/api/*/decode.py",
    "app/api/*/encode.py",
    "app/upstreams/converse/*.py",
    "app/api/messages/*.py",
    *(f"app/api/responses/{module}.py" for module in _RESPONSES),
)
EXCEPT = ("app/upstreams/converse/client.py", "app/api/messages/handlers.py", "app/api/messages/route.py")


def shortfalls(report: dict[str, Any]) -> list[str]:
    """One line for each floor that the coverage report (coverage's own JSON) falls below."""
    lines = []
    for name, file in sorted(report["files"].items()):
        path = Path(name).as_posix()
        whole = any(fnmatch(path, pattern) for pattern in WHOLE) and path not in EXCEPT
        unrun = set(file["missing_lines"])
        jumps = [
            f"{start}->{'exit' if end < 0 else end}" for start, end in file["missing_branches"] if start not in unrun
        ]
        if whole and (unrun or jumps):
            lines.append(f"{path}: must be covered wholly; missing {', '.join(ranges(unrun) + jumps)}")
    total = report["totals"]["percent_covered"]
    if total < OVERALL:
        lines.append(f"overall: {total:.1f} % is covered, {OVERALL:.0f} % must be")
    return lines


def ranges(numbers: Collection[int]) -> list[str]:
    """[1, 2, 3, 7] -> ["1-3", "7"]; gaps of one, as blank lines leave, are passed over."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number - found[-1][1] <= 2:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]


def main(path: str) -> int:
    report = json.loads(Path(path).read_text())
    lines = shortfalls(report)
    for line in lines:
        print(line)
    print(f"coverage: {report['totals']['percent_covered']:.1f} % overall, {len(lines)} floors missed")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
