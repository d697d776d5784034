"""Failures as the official SDK shows them: its exception classes, codes and params, before and within a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from local.emulator import Emulator
from tests.contract.conftest import KEY, problem, sent, serving
from tests.contract.words import CLAUDE, NOVA, user

STREAM = pytest.mark.parametrize("stream", [False, True])


def provoke(client: OpenAI, marker: str, stream: bool = False, model: str = NOVA) -> None:
    client.chat.completions.create(model=model, messages=[user(f"Hello [[emulate: {marker}]]")], stream=stream)


@STREAM
def test_a_wrong_key(gateway: str, stream: bool) -> None:
    with (
        OpenAI(base_url=f"{gateway}/v1", api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as raised,
    ):
        client.chat.completions.create(model=NOVA, messages=[user("Hello")], stream=stream)
    assert problem(raised.value) == ("invalid_request_error", "invalid_api_key", None)
    assert "sk-wrong" not in str(raised.value)
    assert (raised.value.request_id or "").startswith("req_")


@STREAM
def test_an_unknown_model(client: OpenAI, stream: bool) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="claude-sonnet-45", messages=[user("Hello")], stream=stream)
    assert problem(raised.value) == ("invalid_request_error", "model_not_found", "model")
    assert "claude-sonnet-45" in str(raised.value)
    assert "Did you mean 'anthropic.claude-sonnet-4-5-20250929-v1:0'?" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("gpt-oss-120b", "openai.gpt-oss-120b-1:0"),
        ("claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("gpt-4o-mini", "fast"),
        ("o3", "reasoning"),
        ("gpt-4.1", "standard"),
    ],
)
def test_names_that_clients_send_by_default_work_without_a_setting(client: OpenAI, name: str, called: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=name, messages=[user("Hello")])
    same = client.chat.completions.with_raw_response.create(model=called, messages=[user("Hello")])
    assert raw.headers["x-gateway-model"] == same.headers["x-gateway-model"]
    assert raw.parse().model == name
    assert client.models.retrieve(name).id == name


def test_embeddings_without_a_setting_have_one_model(client: OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input="a")
    assert raw.headers["x-gateway-model"] == "amazon.titan-embed-text-v2:0"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"temperature": 3}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": -1}, "top_p"),
    ({"n": 0}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"stop": 5}, "stop"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"tools": [{"type": "teapot"}]}, "tools.0.type"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools.0.function.name"),
    ({"reasoning_effort": 5}, "reasoning_effort"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages.0.content.0.type"),
    ({"model": ""}, "model"),
    ({"model": None}, "model"),
]


@STREAM
@pytest.mark.parametrize(("wrong", "param"), WRONG, ids=[str(wrong)[:60] for wrong, _ in WRONG])
def test_a_bad_request_names_its_parameter(client: OpenAI, stream: bool, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=NOVA, messages=[user("Hello")], stream=stream, extra_body=wrong)
    kind, code, named = problem(raised.value)
    assert (kind, named) == ("invalid_request_error", param)
    assert code


def test_a_throttle_is_tried_once_more_and_then_told(client: OpenAI, emulator: Emulator) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        provoke(client, "throttle")
    assert problem(raised.value) == ("rate_limit_error", "rate_limit_exceeded", None)
    assert int(raised.value.response.headers["retry-after"]) >= 1
    assert 1 <= len(sent(emulator)) <= 2


BEFORE: list[tuple[str, type[openai.APIStatusError], int]] = [
    ("throttle", openai.RateLimitError, 429),
    ("error=ServiceQuotaExceededException", openai.RateLimitError, 429),
    ("error=AccessDeniedException", openai.PermissionDeniedError, 403),
    ("error=ResourceNotFoundException", openai.NotFoundError, 404),
    ("error=ServiceUnavailableException", openai.InternalServerError, 503),
    ("error=InternalServerException", openai.InternalServerError, 500),
    ("error=ModelErrorException", openai.InternalServerError, 502),
    ("error=ModelTimeoutException", openai.InternalServerError, 504),
    ("error=ModelNotReadyException", openai.InternalServerError, 503),
    ("html-503", openai.InternalServerError, 503),
    ("context-overflow", openai.BadRequestError, 400),
]


@STREAM
@pytest.mark.parametrize(("marker", "kind", "status"), BEFORE, ids=[row[0] for row in BEFORE])
def test_failures_before_the_answer(
    client: OpenAI, stream: bool, marker: str, kind: type[openai.APIStatusError], status: int
) -> None:
    with pytest.raises(kind) as raised:
        provoke(client, marker, stream)
    assert raised.value.status_code == status
    assert raised.value.type
    assert raised.value.code
    assert raised.value.request_id
    assert not re.search(r"arn:|\d{12}|Traceback|<html", str(raised.value))


@STREAM
def test_too_long_a_prompt(client: OpenAI, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        provoke(client, "context-overflow", stream)
    assert problem(raised.value) == ("invalid_request_error", "context_length_exceeded", "messages")
    assert re.search(r"This model's maximum context length is \d+ tokens\.", raised.value.message)


@pytest.mark.parametrize("marker", ["first-event-throttle", "context-overflow stream"])
def test_a_failure_as_the_first_event_is_a_real_status(client: OpenAI, marker: str) -> None:
    with pytest.raises((openai.RateLimitError, openai.BadRequestError)):
        provoke(client, marker, stream=True)


WITHIN = [
    "throttle after=2",
    "error=ModelStreamErrorException after=2",
    "error=InternalServerException after=2",
    "error-frame=SomethingNew after=2",
    "cut after=2",
    "no-stop",
]


@pytest.mark.parametrize("marker", WITHIN)
def test_a_failure_within_a_stream_is_raised(client: OpenAI, marker: str) -> None:
    stream = client.chat.completions.create(
        model=NOVA, messages=[user(f"one two three four five [[emulate: {marker}]]")], stream=True
    )
    seen: list[Any] = []
    with pytest.raises(openai.APIError) as raised:
        seen.extend(chunk.choices[0] for chunk in stream)
    assert "".join(choice.delta.content or "" for choice in seen).startswith("You")
    assert {choice.finish_reason for choice in seen} == {None}
    assert raised.value.type
    assert raised.value.code
    assert str(raised.value)


def test_a_damaged_frame_is_an_error_wherever_it_shows(client: OpenAI) -> None:
    """A check sum that fails spoils what came with it: before the first chunk that is a status, later a frame."""

    def read() -> None:
        spoiled = [user("one two three four five [[emulate: bad-crc after=2]]")]
        list(client.chat.completions.create(model=NOVA, messages=spoiled, stream=True))

    with pytest.raises(openai.APIError) as raised:
        read()
    assert raised.value.code == "upstream_broken_stream"


def test_the_last_frame_of_a_failed_stream(http: httpx.Client) -> None:
    body = {"model": NOVA, "stream": True, "messages": [user("one two three [[emulate: throttle after=2]]")]}
    reply = http.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {KEY}"})
    assert reply.status_code == 200
    frames = [line for line in reply.text.split("\n\n") if line]
    assert frames[-2].startswith('data: {"error":')
    assert frames[-1] == f"event: error\n{frames[-2]}"
    assert "[DONE]" not in reply.text


async def test_the_async_client_raises_too(async_client: AsyncOpenAI) -> None:
    with pytest.raises(openai.RateLimitError):
        await async_client.chat.completions.create(model=NOVA, messages=[user("[[emulate: throttle]]")])
    stream = await async_client.chat.completions.create(
        model=NOVA, messages=[user("one two three [[emulate: throttle after=2]]")], stream=True
    )
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass


def test_an_error_once_is_healed_unseen(client: OpenAI, emulator: Emulator) -> None:
    reply = client.chat.completions.create(
        model=NOVA, messages=[user("Hello [[emulate: fail-once=ServiceUnavailableException]]")]
    )
    assert reply.choices[0].message.content == "You said: Hello"
    assert len(sent(emulator)) == 2


def test_one_failed_choice_fails_the_request(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=NOVA, messages=[user("[[emulate: throttle]]")], n=3)


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/v1/nothing", 404),
    ("GET", "/v1/chat/completions", 405),
    ("DELETE", "/v1/embeddings", 405),
    ("POST", "/", 405),
])  # fmt: skip
def test_wrong_routes_speak_openais_envelope(http: httpx.Client, method: str, path: str, status: int) -> None:
    reply = http.request(method, path, headers={"Authorization": f"Bearer {KEY}"})
    assert reply.status_code == status
    error = reply.json()["error"]
    assert {"message", "type", "param", "code"} <= error.keys()
    assert error["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{}", b'{"model": "m", "input": "x"}']
)
def test_broken_bodies(http: httpx.Client, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "content-type": "application/json"}
    reply = http.post("/v1/chat/completions", content=body, headers=headers)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.fixture
def small(emulator: Emulator) -> Iterator[OpenAI]:
    with serving(emulator.url, max_body_bytes=1000) as url, OpenAI(base_url=f"{url}/v1", api_key=KEY) as client:
        yield client


def test_too_large_a_body(small: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        small.chat.completions.create(model=CLAUDE, messages=[user("x" * 2000)])
    assert raised.value.status_code == 413
    assert raised.value.code
