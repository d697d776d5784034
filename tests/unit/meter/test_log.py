"""The usage line: who, what, how much, how long, and never what was said."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.books import UsageRecord
from app.core.events import Finished, Usage
from app.core.money import Cost
from app.core.plan import Target, Traits
from app.core.ports import Call, Caller
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
        "project": "proj_default", "traffic": "realtime", "cost_usd": 0.0, "cost_nanos": 0,
    }  # fmt: skip


def test_everything_that_is_known_is_told() -> None:
    caller = Caller("key_1", "alice", {"team": "red"}, "proj_1", "alice@corp", stale=True)
    call = Call("req_1", caller, "chat.completions", "fast", 1_763_683_200.0, metadata={"team": "blue", "app": "x"})
    call.user, call.traffic = "somebody", "flex"
    call.receipt.model, call.receipt.route, call.receipt.cache = "us.m", "fast", "miss"
    call.receipt.target = Target("us.m", "m", Traits(), region="eu-west-1")
    line = to_line(
        record(call=call, usage=Usage(1, 2, 3, 4, 1), cost=Cost(1, 2, 3, 4, 5, False, "v1"), estimated=True, saved=7,
               unsettled=True, ended=1_763_683_201.5)
    )  # fmt: skip
    wanted = {
        "key_id": "key_1", "key_name": "alice", "project": "proj_1", "user": "alice@corp", "stale_key": True,
        "tags": {"team": "red", "app": "x"}, "traffic": "flex", "model": "fast", "route": "fast", "model_called": "us.m",
        "region": "eu-west-1", "cache": "miss", "cache_write_tokens": 4, "cache_write_1h_tokens": 1, "estimated": True,
        "cost_nanos": 15, "cost_usd": 1.5e-8, "unpriced": True, "price_version": "v1", "saved_nanos": 7, "unsettled": True,
        "cost_by_kind": {"input": 1, "output": 2, "cache_read": 3, "cache_write": 4, "other": 5},
        "ended": 1_763_683_201.5, "timestamp": "2025-11-21T00:00:01.500Z",
    }  # fmt: skip
    assert line.items() >= wanted.items()
    assert line["user_hash"] == hashlib.sha256(b"somebody").hexdigest()[:16]
    assert "somebody" not in json.dumps(line)


def test_a_request_that_nobody_timed_ended_when_it_had_taken_its_time() -> None:
    call = Call("req_1", Caller("key-1"), "embeddings", started=100.0)
    assert to_line(record(call=call, total_ms=1500))["ended"] == 101.5


def test_a_client_can_neither_take_a_key_s_tag_away_nor_fill_the_log() -> None:
    caller = Caller("key-1", tags={"team": "red"})
    metadata = {"team": "blue"} | {f"{number:02}" + "n" * 100: "v" * 999 for number in range(50)}
    tags = to_line(record(call=Call("req_1", caller, "chat.completions", metadata=metadata)))["tags"]
    assert tags["team"] == "red"
    assert len(tags) == 16
    assert max(map(len, tags)) == 64
    assert max(map(len, tags.values())) == 256


def test_half_a_character_does_not_cost_the_record(caplog: pytest.LogCaptureFixture) -> None:
    call = Call(
        "req_1", Caller("key-1"), "chat.completions", "m\ud83d", metadata={"a\ud83d": "b\ud83d"}, user="c\ud83d"
    )
    with caplog.at_level(logging.INFO, "gateway.usage"):
        LogMeter().record(record(call=call))
    assert json.loads(caplog.messages[0])["request_id"] == "req_1"
    caplog.messages[0].encode()


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
