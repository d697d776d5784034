"""What may be raised on the way to Bedrock, each as an error a client can act upon."""

from __future__ import annotations

import http.client
import socket
import ssl

import pytest
import urllib3.exceptions as pool
from botocore import exceptions as sdk

from app.errors import GatewayError, RateLimited
from app.upstreams.eventstream import BrokenStream
from app.upstreams.exchange import Aborted
from app.upstreams.failures import from_exception

CONNECTION: object = None
FAILURES = [
    (sdk.NoCredentialsError(), 500, "upstream_auth"),
    (sdk.PartialCredentialsError(provider="env", cred_var="x"), 500, "upstream_auth"),
    (sdk.CredentialRetrievalError(provider="sso", error_msg="x"), 500, "upstream_auth"),
    (sdk.TokenRetrievalError(provider="sso", error_msg="x"), 500, "upstream_auth"),
    (sdk.NoAuthTokenError(), 500, "upstream_auth"),
    (sdk.ClientError({"Error": {"Code": "AccessDenied", "Message": "arn:x"}}, "AssumeRole"), 500, "upstream_auth"),
    (sdk.NoRegionError(), 500, "upstream_config"),
    (sdk.InvalidRegionError(region_name="x"), 500, "upstream_config"),
    (sdk.EndpointConnectionError(endpoint_url="http://x"), 503, "upstream_unreachable"),
    (sdk.ConnectTimeoutError(endpoint_url="http://x"), 503, "upstream_unreachable"),
    (sdk.ProxyConnectionError(proxy_url="http://x"), 503, "upstream_unreachable"),
    (sdk.ReadTimeoutError(endpoint_url="http://x"), 504, "upstream_timeout"),
    (sdk.ConnectionClosedError(endpoint_url="http://x"), 502, "upstream_disconnected"),
    (pool.NewConnectionError(CONNECTION, "refused"), 503, "upstream_unreachable"),  # type: ignore[arg-type]
    (pool.NameResolutionError("host", CONNECTION, socket.gaierror()), 503, "upstream_unreachable"),  # type: ignore[arg-type]
    (pool.ConnectTimeoutError(), 503, "upstream_unreachable"),
    (pool.ProxyError("x", OSError()), 503, "upstream_unreachable"),
    (pool.SSLError(), 503, "upstream_unreachable"),
    (ssl.SSLError(), 503, "upstream_unreachable"),
    (pool.ReadTimeoutError(CONNECTION, "/", "slow"), 504, "upstream_timeout"),  # type: ignore[arg-type]
    (TimeoutError(), 504, "upstream_timeout"),
    (pool.ProtocolError("reset"), 502, "upstream_disconnected"),
    (http.client.IncompleteRead(b""), 502, "upstream_disconnected"),
    (ConnectionResetError(), 502, "upstream_disconnected"),
    (Aborted(), 502, "upstream_disconnected"),
    (BrokenStream("x"), 502, "upstream_broken_stream"),
    (KeyError("a secret"), 500, "internal_error"),
]


@pytest.mark.parametrize(("problem", "status", "code"), FAILURES)
def test_each_failure_has_its_error(problem: Exception, status: int, code: str) -> None:
    error = from_exception(problem)
    assert (error.status, error.code) == (status, code)
    assert "arn" not in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize("code", ["upstream_timeout", "upstream_auth", "upstream_config"])
def test_what_would_fail_again_is_not_tried_again(code: str) -> None:
    problem = next(problem for problem, _, its in FAILURES if its == code)
    assert from_exception(problem).should_retry is False


def test_an_error_that_is_already_ours_is_left_as_it_is() -> None:
    error: GatewayError = RateLimited("slow down")
    assert from_exception(error) is error
