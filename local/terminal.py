"""The gateway of `./dev run` on a terminal: one readable line per request instead of JSON.

    12:03:04 POST /v1/chat/completions 200 532 ms amazon.nova-lite-v1:0 12+34 tokens $0.000009

`python -m local.terminal` takes the arguments of `python -m app.serve`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from app.core.books import UsageRecord
from app.main import create_app
from app.serve import main
from app.settings import Settings
from app.web.asgi import ASGIApp, Message, Receive, Scope, Send
from local.family import PROBE

MAX_TEXT_LENGTH = 120
"""Characters of a path or of a model's name on the terminal."""
_RESET, _DIM, _GREEN, _YELLOW, _RED = "\033[0m", "\033[2m", "\033[32m", "\033[33m", "\033[31m"


class RequestLines:
    """Implements Meter, and wraps the application: joins what HTTP knows of a request with its usage record.

    A record that arrives while its request is open waits for the end of the request. Any other record has a line of its own:
    background responses, responses over a WebSocket, and answers that are read to their end after the client has left.
    """

    def __init__(
        self, write: Callable[[str], object], *, coloured: bool, clock: Callable[[], float] = time.time
    ) -> None:
        self._write = write
        self._coloured = coloured
        self._clock = clock
        self._open: dict[int, Scope] = {}
        self._records: dict[str, UsageRecord] = {}

    def record(self, record: UsageRecord) -> None:
        request_id = record.call.request_id
        if any(_request_id(scope) == request_id for scope in self._open.values()):
            self._records[request_id] = record
        else:
            self._print(f"(later) {record.call.endpoint}", record.status, record.total_ms, record)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or (b"user-agent", PROBE.encode()) in scope["headers"]:
                await app(scope, receive, send)
                return
            started, status = self._clock(), 0
            what = f"{scope['method']} {scope['path']}"

            async def noted(message: Message) -> None:
                nonlocal status
                status = message.get("status", status)
                await send(message)

            self._open[id(scope)] = scope
            try:
                await app(scope, receive, noted)
            finally:
                del self._open[id(scope)]
                record = self._records.pop(_request_id(scope), None)
                self._print(what, status, round((self._clock() - started) * 1000), record)

        return served

    def _print(self, what: str, status: int, milliseconds: int, record: UsageRecord | None) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(self._clock()))
        outcome = _outcome(record) if record else ""
        colour = _GREEN if 0 < status < 400 and not outcome else _YELLOW if status < 500 else _RED
        parts = [
            self._painted(at, _DIM),
            _printable(what),
            self._painted(" ".join(filter(None, (str(status) if status else "no answer", outcome))), colour),
            self._painted(f"{milliseconds} ms", _DIM),
        ]
        if record is not None:
            parts += _details(record)
        self._write(" ".join(parts) + "\n")

    def _painted(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if self._coloured else text


def _details(record: UsageRecord) -> list[str]:
    usage, cost = record.usage, record.cost
    details = [_printable(record.call.receipt.model or record.call.model)]
    if usage.prompt or usage.output:
        cached = f" ({usage.cache_read} cached)" if usage.cache_read else ""
        details.append(f"{usage.prompt}+{usage.output} tokens{cached}")
    if cost.total or usage.prompt or usage.output:
        details.append(f"${cost.total / 1e9:.6f}" if cost.priced else "no price")
    return details


def _outcome(record: UsageRecord) -> str:
    """Why a request did not end well; empty where it did."""
    if record.outcome == "ok":
        return ""
    return _printable(record.error_code or record.outcome)


def _printable(text: str) -> str:
    """A client's text on one line, without control characters, which a terminal would obey."""
    shown = "".join(each if each.isprintable() else "?" for each in text[:MAX_TEXT_LENGTH])
    return shown + "..." if len(text) > MAX_TEXT_LENGTH else shown


def _request_id(scope: Scope) -> str:
    return str(scope.get("state", {}).get("request_id", ""))


def make_app(settings: Settings) -> ASGIApp:
    """The gateway with request lines on standard output."""

    def write(line: str) -> None:
        sys.stdout.write(line)
        sys.stdout.flush()

    lines = RequestLines(write, coloured="NO_COLOR" not in os.environ)
    return lines.around(create_app(settings, meter=lines))


if __name__ == "__main__":
    sys.exit(main(make_app))
