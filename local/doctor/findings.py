"""What the doctor found, made fit for a terminal: bounded, without control characters, without a secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "failed", "skipped"]

LONGEST = 400
_SIGNS: dict[Status, str] = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED ", "skipped": "skipped"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `advice` says what to do, and is empty where nothing is to be done."""

    check: str
    status: Status
    detail: str = ""
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"check": self.check, "status": self.status, "detail": self.detail, "advice": self.advice}


@dataclass
class Findings:
    """All checks in order, printed as they come in. `secrets`: texts that may never be shown, whoever says them."""

    secrets: Sequence[str] = ()
    show: bool = True
    all: list[Finding] = field(default_factory=list)

    def add(self, check: str, status: Status, detail: str = "", advice: str = "") -> bool:
        """Note one; whether it was no failure."""
        finding = Finding(check, status, self.clean(detail), self.clean(advice))
        self.all.append(finding)
        if self.show:
            print(f"{_SIGNS[status]}  {check}{f': {finding.detail}' if finding.detail else ''}")
            if finding.advice:
                print(f"         -> {finding.advice}")
        return status != "failed"

    def clean(self, text: Any) -> str:
        """A line of printable characters, bounded. What a server says may hold terminal commands, or our own key."""
        line = str(text)
        for secret in self.secrets:  # before anything is cut off, which might leave a part of one
            line = line.replace(secret, "[secret]") if secret else line
        line = "".join(letter if letter.isprintable() else " " for letter in line[: 20 * LONGEST])
        line = " ".join(line.split())
        return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."

    def skip(self, checks: Iterable[str], why: str) -> None:
        for check in checks:
            self.add(check, "skipped", why)

    @property
    def failed(self) -> bool:
        return any(each.status == "failed" for each in self.all)


@contextmanager
def titled(findings: Findings, title: str) -> Iterator[None]:
    if findings.show:
        print(f"\n{title}")
    yield


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table with columns as wide as they need to be; the last column is left as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()
