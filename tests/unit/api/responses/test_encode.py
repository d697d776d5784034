"""What clients act on: the code of a failure, and what of a kept response they may see."""

from __future__ import annotations

import pytest

from app.api.responses.encode import encode_error, shown
from app.errors import GatewayError, Internal, InvalidRequest, QuotaExceeded, RateLimited, UpstreamFailure


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RateLimited("Slow down."), "rate_limit_exceeded"),
        (RateLimited("Slow down.", code="too_many_requests"), "rate_limit_exceeded"),
        (QuotaExceeded("Spent."), "insufficient_quota"),
        (QuotaExceeded("Spent.", code="budget_exceeded"), "insufficient_quota"),
        (InvalidRequest("Too long.", code="context_length_exceeded"), "context_length_exceeded"),
        (InvalidRequest("Wrong."), "invalid_prompt"),
        (UpstreamFailure("Broke off."), "server_error"),
        (Internal("Ours."), "server_error"),
    ],
)
def test_a_failure_has_a_code_that_clients_know(error: GatewayError, code: str) -> None:
    assert encode_error(error.body()["error"]) == {"code": code, "message": error.message}


def test_a_failure_always_has_a_message() -> None:
    assert encode_error({})["message"]


def test_sealed_reasoning_is_shown_to_who_asked_for_it() -> None:
    kept = {"id": "resp_1", "output": [{"type": "reasoning", "encrypted_content": "gw1."}, {"type": "message"}]}
    assert shown(kept, frozenset({"reasoning.encrypted_content"})) == kept
    assert shown(kept, frozenset())["output"] == [{"type": "reasoning"}, {"type": "message"}]
