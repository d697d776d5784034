"""Exact answers set beforehand, in process and over the control API."""

import base64
import json
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError, EventStreamError

from local import eventstream
from local.emulator import Emulator
from tests.unit.local.asking import CLAUDE, ask, deltas, stream, text_of, user

HELLO = {"type": "contentBlockDelta", "payload": {"contentBlockIndex": 0, "delta": {"text": "hello"}}}
STOP = {"type": "messageStop", "payload": {"stopReason": "end_turn"}}


def call(emulator: Emulator, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    with urllib3.PoolManager() as pool:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = pool.request(method, f"{emulator.url}/_emulator/{path}", body=None if body is None else raw)
        return response.status, response.json()


def test_a_whole_answer(emulator: Emulator, runtime: Any) -> None:
    emulator.script({"status": 418, "headers": {"x-amzn-ErrorType": "Teapot"}, "body": {"message": "short and stout"}})
    with pytest.raises(ClientError, match="short and stout") as raised:
        ask(runtime)
    assert raised.value.response["Error"]["Code"] == "Teapot"
    assert ask(runtime)["stopReason"] == "end_turn"


def test_events_exceptions_errors_and_raw_bytes(emulator: Emulator, runtime: Any) -> None:
    raw = base64.b64encode(eventstream.encode("messageStart", b'{"role": "assistant"}')).decode()
    emulator.script({"events": [{"raw": raw}, HELLO, {**STOP, "wait": 0.001}]})
    emulator.script({"events": [HELLO, {"exception": "throttlingException", "message": "slow down"}]})
    emulator.script({"events": [{"error": "Odd", "message": "words"}]})
    assert [next(iter(event)) for event in stream(runtime)] == ["messageStart", "contentBlockDelta", "messageStop"]
    with pytest.raises(EventStreamError, match="slow down"):
        stream(runtime)
    with pytest.raises(EventStreamError, match="words"):
        stream(runtime)


def test_a_scripted_cut(emulator: Emulator, runtime: Any) -> None:
    emulator.script({"events": [HELLO, {"cut": True}]})
    response = runtime.converse_stream(modelId=CLAUDE, messages=[user("hi")])
    with pytest.raises(urllib3.exceptions.ProtocolError):
        list(response["stream"])
    response["stream"].close()


def test_an_entry_waits_for_its_operation(emulator: Emulator, runtime: Any, control: Any) -> None:
    emulator.script(
        {"operation": "ConverseStream", "events": [HELLO]}, {"operation": "ListImportedModels", "status": 500}
    )
    assert "hello" in text_of(ask(runtime, "hello"))
    with pytest.raises(ClientError, match="500"):
        control.list_imported_models()
    assert deltas(stream(runtime)) == [{"text": "hello"}]


def test_an_entry_without_operation_is_not_for_listings(emulator: Emulator, runtime: Any, control: Any) -> None:
    emulator.script({"body": {"stopReason": "scripted"}})
    assert control.list_imported_models()["modelSummaries"]
    assert ask(runtime)["stopReason"] == "scripted"


def test_scripts_over_http(emulator: Emulator, runtime: Any) -> None:
    assert call(emulator, "POST", "script", [{"events": [HELLO]}, {"status": 503}]) == (200, {"added": 2})
    assert deltas(stream(runtime)) == [{"text": "hello"}]
    with pytest.raises(ClientError, match="503"):
        ask(runtime)
    assert call(emulator, "POST", "script", {"status": 503}) == (200, {"added": 1})
    assert call(emulator, "DELETE", "requests") == (200, {})
    assert ask(runtime)["stopReason"] == "end_turn"


def test_requests_over_http(emulator: Emulator, runtime: Any) -> None:
    stream(runtime, "hi")
    status, (entry,) = call(emulator, "GET", "requests")
    assert status == 200
    assert (entry["operation"], entry["modelId"], entry["status"]) == ("ConverseStream", CLAUDE, 200)
    assert entry["body"]["messages"] == [user("hi")]
    assert entry["events"] > 3
    assert entry["ended"]
    assert not entry["hungUp"]
    assert "authorization" not in entry["headers"]


@pytest.mark.parametrize("body", [b"{", [1]])
def test_a_script_that_is_none(emulator: Emulator, body: Any) -> None:
    assert call(emulator, "POST", "script", body)[0] == 400


def test_an_unknown_control_path(emulator: Emulator) -> None:
    assert call(emulator, "GET", "unknown")[0] == 404


def test_a_scripted_hang(emulator: Emulator, runtime: Any) -> None:
    emulator.script({"events": [{"hang": True}]})
    response = runtime.converse_stream(modelId=CLAUDE, messages=[user("hi")])
    response["stream"].close()
    assert emulator.requests[-1].wait()
    assert emulator.requests[-1].hung_up
