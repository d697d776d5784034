"""An answer of AWS that is no success, read from status, headers and body."""

from __future__ import annotations

import pytest
from urllib3 import HTTPHeaderDict

from app.upstreams.refusals import refusal


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ({"X-Amzn-ErrorType": "ThrottlingException:http://x"}, b'{"message": "slow"}'),
        ({}, b'{"__type": "com.amazon#ThrottlingException", "Message": "slow"}'),
        ({}, rb'{"code": "ThrottlingException", "message": "slow", "quoted": "\ud83d"}'),
        ({}, b'{"code": "ThrottlingException", "message": "slow"}'),
    ],
)
def test_the_code_is_found_wherever_aws_puts_it(headers: dict[str, str], data: bytes) -> None:
    error = refusal(400, HTTPHeaderDict(headers), data)
    assert (error.status, error.code, error.message) == (429, "rate_limit_exceeded", "slow")


@pytest.mark.parametrize("data", [b"<html>secret proxy</html>", b"", b"[1]", b"\xff"])
def test_a_proxys_page_is_not_repeated(data: bytes) -> None:
    error = refusal(503, HTTPHeaderDict(), data)
    assert (error.status, error.code) == (503, "service_unavailable")
    assert "secret" not in error.message


@pytest.mark.parametrize("status", [201, 204, 301, 302, 304, 307])
def test_a_redirect_or_an_empty_success_is_no_fault_of_the_client(status: int) -> None:
    error = refusal(status, HTTPHeaderDict({"location": "https://elsewhere.example/"}), b"")
    assert (error.status, error.code) == (502, "upstream_bad_answer")
    assert "elsewhere" not in error.message


def test_a_model_error_keeps_the_models_own_status() -> None:
    assert refusal(424, HTTPHeaderDict(), b'{"message": "x", "originalStatusCode": 400}').status == 400


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", 2.0), ("\u00b2", 2.0), ("", 2.0)])
def test_a_retry_after_of_aws_wins(header: str, seconds: float) -> None:
    assert refusal(429, HTTPHeaderDict({"retry-after": header}), b"{}").retry_after == seconds


def test_a_quota_that_waiting_does_not_refill_promises_nothing() -> None:
    headers = HTTPHeaderDict({"retry-after": "7", "x-amzn-errortype": "ServiceQuotaExceededException"})
    assert refusal(400, headers, b"{}").retry_after is None
