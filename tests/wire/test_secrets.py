"""Keys, prompts, ARNs, account ids and stack traces in no answer and in no log."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from app.plan.planner import ModelPlanner
from local.emulator import Emulator
from tests.wire.gateway import KEY, NOVA, TITAN, Gateway, chat, environment, serving

PROMPT = "the-quick-prompt-nobody-may-log"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/secret-profile"
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/gateway-role/session is not authorized to perform: "
    f"bedrock:InvokeModel on resource: {ARN} with key AKIAIOSFODNN7EXAMPLE"
)
HIDDEN = (KEY, PROMPT, "123456789012", "arn:aws", "AKIA", "ASIA", "wire-secret-access-key", "Traceback", "assumed-role",
          "/site-packages/")  # fmt: skip


def aws_error(code: str, status: int, message: str = DENIED, **more: Any) -> dict[str, Any]:
    return {"status": status, "headers": {"x-amzn-ErrorType": code}, "body": {"message": message} | more}


ANSWERS: dict[str, dict[str, Any]] = {
    code: aws_error(code, status)
    for code, status in [
        ("AccessDeniedException", 403),
        ("ValidationException", 400),
        ("ResourceNotFoundException", 404),
        ("UnrecognizedClientException", 403),
        ("InvalidSignatureException", 403),
        ("ExpiredTokenException", 403),
        ("ThrottlingException", 429),
        ("InternalServerException", 500),
        ("ServiceUnavailableException", 503),
        ("ModelErrorException", 424),
        ("SomethingNewException", 418),
    ]
} | {"no JSON": {"status": 200, "body": f"<html>{DENIED}</html>"}, "odd JSON": {"status": 200, "body": [DENIED]}}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Everything that is logged at the level of a deployment, the SDK's lines included."""
    caplog.set_level(logging.INFO)
    return caplog


def assert_silent(texts: str | list[str], log: pytest.LogCaptureFixture, allowed: tuple[str, ...] = ()) -> None:
    formatter = logging.Formatter("%(message)s")
    # With tracebacks, where a record holds one. What httpx logs is the client's; the access log is switched off, but
    # pytest listens to loggers that do not propagate as well.
    ours = [record for record in log.records if record.name not in ("httpx", "uvicorn.access")]
    lines = [formatter.format(record) for record in ours]
    for text in [*([texts] if isinstance(texts, str) else texts), *lines]:
        for secret in HIDDEN:
            assert secret in allowed or secret not in text, text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ANSWERS)
def test_what_aws_says_of_the_account(
    gateway: Gateway, emulator: Emulator, log: pytest.LogCaptureFixture, name: str, stream: bool
) -> None:
    emulator.script(*[ANSWERS[name]] * 2)
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(PROMPT, stream=stream))
    assert_silent([reply.text, str(dict(reply.headers))], log)
    if name not in {"no JSON", "odd JSON"} or not stream:
        assert reply.status_code >= 400


@pytest.mark.parametrize("name", ANSWERS)
def test_what_aws_says_of_an_embedding(
    gateway: Gateway, emulator: Emulator, log: pytest.LogCaptureFixture, name: str
) -> None:
    emulator.script(*[ANSWERS[name]] * 2)
    with gateway.client() as client:
        reply = client.post("/v1/embeddings", json={"model": TITAN, "input": PROMPT})
    assert reply.status_code >= 400
    assert_silent([reply.text, str(dict(reply.headers))], log)


def test_what_aws_says_within_a_stream(gateway: Gateway, emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    start = {"type": "messageStart", "payload": {"role": "assistant"}}
    delta = {"type": "contentBlockDelta", "payload": {"contentBlockIndex": 0, "delta": {"text": "hi"}}}
    for last in ({"exception": "modelStreamErrorException", "message": DENIED}, {"error": "Odd", "message": DENIED}):
        emulator.script({"operation": "ConverseStream", "events": [start, delta, last]})
        with gateway.client() as client:
            reply = client.post("/v1/chat/completions", json=chat(PROMPT, stream=True))
        assert '"error"' in reply.text
        assert_silent(reply.text, log)


@pytest.mark.parametrize("stream", [False, True])
def test_a_fault_of_ours(
    gateway: Gateway, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    async def fail(*args: object, **options: object) -> None:
        raise ValueError(f"{PROMPT} {KEY} {DENIED}")

    monkeypatch.setattr(ModelPlanner, "plan", fail)
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(PROMPT, stream=stream))
    assert reply.status_code == 500
    error = reply.json()["error"]
    assert (error["code"], error["request_id"]) == ("internal_error", reply.headers["x-request-id"])
    assert_silent(reply.text, log)
    told = [record.getMessage() for record in log.records if "ValueError" in record.getMessage()]
    assert len(told) == 1, "the operator finds it in the log, once"
    assert "test_secrets.py" in told[0]
    assert gateway.records()[0].outcome == "error"


def test_the_operator_finds_a_fault_by_the_request_id(
    gateway: Gateway, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*args: object, **options: object) -> None:
        raise ValueError

    monkeypatch.setattr(ModelPlanner, "plan", fail)
    with gateway.client() as client:
        request_id = client.post("/v1/chat/completions", json=chat()).headers["x-request-id"]
    assert any("ValueError" in line and request_id in line for line in log.messages)


def test_bad_requests(gateway: Gateway, log: pytest.LogCaptureFixture) -> None:
    bodies: list[Any] = [
        chat(PROMPT, temperature=PROMPT),
        chat() | {"messages": [{"role": PROMPT, "content": PROMPT}]},
        chat() | {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PROMPT}}]}]},
        chat(PROMPT, tools=[{"type": "function", "function": {"name": 5, "description": PROMPT}}]),
        chat(PROMPT, response_format={"type": PROMPT}),
        PROMPT,
    ]
    with gateway.client() as client:
        for body in bodies:
            reply = client.post("/v1/chat/completions", json=body)
            assert reply.status_code == 400
            # An error may repeat a word of the request to the one who sent it; the log may not.
            assert_silent("", log)


