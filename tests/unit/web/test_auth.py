"""Where a request's key is looked for, and what is said to those without one."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ports import Caller
from app.errors import Unauthenticated, UpstreamFailure
from app.web.auth import authenticate, presented_keys

Headers = list[tuple[bytes, bytes]]
SIGV4 = b"AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([(b"authorization", b"Bearer sk-1")], "sk-1"),
        ([(b"Authorization", b"bearer sk-1")], "sk-1"),
        ([(b"AUTHORIZATION", b"  BEARER\t  sk-1 ")], "sk-1"),
        ([(b"authorization", b"Bearer two words")], "two words"),
        ([(b"x-api-key", b"sk-2")], "sk-2"),
        ([(b"X-Api-Key", b" sk-2 ")], "sk-2"),
        ([(b"api-key", b"sk-3")], "sk-3"),
        ([(b"api-key", b"sk-3"), (b"x-api-key", b"sk-2")], "sk-2"),
        ([(b"api-key", b"sk-3"), (b"x-api-key", b"sk-2"), (b"authorization", b"Bearer sk-1")], "sk-1"),
        ([(b"authorization", SIGV4), (b"x-api-key", b"sk-2")], "sk-2"),
        ([(b"authorization", SIGV4), (b"api-key", b"sk-3")], "sk-3"),
        ([(b"authorization", SIGV4), (b"authorization", b"Bearer sk-1")], "sk-1"),
        ([(b"authorization", b"Bearer sk-1"), (b"authorization", b"Bearer sk-9")], "sk-1"),
        ([(b"authorization", b"Bearer "), (b"x-api-key", b"sk-2")], "sk-2"),
        ([(b"x-api-key", b" "), (b"api-key", b"sk-3")], "sk-3"),
        ([(b"authorization", "Bearer schlüssel".encode())], "schlüssel"),
        ([(b"authorization", "Bearer schlüssel".encode("latin-1"))], "schlüssel"),
        ([(b"x-api-key", b"\xff\xfe\x00")], "\xff\xfe\x00"),
        ([(b"authorization", SIGV4)], None),
        ([(b"authorization", b"Basic c2stMQ==")], None),
        ([(b"authorization", b"Bearer")], None),
        ([(b"authorization", b"Bearersk-1")], None),
        ([(b"authorization", b"sk-1")], None),
        ([(b"authorization", b"")], None),
        ([(b"x-amz-security-token", b"sk-1"), (b"cookie", b"api-key=sk-1")], None),
        ([], None),
    ],
)
def test_where_the_key_is_looked_for(headers: Headers, key: str | None) -> None:
    assert presented_keys(headers)[:1] == ([key] if key else [])


@given(
    st.lists(st.tuples(st.sampled_from([b"authorization", b"x-api-key", b"api-key", b"x"]), st.binary()), max_size=4)
)
def test_no_bytes_are_too_odd(headers: Headers) -> None:
    key = next(iter(presented_keys(headers)), None)
    assert key is None or key.strip()


class OneKey:
    async def authenticate(self, presented: str) -> Caller | None:
        return Caller("default") if presented == "sk-1" else None


class NoKeys:
    async def authenticate(self, presented: str) -> Caller | None:
        raise UpstreamFailure("later", status=503, code="key_unavailable")


def refusal(headers: Headers) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as raised:
        asyncio.run(authenticate(headers, OneKey()))
    return raised.value


def test_the_caller_is_known_by_the_key() -> None:
    assert asyncio.run(authenticate([(b"authorization", b"Bearer sk-1")], OneKey())) == Caller("default")


def test_a_missing_key_and_a_wrong_one_are_told_apart_and_not_repeated() -> None:
    missing = refusal([(b"authorization", SIGV4)])
    assert (missing.status, missing.code, missing.type) == (401, "invalid_api_key", "invalid_request_error")
    assert missing.message.startswith("You didn't provide an API key.")
    assert "AKIA" not in missing.message
    wrong = refusal([(b"x-api-key", b"sk-secret")])
    assert (wrong.status, wrong.message) == (401, "Incorrect API key provided.")


def test_keys_that_can_not_be_had_are_not_the_callers_fault() -> None:
    with pytest.raises(UpstreamFailure):
        asyncio.run(authenticate([(b"api-key", b"sk-1")], NoKeys()))
