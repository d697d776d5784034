"""The recorder of this suite finds what it is there for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.recorder import Exchange, Recorder
from tests.contract.wire_types import violations
from tests.unit.web.asgi import Wire, scope

EVENT = "text/event-stream; charset=utf-8"
DONE = "response.function_call_arguments.done"


def exchange(path: str, body: Any, *, status: int = 200, kind: str = "application/json", **more: Any) -> Exchange:
    data = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    return Exchange("POST", path, more.pop("asked", {}), status, kind, data, more.pop("complete", True))


def frame(body: Any) -> bytes:
    return b"event: x\ndata: %b\n\ndata: [DONE]\n\n" % json.dumps(body, separators=(",", ":")).encode()


NAMELESS = {"type": DONE, "sequence_number": 1, "item_id": "fc_1", "output_index": 0, "arguments": "{}"}


@pytest.mark.parametrize(("path", "body"), [
    ("/v1/chat/completions", frame({"id": "x"})),
    ("/v1/responses", frame({"type": "response.unheard_of"})),
    ("/v1/responses", frame(NAMELESS)),
    ("/api/v1/messages", frame({"type": "error", "error": {"type": "teapot", "message": "x"}})),
    ("/v1/completions", frame({"error": {"message": "x"}})),
], ids=range(5))  # fmt: skip
def test_an_event_that_does_not_fit_its_type_is_found(path: str, body: bytes) -> None:
    assert violations(exchange(path, body, kind=EVENT))


def test_an_answer_that_does_not_fit_its_type_is_found() -> None:
    assert violations(exchange("/v1/messages/count_tokens", {"input_tokens": "3"}))
    assert violations(exchange("/v1/messages", {"error": {"message": "x", "type": "x"}}, status=400))
    assert violations(exchange("/v1/models", {"error": {}}, status=400, asked={"anthropic-version": "2023-06-01"}))
    with pytest.raises(AssertionError, match="no type"):
        violations(exchange("/v1/news", {}))


def test_what_fits_and_what_was_cut_off_is_no_violation() -> None:
    assert not violations(exchange("/v1/messages/count_tokens", {"input_tokens": 3}))
    assert not violations(exchange("/v1/messages/count_tokens", b'{"inp', complete=False))
    assert not violations(exchange("/v1/responses", frame(NAMELESS | {"name": "f"}), kind=EVENT))


async def test_a_recorder_sees_an_answer_whole() -> None:
    recorder = Recorder()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["path"] = "/rewritten"
        start = {"type": "http.response.start", "status": 201, "headers": [(b"Content-Type", b"text/plain")]}
        await send(start)
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    await Wire().run(recorder.wrap(app), scope("/v1/x", headers=[(b"A", b"b")]))
    assert recorder.take() == [Exchange("POST", "/v1/x", {"a": "b"}, 201, "text/plain", b"one two", True)]
    assert recorder.take() == []