def test_wrong_keys(gateway: Gateway, log: pytest.LogCaptureFixture) -> None:
    for headers in (
        {"authorization": "Bearer sk-other-secret"},
        {"authorization": "", "x-api-key": "sk-other-secret"},
    ):
        with gateway.client(headers=headers) as client:
            reply = client.post("/v1/chat/completions", json=chat())
        assert reply.status_code == 401
        assert "sk-other-secret" not in reply.text
    assert "sk-other-secret" not in log.text


@pytest.mark.parametrize("stream", [False, True])
def test_arns_as_model_names(gateway: Gateway, log: pytest.LogCaptureFixture, stream: bool) -> None:
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(PROMPT, model=ARN, stream=stream))
        # The client's own word may come back as `model`, nothing else of the account.
        told = reply.text.replace(json.dumps(ARN), "").replace(PROMPT, "")
        assert_silent([told, str(dict(reply.headers))], log)
        looked_up = client.get(f"/v1/models/{ARN}")
        assert_silent(looked_up.text.replace(json.dumps(ARN), ""), log)


def test_no_credentials(emulator: Emulator, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    environ = {name: value for name, value in environment(emulator.url).items() if "KEY" not in name}
    with serving(emulator.url, environ=environ) as gateway, gateway.client() as client:
        for path, body in (("chat/completions", chat(PROMPT)), ("embeddings", {"model": TITAN, "input": PROMPT})):
            reply = client.post(f"/v1/{path}", json=body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (500, "upstream_auth")
            assert reply.headers["x-should-retry"] == "false"
            assert_silent(reply.text, log)


def test_no_region(emulator: Emulator, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    environ = {name: value for name, value in environment("http://127.0.0.1:9").items() if name != "AWS_REGION"}
    with serving(emulator.url, environ=environ) as gateway, gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(PROMPT))
        assert (reply.status_code, reply.json()["error"]["code"]) == (500, "upstream_config")
        assert_silent(reply.text, log)


def debug_lines(log: pytest.LogCaptureFixture) -> list[Any]:
    return [json.loads(record.getMessage()) for record in log.records if record.name == "gateway.shape"]


def test_debug_tells_shapes_and_no_words(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    log.set_level(logging.DEBUG, logger="gateway")
    with serving(emulator.url, debug=True) as gateway, gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat(PROMPT, temperature=0.5)).status_code == 200
        assert client.post("/v1/embeddings", json={"model": TITAN, "input": PROMPT}).status_code == 200
    assert_silent("", log)
    asked, embedded = debug_lines(log)
    (message,) = asked["messages"]
    (part,) = message["parts"]
    assert (message["role"], part["kind"], part["text"]["length"]) == ("user", "text", len(PROMPT))
    assert asked["temperature"] == 0.5
    assert embedded["inputs"] == [part["text"]]


def test_content_is_logged_only_where_it_was_asked_for(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    log.set_level(logging.DEBUG, logger="gateway")
    for debug in (True, False):
        log.clear()
        with serving(emulator.url, debug=debug, log_content=True) as gateway, gateway.client() as client:
            assert client.post("/v1/chat/completions", json=chat(PROMPT)).status_code == 200
        assert (PROMPT in log.text) is debug
        assert KEY not in log.text


def test_the_usage_line_names_the_key_and_does_not_hold_it(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    from app.meter.log import to_line

    with serving(emulator.url) as gateway, gateway.client() as client:
        client.post("/v1/chat/completions", json=chat(PROMPT, model=NOVA))
        line = json.dumps(to_line(gateway.records()[0]))
    assert '"key_id": "default"' in line
    assert_silent(line, log)
