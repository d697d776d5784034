"""The usage line: who, what, how much, how long, and never what was said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.events import Finished, Usage
from app.core.ports import Call, Caller, UsageRecord
from app.meter.log import LogMeter, start_logging, to_line


def record(model: str = "gpt-4o", **changes: Any) -> UsageRecord:
    call = Call("req_1", Caller("key-1"), "chat.completions", model=model)
    call.receipt.model = "us.m"
    call.receipt.ignore("seed")
    call.receipt.repairs["blank-text"] += 2
    values: dict[str, Any] = {
        "call": call, "outcome": "ok", "status": 200, "error_code": None, "usage": Usage(1, 2, 3, 4, 0, 5),
        "tier": "flex", "finish": Finished("stop"), "streamed": True, "choices": 1, "first_token_ms": 7, "total_ms": 9,
        "upstream_ids": ("up-1",),
    }  # fmt: skip
    return UsageRecord(**(values | changes))


def test_the_line_is_one_flat_object() -> None:
    assert to_line(record()) == {
        "event": "usage", "request_id": "req_1", "upstream_ids": ["up-1"], "key_id": "key-1",
        "endpoint": "chat.completions", "model": "gpt-4o", "model_called": "us.m", "outcome": "ok", "status": 200,
        "finish_reason": "stop", "streamed": True, "choices": 1, "service_tier": "flex", "prompt_tokens": 8,
        "completion_tokens": 2, "cache_read_tokens": 3, "cache_write_tokens": 4, "reasoning_tokens": 5,
        "first_token_ms": 7, "total_ms": 9, "retries": 0, "ignored": ["seed"], "repairs": {"blank-text": 2},
    }  # fmt: skip


def test_what_is_not_known_is_left_out_but_a_zero_is_not() -> None:
    line = to_line(record(finish=None, first_token_ms=None, usage=Usage(), tier="", upstream_ids=()))
    assert not {"finish_reason", "first_token_ms", "reasoning_tokens", "service_tier", "upstream_ids"} & line.keys()
    assert (line["prompt_tokens"], line["retries"]) == (0, 0)


def test_no_account_number_is_logged() -> None:
    assert to_line(record("arn:aws:bedrock:us-east-1:123456789012:prompt-router/x"))["model"] == "(arn)"
    assert len(to_line(record("m" * 999))["model"]) == 256


@pytest.mark.parametrize(("level", "lines"), [(logging.INFO, 1), (logging.WARNING, 0)])
def test_it_is_logged_as_json_where_anybody_reads(level: int, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(level, "gateway.usage"):
        LogMeter().record(record())
    assert len(caplog.messages) == lines
    assert all(json.loads(message)["event"] == "usage" for message in caplog.messages)


# How lines are written


LIBRARIES = ("asyncio", "boto3", "botocore", "mangum", "urllib3", "uvicorn")


@pytest.fixture
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in ("", *LIBRARIES)}
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("_logging")
@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_libraries_never_log_at_debug_where_they_show_keys_and_prompts(level: str) -> None:
    start_logging(level, as_json=True)
    for name in LIBRARIES:
        assert logging.getLogger(name).getEffectiveLevel() >= logging.WARNING


@pytest.mark.usefixtures("_logging")
def test_every_line_is_one_json_object_where_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("INFO", as_json=True)
    LogMeter().record(record())
    logging.getLogger("app.stores.keys").warning("two\nlines of %s", "text")
    try:
        raise ValueError("a secret prompt")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    usage, warning, failure = map(json.loads, capsys.readouterr().out.splitlines())
    assert usage["event"] == "usage"
    assert (warning["level"], warning["logger"], warning["message"]) == (
        "WARNING",
        "app.stores.keys",
        "two\nlines of text",
    )
    assert warning["timestamp"].endswith("Z")
    assert failure["exception"] == "ValueError"
    assert "secret prompt" not in json.dumps(failure)


@pytest.mark.usefixtures("_logging")
def test_elsewhere_only_usage_lines_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("WARNING", as_json=False)
    LogMeter().record(record())
    logging.getLogger("app").warning("as it is")
    assert capsys.readouterr().out == "as it is\n"
