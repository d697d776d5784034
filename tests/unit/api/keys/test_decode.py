"""Bodies of the admin routes: what is taken, and how what is not is told."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from app.api.keys import schema
from app.api.keys.decode import alert, applied, budget, rates, read, refuse
from app.core.access import Access, Budget, Rates
from app.core.prompt import Guardrail
from app.core.records import KeyRecord
from app.errors import InvalidRequest

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
BEFORE = KeyRecord(
    "key_1",
    "alice",
    user="alice",
    tags={"team": "search"},
    access=Access(("acme.*",), 500, Guardrail("abc", "1"), "flex", {"acme.*": PROFILE}, 60),
    rates=Rates(60, 1000),
    budget=Budget(5_000_000_000, "day"),
    expires_at=2000,
)
FULL: dict[str, Any] = {
    "name": " bob ",
    "user": "bob",
    "tags": {"team": "ads"},
    "models": ["fast", "us.acme.*", "fast"],
    "rate_limits": {"max_requests_per_1_minute": 0, "max_tokens_per_1_minute": 5},
    "spend_limit": {"amount_usd": 0.1, "interval": "week", "enforcement": "soft"},
    "max_tokens": 100,
    "guardrail": {"identifier": "xyz", "version": "3", "stream_mode": "async"},
    "service_tier": "fast",
    "inference_profiles": {"us.acme.*": PROFILE},
    "cache_ttl": 3600,
    "prompt_cache_ttl": "1h",
    "expires_in_seconds": 10,
    "disabled": True,
}


def changed(body: dict[str, Any], now: float = 1000.0) -> KeyRecord:
    return applied(BEFORE, read(schema.KeyFields, body), now)


def problem(model: type[BaseModel], body: Any) -> tuple[str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        read(model, body)
    return raised.value.code, raised.value.param


def test_everything_that_a_key_may_carry() -> None:
    assert changed(FULL) == KeyRecord(
        "key_1",
        "bob",
        user="bob",
        tags={"team": "ads"},
        access=Access(
            ("fast", "us.acme.*"), 100, Guardrail("xyz", "3", "async"), "priority", {"us.acme.*": PROFILE}, 3600, "1h"
        ),
        rates=Rates(0, 5),
        budget=Budget(100_000_000, "week", hard=False),
        expires_at=1010,
        disabled=True,
    )


def test_what_is_not_given_stays() -> None:
    assert changed({}) == BEFORE
    assert changed({"rate_limits": {"max_tokens_per_1_minute": 7}}).rates == Rates(60, 7)


def test_null_takes_a_limit_away() -> None:
    free = changed(dict.fromkeys(FULL) | {"expires_at": None})
    assert free == KeyRecord("key_1", "alice")
    assert changed({"rate_limits": {"max_requests_per_1_minute": None}}).rates == Rates(None, 1000)


def test_nought_blocks() -> None:
    blocked = changed({"spend_limit": {"threshold_amount": 0}, "rate_limits": {"max_requests_per_1_minute": 0}})
    assert blocked.budget == Budget(0)
    assert blocked.rates.rpm == 0


def test_the_highest_rate_is_none() -> None:
    body = {"max_requests_per_1_minute": schema.MOST_REQUESTS, "max_tokens_per_1_minute": schema.MOST_TOKENS}
    assert rates(read(schema.RateLimits, body), Rates(1, 1)) == Rates()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", None),
        ("x", "invalid_type", None),
        (None, "invalid_type", None),
        ({"model": []}, "unknown_parameter", "model"),
        ({"rate_limits": {"rpm": 1}}, "unknown_parameter", "rate_limits.rpm"),
        ({"spend_limit": {"threshold_amount": 1, "per": "day"}}, "unknown_parameter", "spend_limit.per"),
        ({"name": ""}, "invalid_value", "name"),
        ({"name": "  "}, "invalid_value", "name"),
        ({"name": "x" * 129}, "invalid_value", "name"),
        ({"name": "a\x1b[31m"}, "invalid_value", "name"),
        ({"name": 5}, "invalid_type", "name"),
        ({"tags": {"a b": "x"}}, "invalid_value", "tags.a b"),
        ({"tags": {"a": 1}}, "invalid_type", "tags.a"),
        ({"tags": {str(each): "" for each in range(17)}}, "invalid_value", "tags"),
        ({"models": "fast"}, "invalid_type", "models"),
        ({"models": ["[a-z]*"]}, "invalid_value", "models.0"),
        ({"models": ["ok", ""]}, "invalid_value", "models.1"),
        ({"models": ["a"] * 101}, "invalid_value", "models"),
        ({"rate_limits": {"max_requests_per_1_minute": -1}}, "invalid_value", "rate_limits.max_requests_per_1_minute"),
        ({"rate_limits": {"max_requests_per_1_minute": True}}, "invalid_type", "rate_limits.max_requests_per_1_minute"),
        ({"rate_limits": {"max_requests_per_1_minute": 1.5}}, "invalid_type", "rate_limits.max_requests_per_1_minute"),
        ({"rate_limits": {"max_tokens_per_1_minute": 10**13}}, "invalid_value", "rate_limits.max_tokens_per_1_minute"),
        ({"spend_limit": {"threshold_amount": -1}}, "invalid_value", "spend_limit.threshold_amount"),
        ({"spend_limit": {"threshold_amount": 10**30}}, "invalid_value", "spend_limit.threshold_amount"),
        ({"spend_limit": {"amount_usd": "5"}}, "invalid_type", "spend_limit.amount_usd"),
        ({"spend_limit": {"threshold_amount": 1, "currency": "EUR"}}, "invalid_value", "spend_limit.currency"),
        ({"spend_limit": {"threshold_amount": 1, "interval": "year"}}, "invalid_value", "spend_limit.interval"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"guardrail": {"identifier": "../x"}}, "invalid_value", "guardrail.identifier"),
        ({"guardrail": {}}, "missing_required_parameter", "guardrail.identifier"),
        ({"service_tier": "gold"}, "invalid_value", "service_tier"),
        ({"inference_profiles": {"a": "arn:aws:s3:::bucket"}}, "invalid_value", "inference_profiles.a"),
        ({"cache_ttl": -1}, "invalid_value", "cache_ttl"),
        ({"disabled": "no"}, "invalid_type", "disabled"),
        ({"expires_in_seconds": 0}, "invalid_value", "expires_in_seconds"),
        ({"expires_at": 10**20}, "invalid_value", "expires_at"),
    ],
)  # fmt: skip
def test_what_is_refused_by_its_form(body: Any, code: str, param: str | None) -> None:
    assert problem(schema.KeyFields, body) == (code, param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_at": 999}, "expires_at"),
        ({"expires_at": 5000, "expires_in_seconds": 5}, "expires_at"),
        ({"spend_limit": {}}, "spend_limit.threshold_amount"),
        ({"spend_limit": {"threshold_amount": 1, "amount_usd": 1}}, "spend_limit.threshold_amount"),
        ({"spend_limit": {"amount_usd": 1e-12}}, "spend_limit.amount_usd"),
        ({"spend_limit": {"threshold_amount": 1, "enforcement": "maybe"}}, "spend_limit.enforcement"),
        ({"spend_limit": {"threshold_amount": 1, "enforcement": {"mode": []}}}, "spend_limit.enforcement"),
        ({"spend_limit": {"threshold_amount": 1, "enforcement": {"kind": "hard"}}}, "spend_limit.enforcement"),
        ({"scopes": ["api.all.read"]}, "scopes"),
    ],
)
def test_what_is_refused_by_its_meaning(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        changed(body)
    assert raised.value.param == param


def test_a_value_is_never_repeated() -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(schema.KeyFields, {"name": "sk-secret\x00", "user": "x"})
    assert "sk-secret" not in raised.value.message


def test_a_field_name_of_any_length_is_told_in_short() -> None:
    code, param = problem(schema.KeyFields, {"x" * 100_000: 1})
    assert code == "unknown_parameter"
    assert len(param or "") <= 200


def test_a_limit_as_an_answer_shows_it_is_taken_again() -> None:
    given = read(schema.SpendLimit, {"threshold_amount": 250, "enforcement": {"status": "inactive", "mode": "soft"}})
    assert budget(given) == Budget(2_500_000_000, "month", hard=False)


@given(st.integers(0, schema.MOST_CENTS))
def test_cents_and_dollars_say_the_same(cents: int) -> None:
    in_cents = budget(read(schema.SpendLimit, {"threshold_amount": cents}))
    in_dollars = budget(read(schema.SpendLimit, {"amount_usd": cents / 100}))
    assert in_cents == in_dollars == Budget(cents * 10_000_000)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"threshold_amount": 0}, "threshold_amount"),
        ({"notification_channel": {"type": "email", "recipients": []}}, "notification_channel.recipients"),
    ],
)
def test_an_alert_needs_an_amount_and_somebody_to_tell(body: dict[str, Any], param: str) -> None:
    good = {"threshold_amount": 1, "notification_channel": {"type": "email", "recipients": ["a@b.c"]}}
    assert alert("a", read(schema.SpendAlert, good), "week").interval == "week"
    with pytest.raises(InvalidRequest) as raised:
        alert("a", read(schema.SpendAlert, good | body), "week")
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("channel", "param"),
    [
        ({"type": "sms", "recipients": ["a@b.c"]}, "notification_channel.type"),
        ({"type": "email", "recipients": ["nobody"]}, "notification_channel.recipients.0"),
        ({"type": "email", "recipients": ["a@b.c"] * 21}, "notification_channel.recipients"),
        ({"type": "email", "recipients": ["a@b.c"], "subject_prefix": "a\nbcc: x@y.z"}, "notification_channel.subject_prefix"),
        ({"type": "email"}, "notification_channel.recipients"),
    ],
)  # fmt: skip
def test_channels_that_nobody_could_be_told_by(channel: Any, param: str) -> None:
    assert problem(schema.SpendAlert, {"threshold_amount": 1, "notification_channel": channel})[1] == param


def test_what_is_not_supported_is_said() -> None:
    refuse(read(schema.ProjectCreate, {"name": "a", "geography": None}), ("geography",), "because")
    with pytest.raises(InvalidRequest, match="'geography' is not supported: because") as raised:
        refuse(read(schema.ProjectCreate, {"name": "a", "geography": "US"}), ("geography",), "because")
    assert (raised.value.code, raised.value.param) == ("unsupported_parameter", "geography")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*schema.KeyFields.model_fields, "threshold_amount", "enforcement", "mode"])


@given(st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=3), max_size=4))
def test_any_body_is_taken_or_refused(body: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequest):
        changed(body)
