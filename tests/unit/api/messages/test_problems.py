"""Errors and headers in Anthropic's words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.api.messages.problems import answer_headers, envelope, reset_time, translated, type_of
from app.errors import (
    ContextOverflow,
    GatewayError,
    Internal,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    TooLarge,
    Unauthenticated,
    UpstreamFailure,
    model_not_found,
)
from app.web.problems import problem_body

NOW = datetime(2026, 11, 21, 10, 0, 0, 500, tzinfo=UTC)
ROWS: list[tuple[GatewayError, int, str]] = [
    (InvalidRequest("a"), 400, "invalid_request_error"),
    (Unauthenticated("a"), 401, "authentication_error"),
    (GatewayError("a", status=402), 402, "billing_error"),
    (PermissionDenied("a"), 403, "permission_error"),
    (model_not_found("m"), 404, "not_found_error"),
    (MethodNotAllowed("a"), 405, "invalid_request_error"),
    (TooLarge("a"), 413, "request_too_large"),
    (RateLimited("a"), 429, "rate_limit_error"),
    (QuotaExceeded("a"), 429, "rate_limit_error"),
    (Internal("a"), 500, "api_error"),
    (UpstreamFailure("a"), 502, "api_error"),
    (UpstreamFailure("a", status=503, code="service_unavailable"), 529, "overloaded_error"),
    (UpstreamFailure("a", status=504, code="model_timeout"), 504, "timeout_error"),
]


@pytest.mark.parametrize(("error", "status", "kind"), ROWS)
def test_a_status_has_its_type(error: GatewayError, status: int, kind: str) -> None:
    told, body = translated(error.status, json.dumps(problem_body(error, "req_1")).encode())
    said = json.loads(body)
    assert (told, said["error"]["type"], said["type"], said["request_id"]) == (status, kind, "error", "req_1")
    assert set(said["error"]) == {"type", "message"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [(error, kind) for error, status, kind in ROWS if status not in (402, 405) and not isinstance(error, NotFound)],
)
def test_within_a_stream_the_type_is_told_from_the_error(error: GatewayError, kind: str) -> None:
    assert envelope(problem_body(error, "req_1"))["error"]["type"] == kind


def test_the_place_is_told_once() -> None:
    assert envelope(InvalidRequest("Bad.", param="a.b").body())["error"]["message"] == "a.b: Bad."
    assert envelope(InvalidRequest("a.b: Bad.", param="a.b").body())["error"]["message"] == "a.b: Bad."


def test_a_prompt_that_is_too_long_has_anthropics_words_only() -> None:
    error = ContextOverflow("Input is too long.", tokens=210_000, limit=200_000)
    assert envelope(error.body(), 400)["error"] == {
        "type": "invalid_request_error",
        "message": "prompt is too long: 210000 tokens > 200000 maximum",
    }
    assert envelope(ContextOverflow("").of(8000).body(), 400)["error"]["message"] == "prompt is too long"


@pytest.mark.parametrize("body", [b"<html>", b"[1]"])
def test_what_is_no_envelope_is_let_be(body: bytes) -> None:
    assert translated(503, body) == (503, body)


def test_an_empty_envelope_says_something() -> None:
    for body in ({}, {"error": "a"}):
        assert json.loads(translated(418, json.dumps(body).encode())[1]) == {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "The request failed."},
            "request_id": None,
        }
    assert type_of(599) == "api_error"


def test_rates_are_told_under_their_names() -> None:
    usual: Any = [(b"content-type", b"a"), (b"x-ratelimit-limit-requests", b"60"),
                  (b"x-ratelimit-remaining-requests", b"59"), (b"x-ratelimit-reset-tokens", b"59.5s")]  # fmt: skip
    assert answer_headers(usual, "req_1", NOW) == [
        *usual,
        (b"anthropic-ratelimit-requests-limit", b"60"),
        (b"anthropic-ratelimit-requests-remaining", b"59"),
        (b"anthropic-ratelimit-tokens-reset", b"2026-11-21T10:01:00Z"),
        (b"request-id", b"req_1"),
    ]
    assert len(answer_headers(usual, "req_1")) == 8


@pytest.mark.parametrize(
    ("duration", "at"),
    [
        ("12ms", "10:00:01"),
        ("1s", "10:00:02"),
        ("6m0s", "10:06:01"),
        ("2m", "10:02:01"),
        ("soon", "10:00:01"),
        ("", "10:00:01"),
    ],
)
def test_a_reset_is_a_point_in_time(duration: str, at: str) -> None:
    assert reset_time(duration, NOW) == f"2026-11-21T{at}Z"
