"""What `./dev run` shows of each request on a terminal."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from app.core.books import UsageRecord
from app.core.events import Usage
from app.core.money import Cost
from app.web.asgi import Message, Receive, Scope, Send
from local.dev_server import gateway_module
from local.family import PROBE
from local.terminal import RequestLines
from tests.usage_records import record as any_record

PAINT = re.compile(r"\033\[\d+m")


class Terminal:
    """Lines as a terminal gets them, and an application that answers one request."""

    def __init__(self, *, coloured: bool = False) -> None:
        self.text = ""
        self.lines = RequestLines(self._write, coloured=coloured, clock=lambda: 1_000.0)

    def _write(self, text: str) -> None:
        self.text += text

    def request(
        self, path: str = "/v1/chat/completions", status: int = 200, record: UsageRecord | None = None, **scope: Any
    ) -> str:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = {"request_id": "req_1"}
            if record is not None:
                self.lines.record(record)
            if status:
                await send({"type": "http.response.start", "status": status, "headers": []})
                await send({"type": "http.response.body", "body": b""})

        async def nothing(message: Message | None = None) -> Message:
            return {}

        given = {"type": "http", "method": "POST", "path": path, "headers": []} | scope
        asyncio.run(self.lines.around(app)(given, nothing, nothing))  # type: ignore[arg-type]
        return PAINT.sub("", self.text).partition(" ")[2]


def record(**given: Any) -> UsageRecord:
    fields = {"usage": Usage(12, 34), "cost": Cost(input=9000), "model": "amazon.nova-lite-v1:0"} | given
    return any_record("req_1", **fields)


def test_a_request_is_one_line_with_model_tokens_and_cost() -> None:
    assert Terminal().request(record=record()) == (
        "POST /v1/chat/completions 200 0 ms amazon.nova-lite-v1:0 12+34 tokens $0.000009\n"
    )


def test_cached_tokens_and_unknown_prices_are_shown() -> None:
    line = Terminal().request(record=record(usage=Usage(2, 3, cache_read=10), cost=Cost(priced=False)))
    assert line.endswith("12+3 tokens (10 cached) no price\n")


@pytest.mark.parametrize("status", [401, 404])
def test_a_request_that_no_endpoint_served_is_a_line(status: int) -> None:
    assert Terminal().request("/v1/nothing", status) == f"POST /v1/nothing {status} 0 ms\n"


def test_a_failure_names_its_code() -> None:
    failed = record(outcome="error", status=429, error_code="insufficient_quota", usage=Usage(), cost=Cost())
    assert "429 insufficient_quota 0 ms amazon.nova-lite-v1:0\n" in Terminal().request(status=429, record=failed)


def test_a_client_that_left_before_the_answer_is_a_line() -> None:
    gone = record(outcome="disconnected", error_code=None)
    assert "no answer disconnected 0 ms" in Terminal().request(status=0, record=gone)


def test_a_record_after_the_end_of_its_request_has_a_line_of_its_own() -> None:
    terminal = Terminal()
    terminal.request()
    terminal.lines.record(record())
    assert len(terminal.text.splitlines()) == 2
    assert "12+34 tokens" in terminal.text.splitlines()[1]


def test_a_path_cannot_control_the_terminal() -> None:
    line = Terminal().request("/v1/\033[2J\nforged" + "x" * 500, 404)
    assert line.startswith("POST /v1/?[2J?forgedxx")
    assert line.count("\n") == 1
    assert "\033" not in line
    assert len(line) < 160


@pytest.mark.parametrize(("status", "colour"), [(200, "32"), (404, "33"), (500, "31")])
def test_a_status_has_a_colour(status: int, colour: str) -> None:
    terminal = Terminal(coloured=True)
    terminal.request(status=status)
    assert f"\033[{colour}m{status}\033[0m" in terminal.text


def test_the_probe_of_the_start_is_no_line() -> None:
    assert Terminal().request("/health", headers=[(b"user-agent", PROBE.encode())]) == ""


def test_other_protocols_pass() -> None:
    assert Terminal().request(type="lifespan") == ""


@pytest.mark.parametrize(
    ("is_terminal", "term", "module"),
    [(True, "xterm", "local.terminal"), (True, "dumb", "app.serve"), (False, "xterm", "app.serve")],
)
def test_json_lines_are_written_where_there_is_no_terminal(is_terminal: bool, term: str, module: str) -> None:
    assert gateway_module({"TERM": term}, is_terminal=is_terminal) == module
