"""CloudWatch metrics: one line per request in the embedded metric format, and only where somebody asked for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.core.books import UsageRecord
from app.core.events import Usage
from app.core.money import Cost
from app.core.plan import Target, Traits
from app.core.ports import Call, Caller
from app.meter import emf
from app.meter.emf import VALUES, EmfMeter, Meters

ROOT = Path(__file__).parents[3]


def record(model: str = "us.acme.m", **changes: Any) -> UsageRecord:
    call = Call("req_1", Caller("key_1", "alice", project="proj_1"), "chat.completions", "whatever the client said")
    call.receipt.model = model
    values: dict[str, Any] = {
        "call": call, "outcome": "ok", "status": 200, "error_code": None, "usage": Usage(1, 2, 3), "tier": "", "finish": None,
        "streamed": True, "choices": 1, "first_token_ms": 70, "total_ms": 900, "cost": Cost(1_500_000),
    }  # fmt: skip
    return UsageRecord(**(values | changes))


def told(meter: EmfMeter, record: UsageRecord, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    meter.record(record)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_line_has_the_shape_that_cloudwatch_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """docs.aws.amazon.com, CloudWatch_Embedded_Metric_Format_Specification: what has to be there and how much may be."""
    line = told(EmfMeter(tuple(VALUES)), record(), capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert 1 <= len(directive["Namespace"]) <= 256
    (dimensions,) = directive["Dimensions"]
    assert len(dimensions) <= 30
    assert all(isinstance(line[name], str) and 1 <= len(line[name]) <= 1024 for name in dimensions)
    assert len(directive["Metrics"]) <= 100
    for metric in directive["Metrics"]:
        assert all(isinstance(value, int | float) for value in line[metric["Name"]])
        assert metric["Unit"] in {"Count", "Milliseconds", "None"}


def test_it_says_what_a_request_was_and_took(capsys: pytest.CaptureFixture[str]) -> None:
    line = told(EmfMeter(("Model", "traffic", "project", "key", "endpoint", "outcome", "model")), record(), capsys)
    assert {name: line[name] for name in VALUES} == {
        "model": "us.acme.m", "traffic": "realtime", "project": "proj_1", "key": "key_1", "endpoint": "chat.completions",
        "outcome": "ok",
    }  # fmt: skip
    names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert {name: line[name] for name in names} == {
        "Requests": [1], "Errors": [0], "Throttles": [0], "Latency": [900], "FirstToken": [70], "InputTokens": [4],
        "OutputTokens": [2], "CostUSD": [0.0015],
    }  # fmt: skip
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "BedrockGateway"


def test_only_the_dimensions_that_were_asked_for_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    line = told(EmfMeter(("model",)), record(), capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["model", "service"]]
    assert "key_1" not in json.dumps(line)


def test_a_throttled_request_is_an_error_and_a_throttle(capsys: pytest.CaptureFixture[str]) -> None:
    line = told(EmfMeter(("model",)), record(outcome="error", status=429, first_token_ms=None), capsys)
    assert (line["Errors"], line["Throttles"]) == ([1], [1])
    assert "FirstToken" not in line


@pytest.mark.parametrize("model", ["", " ", "\u00fc", "a\nb", "x" * 999])
def test_no_name_makes_a_line_that_cloudwatch_refuses(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A client's model name is not told at all: each would be a metric of its own, and paid for."""
    line = told(EmfMeter(("model",)), record(model), capsys)
    assert line["model"].isascii()
    assert 1 <= len(line["model"].strip()) <= 250
    assert "client" not in json.dumps(line)


def test_an_arn_is_told_by_its_model(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = record("arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/x")
    wanted.call.receipt.target = Target(wanted.call.receipt.model, "acme.m", Traits())
    assert told(EmfMeter(("model",)), wanted, capsys)["model"] == "acme.m"


def test_a_dimension_that_does_not_exist_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"METRICS: 'user' is no dimension; there are model, traffic, project, key"):
        EmfMeter(("model", "user"))


def test_a_package_without_powertools_says_so_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emf, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="METRICS: the package aws-lambda-powertools is not installed"):
        EmfMeter(("model",))


def test_powertools_is_not_loaded_before_the_first_record() -> None:
    code = (
        "import sys, app.meter.emf as e; e.EmfMeter(('model',)); print('aws_lambda_powertools.metrics' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_several_meters_are_told_in_their_order() -> None:
    seen: list[str] = []

    class Noting:
        def __init__(self, name: str) -> None:
            self.name = name

        def record(self, record: UsageRecord) -> None:
            seen.append(self.name)

    Meters(Noting("a"), Noting("b")).record(record())
    assert seen == ["a", "b"]
