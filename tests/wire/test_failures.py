"""Streams that fail honestly: before the first event a real status, later an error frame, never half an answer as a whole.

One usage record each.
"""

from __future__ import annotations

from typing import Any

import pytest

from local.emulator import Emulator
from tests.wire.gateway import NOVA, Gateway, chat, frames, serving, text_of

STREAM = pytest.mark.parametrize("stream", [False, True])
WORDS = "one two three four five six seven eight"

BEFORE = [
    ("throttle", 429, "rate_limit_exceeded"),
    ("error=ServiceUnavailableException", 503, "service_unavailable"),
    ("error=AccessDeniedException", 403, "access_denied"),
    ("error=ValidationException message=the_field_is_wrong", 400, None),
    ("html-503", 503, "service_unavailable"),
    ("context-overflow", 400, "context_length_exceeded"),
]
AS_FIRST_EVENT = [
    ("first-event-throttle", 429, "rate_limit_exceeded"),
    ("context-overflow stream", 400, "context_length_exceeded"),
]


def assert_envelope(body: Any, header: str) -> dict[str, Any]:
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert {"message", "type", "param", "code", "request_id"} <= set(error)
    assert error["message"]
    assert error["type"]
    assert error["request_id"] == header
    return error


@pytest.mark.parametrize(
    ("marker", "status", "code", "stream"),
    [(*row, stream) for row in BEFORE for stream in (False, True)] + [(*row, True) for row in AS_FIRST_EVENT],
)
def test_a_failure_before_the_first_event_is_a_real_status(
    gateway: Gateway, marker: str, status: int, code: str | None, stream: bool
) -> None:
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(f"Hello [[emulate: {marker}]]", stream=stream))
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/json"
    error = assert_envelope(reply.json(), reply.headers["x-request-id"])
    if code is not None:
        assert error["code"] == code
    (record,) = gateway.records()
    assert (record.outcome, record.status, record.streamed) == ("error", status, stream)
    assert record.call.request_id == error["request_id"]


def test_a_connection_cut_before_the_first_event_is_a_502_after_one_more_try(
    gateway: Gateway, emulator: Emulator
) -> None:
    emulator.script(*[{"operation": "ConverseStream", "events": [{"cut": True}]}] * 2)
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(stream=True))
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_disconnected")
    assert len(emulator.requests) == 2
    gateway.records()


WITHIN = [
    ("throttle after=2", "rate_limit_exceeded"),
    ("error=ModelStreamErrorException after=3", None),
    ("error=InternalServerException after=1", None),
    ("error-frame=SomethingNew after=2", None),
    ("cut after=2", "upstream_disconnected"),
    ("no-stop", None),
    ("bad-crc after=2", "upstream_broken_stream"),
]


@pytest.mark.parametrize(("marker", "code"), WITHIN)
def test_half_an_answer_never_ends_as_a_whole_one(gateway: Gateway, marker: str, code: str | None) -> None:
    body = chat(f"{WORDS} [[emulate: {marker}]]", stream=True, stream_options={"include_usage": True})
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200
    *chunks, last = frames(reply.text)
    assert reply.text.count("event: error\n") == 1
    error = assert_envelope(last, reply.headers["x-request-id"])
    if code is not None:
        assert error["code"] == code
    assert "[DONE]" not in chunks
    assert all("error" not in chunk for chunk in chunks)
    assert all(choice["finish_reason"] is None for chunk in chunks for choice in chunk["choices"])
    assert text_of(chunks).startswith("You")
    (record,) = gateway.records()
    assert (record.outcome, record.error_code) == ("error", error["code"] or error["type"])


@pytest.mark.parametrize("marker", ["cut after=3", "no-stop"])
def test_one_broken_choice_of_several_ends_the_stream_with_one_error(gateway: Gateway, marker: str) -> None:
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(f"{WORDS} [[emulate: {marker}]]", stream=True, n=3))
    found = frames(reply.text)
    assert [place for place, frame in enumerate(found) if "error" in frame] == [len(found) - 1]
    gateway.records()


def test_a_legacy_stream_fails_as_honestly(gateway: Gateway) -> None:
    body = {"model": chat()["model"], "prompt": f"{WORDS} [[emulate: cut after=2]]", "stream": True}
    with gateway.client() as client:
        *chunks, last = frames(client.post("/v1/completions", json=body).text)
    assert last["error"]["code"] == "upstream_disconnected"
    assert all(choice["finish_reason"] is None for chunk in chunks for choice in chunk["choices"])
    gateway.records()


@STREAM
def test_a_passing_failure_is_tried_again_at_once_and_only_once(
    gateway: Gateway, emulator: Emulator, stream: bool
) -> None:
    with gateway.client() as client:
        marker = "[[emulate: fail-once=ServiceUnavailableException]]"
        assert client.post("/v1/chat/completions", json=chat(f"Hello {marker}", stream=stream)).status_code == 200
        assert len(emulator.requests) == 2
        emulator.reset()
        marker = "[[emulate: error=ServiceUnavailableException]]"
        assert client.post("/v1/chat/completions", json=chat(f"Hello {marker}", stream=stream)).status_code == 503
        assert len(emulator.requests) == 2
    first, second = gateway.records(2)
    assert (first.outcome, first.call.receipt.retries) == ("ok", 1)
    assert (second.outcome, second.call.receipt.retries) == ("error", 1)


@STREAM
def test_silence_beyond_the_read_timeout_is_a_504_and_not_tried_again(emulator: Emulator, stream: bool) -> None:
    with serving(emulator.url, read_timeout=0.3) as gateway, gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat("Hello [[emulate: hang]]", stream=stream))
        assert reply.status_code == 504
        assert reply.headers["x-should-retry"] == "false"
        assert len(emulator.requests) == 1
        assert gateway.records()[0].status == 504


def test_an_unreachable_bedrock_is_a_503(emulator: Emulator) -> None:
    with serving("http://127.0.0.1:9") as gateway, gateway.client() as client:
        for path, body in (("chat/completions", chat()), ("chat/completions", chat(stream=True))):
            reply = client.post(f"/v1/{path}", json=body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_unreachable")
            assert int(reply.headers["retry-after"]) >= 1
        gateway.records(2)


def test_success_is_recorded_once_with_its_usage(gateway: Gateway) -> None:
    with gateway.client() as client:
        whole = client.post("/v1/chat/completions", json=chat()).json()
        reply = client.post("/v1/chat/completions", json=chat(stream=True, stream_options={"include_usage": True}))
        *_, usage, done = frames(reply.text)
        assert done == "[DONE]"
        embedded = client.post("/v1/embeddings", json={"model": "amazon.titan-embed-text-v2:0", "input": "Hello"})
        assert embedded.status_code == 200
    first, second, third = gateway.records(3)
    assert [record.outcome for record in (first, second, third)] == ["ok"] * 3
    assert first.usage.prompt == whole["usage"]["prompt_tokens"] > 0
    assert second.usage.output == usage["usage"]["completion_tokens"] > 0
    assert third.usage.input == embedded.json()["usage"]["prompt_tokens"] > 0
    assert second.first_token_ms is not None
    assert first.upstream_ids


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_too_says_which_model_was_called_and_what_was_ignored(gateway: Gateway, stream: bool) -> None:
    body = {
        "model": NOVA,
        "messages": [{"role": "user", "content": "[[emulate: throttle]] hi"}],
        "seed": 7,
        "stream": stream,
    }
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 429
    assert (reply.headers["x-gateway-model"], reply.headers["x-gateway-ignored"]) == (NOVA, "seed")
