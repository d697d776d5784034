"""Whatever bytes arrive: OpenAI's envelope, a 4xx with the parameter at fault, and a process that lives on (C29)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_core import to_json

from local.emulator import Emulator
from tests.wire.gateway import NOVA, TITAN, Gateway, chat
from tests.wire.raw import connected, exchange, read_answer, refused, request

CHAT, LEGACY, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
POSTS = (CHAT, LEGACY, EMBEDDINGS)


@pytest.fixture(autouse=True)
def _lives_on(gateway: Gateway) -> Iterator[None]:
    yield
    with gateway.client() as client:
        assert client.post(CHAT, json=chat()).status_code == 200


DEEP = 20_000
NO_JSON: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "half": b'{"model": "x", "messages": [',
    "words": b"hello",
    "form": b"model=x&messages=y",
    "two": b"{}{}",
    "comment": b'{"model": 1 /* no */}',
    "single quotes": b"{'model': 'x'}",
    "nul": b"\x00",
    "not UTF-8": b'{"model": "\xff\xfe"}',
    "UTF-16": '{"model": "x"}'.encode("utf-16"),
    "byte order mark only": b"\xef\xbb\xbf",
    "NaN": b'{"model": "x", "temperature": NaN}',
    "Infinity": b'{"model": "x", "temperature": -Infinity}',
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep and open": b"[" * DEEP,
    "deep with surrogates": b'["\\ud83d",' + b"[" * DEEP + b"]" * DEEP + b"]",
    "deep schema": b'{"model":"x","messages":[],"tools":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "long number": b'{"model":"x","seed":' + b"9" * 1_000_000 + b"}",
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("name", NO_JSON)
def test_a_body_that_is_no_json(gateway: Gateway, path: str, name: str) -> None:
    error = refused(exchange(gateway, request(NO_JSON[name], path=path)))
    assert error["code"] == "invalid_json"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"x"', b"true", b"[[1]]"])
def test_a_body_that_is_no_object(gateway: Gateway, path: str, body: bytes) -> None:
    refused(exchange(gateway, request(body, path=path)))


def test_a_lone_surrogate_is_mended(gateway: Gateway, emulator: Emulator) -> None:
    body = (
        b'{"model":"%s","messages":[{"role":"user","content":"half \\ud83d and whole \\ud83d\\ude00"}]}' % NOVA.encode()
    )
    answer = exchange(gateway, request(body))
    assert answer.status == 200
    assert emulator.requests[-1].body["messages"][0]["content"][0]["text"] == "half \ufffd and whole \U0001f600"


def test_a_byte_order_mark_or_an_odd_content_type_do_no_harm(gateway: Gateway) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "garbage;;;", ""):
        answer = exchange(gateway, request(to_json(chat()), headers=(f"Content-Type: {content_type}",)))
        assert answer.status == 200


ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**30, -(10**30), 1e308, "", "x", "0", [], [None], [[]], [1], ["x"], {}, {"": None},
    {"a": {"b": []}}, [{"type": None}], [{}], {"type": "function"}, {"type": []},
]  # fmt: skip


def fields(schema: Any) -> list[str]:
    return list(schema.model_fields)


def bases() -> dict[str, tuple[str, dict[str, Any], list[str]]]:
    from app.api.chat.schema import ChatRequest
    from app.api.completions.schema import CompletionRequest
    from app.api.embeddings.schema import EmbeddingsBody

    return {
        "chat": (CHAT, chat(), fields(ChatRequest)),
        "legacy": (LEGACY, {"model": NOVA, "prompt": "Hello"}, fields(CompletionRequest)),
        "embeddings": (EMBEDDINGS, {"model": TITAN, "input": "Hello"}, fields(EmbeddingsBody)),
    }


CASES = [(name, field) for name, (_, _, names) in bases().items() for field in [*names, "unknown_field"]]


@pytest.mark.parametrize(("base", "field"), CASES)
def test_no_type_of_any_field_is_a_fault_of_ours(gateway: Gateway, base: str, field: str) -> None:
    path, body, _ = bases()[base]
    with gateway.client() as client:
        for value in ODD:
            reply = client.post(path, json=body | {field: value})
            assert reply.status_code < 500, (field, value, reply.text[:300])
            if reply.status_code >= 400:
                error = reply.json()["error"]
                # What is meant for the model itself only the model can judge, in its own words.
                assert error["param"] or field in {"additional_model_request_fields", "extra_body"}, (value, error)
                assert reply.headers["x-request-id"] == error["request_id"]


MESSAGES: list[Any] = [
    *[[value] for value in ODD],
    *[[{"role": value, "content": "x"}] for value in ODD],
    *[[{"role": "user", "content": value}] for value in ODD if value != "x"],
    *[[{"role": "assistant", "content": value}, {"role": "user", "content": "x"}] for value in ODD],
    *[[{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": value, "content": value}] for value in ODD],
    *[[{"role": "user", "content": [{"type": value}]}] for value in ODD],
    *[[{"role": "user", "content": [{"type": "text", "text": value}]}] for value in ODD],
    *[[{"role": "user", "content": [{"type": "image_url", "image_url": value}]}] for value in ODD],
    *[[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": value}}]}] for value in ODD],
    *[[{"role": "user", "content": [{"type": "file", "file": value}]}] for value in ODD],
    *[[{"role": "user", "content": [{"type": "input_audio", "input_audio": value}]}] for value in ODD],
    *[[{"role": "assistant", "tool_calls": value}, {"role": "user", "content": "x"}] for value in ODD],
    *[[{"role": "assistant", "tool_calls": [{"id": value, "type": "function", "function": value}]}] for value in ODD],
    *[[{"role": "assistant", "function_call": value}, {"role": "user", "content": "x"}] for value in ODD],
    *[[{"role": "assistant", "content": "x", "reasoning_details": value}] for value in ODD],
    *[[{"role": "user", "content": "x", "cache_control": value}] for value in ODD],
    *[[{"role": "user", "content": "x", "name": value}] for value in ODD],
]


@pytest.mark.parametrize("at", range(0, len(MESSAGES), 24))
def test_no_message_is_a_fault_of_ours(gateway: Gateway, at: int) -> None:
    with gateway.client() as client:
        for messages in MESSAGES[at : at + 24]:
            reply = client.post(CHAT, json={"model": NOVA, "messages": messages})
            assert reply.status_code < 500, (messages, reply.text[:300])
            if reply.status_code >= 400:
                assert reply.json()["error"]["param"], (messages, reply.text[:300])


@pytest.mark.parametrize("url", [
    "data:image/png;base64,!!!!", "data:image/png;base64,AAA", "data:image/png;base64,", "data:;base64,AAAA", "data:",
    "data:image/png,AAAA", "data:image/png;base64,A===", "ftp://x/y", "http://",
    "https://127.0.0.1/x.png", "https://[::1", "s3://", "s3://bucket", "\x00", "image.png", "data:image/png;base64," + "é",
])  # fmt: skip
def test_a_broken_image_is_named(gateway: Gateway, url: str) -> None:
    content = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]
    body = {"model": NOVA, "messages": [{"role": "user", "content": content}]}
    error = refused(exchange(gateway, request(to_json(body))))
    assert error["param"].startswith("messages.0.content.1")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("missing", ["model", None])
def test_what_is_missing_is_named(gateway: Gateway, path: str, missing: str | None) -> None:
    error = refused(exchange(gateway, request(b"{}" if missing else b'{"model":"x"}', path=path)))
    assert error["param"] in ({"model"} if missing else {"messages", "prompt", "input"})


def test_a_hundred_thousand_messages(gateway: Gateway) -> None:
    messages = [{"role": "user", "content": "x"}] * 100_000
    assert refused(exchange(gateway, request(to_json(chat() | {"messages": messages}))))["param"] == "messages"


def test_thousands_of_messages_are_served(gateway: Gateway) -> None:
    messages = [{"role": role, "content": "x"} for role in ("user", "assistant") * 2500] + chat()["messages"]
    assert exchange(gateway, request(to_json(chat() | {"messages": messages}))).status == 200


# Routes and methods


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        *[(method, path, "POST") for path in POSTS for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")],
        *[(method, "/v1/models", "GET, HEAD") for method in ("POST", "DELETE", "OPTIONS")],
        ("POST", f"/v1/models/{NOVA}", "GET, HEAD"),
        ("BREW", CHAT, "POST"),
    ],
)
def test_a_wrong_method_is_405_and_told_the_right_one(gateway: Gateway, method: str, path: str, allow: str) -> None:
    with connected(gateway) as connection:
        connection.sendall(request(method=method, path=path))
        answer = read_answer(connection, bodiless=method == "HEAD")
    if method == "BREW" and answer.status == 400:
        return  # the HTTP parser knows a fixed list of methods
    assert answer.status == 405
    assert answer.values("allow") == [allow]
    if method != "HEAD":
        assert refused(answer, 405)["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v2/models", "/v1/chat", "/v1/chat/completions/x", "/V1/models",
     "/v1/engines", "/docs", "/redoc", "/admin", "/../etc/passwd", "/%2e%2e/etc/passwd", "/v1/models%00/x", "/health/x",
     "*", "/%ff%fe", "/" + "a" * 10_000],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_route_is_404(gateway: Gateway, method: str, path: str) -> None:
    answer = exchange(gateway, request(method=method, path=path))
    if path == "*" and answer.status == 400:
        return
    assert refused(answer, 404)["code"] == "unknown_url"


@pytest.mark.parametrize("path", ["/v1/models/", "/v1/models//", "/api/v1/models/", "//v1/models", "/v1//models"])
def test_slashes_at_the_end_or_twice_do_no_harm(gateway: Gateway, path: str) -> None:
    assert exchange(gateway, request(method="GET", path=path)).status == 200
    assert exchange(gateway, request(to_json(chat()), path=CHAT + "/")).status == 200


@pytest.mark.parametrize("name", [
    "gpt-image-1", "x" * 5000, "%00", "%ff", "..%2f..%2fetc", "arn:aws:bedrock:us-east-1:123456789012:x/y", "a b",
    "%E2%80%AE", "'\"><script>",
])  # fmt: skip
def test_an_odd_model_name_is_404(gateway: Gateway, name: str) -> None:
    answer = exchange(gateway, request(method="GET", path=f"/v1/models/{name.replace(' ', '%20')}"))
    error = refused(answer, 404)
    assert error["code"] in {"model_not_found", "unknown_url"}
    assert "123456789012" not in answer.body.decode()
