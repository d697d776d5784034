"""What docs/performance.md shows of bench/package_results.md: the figures are read from there, so that the two agree."""

from __future__ import annotations

import re
from pathlib import Path

RESULTS = Path(__file__).with_name("package_results.md")
STARTS = (
    "this gateway",
    "plain FastAPI + boto3",
    "the same, with tiktoken imported",
    "the same, with its vocabulary loaded",
)


def excerpt() -> str:
    """The deployment package beside a plain gateway's, and what it weighs."""
    text = RESULTS.read_text()
    rows = [_cells(text, name) for name in STARTS]
    table = [
        "| deployment package | " + " | ".join(name for name, *_ in rows) + " |",
        "| --- |" + " --: |" * len(rows),
        "| cold start to the first streamed token, s | " + " | ".join(row[2] for row in rows) + " |",
        "| memory with the Web Adapter, MB | " + " | ".join(row[5] for row in rows) + " |",
    ]
    _, zipped, unzipped = _cells(text, "layers/slim")
    _, function, _ = _cells(text, "function")
    _, most = _cells(text, "both, the most ever, after a request with a 4 MB picture")
    return "\n".join([
        *table,
        "",
        f"The slim layer has {zipped} MB zipped and {unzipped} MB unzipped, the function {function} MB zipped. The most memory",
        f"ever, with a 4 MB picture, was {most} MB. Under the real Web Adapter and the local Function URL, with a whole core",
        f"and Python {_python(text)}; by memory size, with GB-seconds and prices, and what each import costs:",
        "[bench/package_results.md](../bench/package_results.md).",
    ])  # fmt: skip


def _cells(text: str, name: str) -> list[str]:
    """The cells of the first row of that name."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def _python(text: str) -> str:
    found = re.search(r"The packages run Python (\d+\.\d+)", text)
    assert found is not None
    return found[1]
