"""What a record may hold, and that an error names the field and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.access import Access, Alert, Budget, Rates
from app.core.prompt import Guardrail
from app.core.records import KeyRecord, Organization, Project
from app.errors import InvalidRequest
from app.stores.directory.checks import (
    check_expiry,
    check_key,
    check_organization,
    check_project,
)

ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
KEY = KeyRecord("key_x", "x")


def access(**given: Any) -> dict[str, Access]:
    return {"access": Access(**given)}


@pytest.mark.parametrize(
    "given",
    [
        {"name": "Zoë's key, no. 1"},
        {"name": "x" * 128},
        {"user": "zoe@example.com"},
        {"tags": {f"t{n}": "any value; ü" for n in range(16)}},
        access(models=("us.anthropic.*", "fast", "*", "arn:aws:bedrock:us-east-1::x/y", "v1:0", "a-?")),
        access(models=("x" * 128,) * 100),
        access(max_tokens=0),
        access(guardrail=Guardrail("abc123", "1")),
        access(guardrail=Guardrail("arn:aws:bedrock:us-east-1:123456789012:guardrail/abc", "DRAFT")),
        access(tier="flex"),
        access(profiles={"us.*": ARN, "x": ARN.replace("arn:aws:", "arn:aws-us-gov:")}),
        access(cache_ttl=604_800),
        {"rates": Rates(0, 0)},
        {"rates": Rates(10**9, 10**12)},
        {"budget": Budget(0)},
        {"budget": Budget(10**18, "day")},
    ],
)
def test_what_a_key_may_hold(given: dict[str, Any]) -> None:
    check_key(replace(KEY, **given))


@pytest.mark.parametrize(
    ("given", "param", "text"),
    [
        ({"name": ""}, "name", "empty"),
        ({"name": " \t"}, "name", "empty"),
        ({"name": "x" * 129}, "name", "128"),
        ({"name": "a\nb"}, "name", "printable"),
        ({"name": "a\x1b[1m"}, "name", "printable"),
        ({"name": "\ud800"}, "name", "printable"),
        ({"user": "x" * 129}, "user", "128"),
        ({"tags": {f"t{n}": "" for n in range(17)}}, "tags", "16"),
        ({"tags": {"": "x"}}, "tags", "''"),
        ({"tags": {"a b": "x"}}, "tags", "'a b'"),
        ({"tags": {"a": "x" * 257}}, "tags", "256"),
        ({"tags": {"a": "x\0"}}, "tags", "printable"),
        (access(models=("us.*", "a b")), "models", "'a b'"),
        (access(models=("",)), "models", "''"),
        (access(models=("[a-z]",)), "models", r"'\[a-z\]'"),
        (access(models=("x" * 129,)), "models", r"'x{61}\.\.\.'"),
        (access(models=("fast\n",)), "models", "fast"),
        (access(models=("x",) * 101), "models", "100"),
        (access(max_tokens=-1), "max_tokens", "negative"),
        (access(max_tokens=10**12 + 1), "max_tokens", "1,000,000,000,000"),
        (access(guardrail=Guardrail("a:b", "1")), "guardrail", "id or ARN"),
        (access(guardrail=Guardrail("", "1")), "guardrail", "id or ARN"),
        (access(guardrail=Guardrail("abc", "0")), "guardrail", "number or DRAFT"),
        (access(guardrail=Guardrail("abc", "")), "guardrail", "number or DRAFT"),
        (access(tier="fast"), "tier", "'fast' is none of default, flex"),
        (access(profiles={"a b": ARN}), "profiles", "'a b'"),
        (access(profiles={"x": "us.some.model"}), "profiles", "'x'"),
        (access(profiles={"x": ARN.replace("application-", "")}), "profiles", "'x'"),
        (access(profiles={f"m{n}": ARN for n in range(51)}), "profiles", "50"),
        (access(cache_ttl=-1), "cache_ttl", "604800"),
        (access(cache_ttl=604_801), "cache_ttl", "604800"),
        (access(prompt_cache_ttl="2h"), "prompt_cache_ttl", "5m, 1h"),
        ({"rates": Rates(rpm=-1)}, "rpm", "0 blocks"),
        ({"rates": Rates(rpm=10**9 + 1)}, "rpm", "1,000,000,000"),
        ({"rates": Rates(tpm=-5)}, "tpm", "0 blocks"),
        ({"rates": Rates(tpm=10**12 + 1)}, "tpm", "unlimited"),
        ({"budget": Budget(-1)}, "budget", "0 blocks"),
        ({"budget": Budget(10**18 + 1)}, "budget", "1,000,000,000 USD"),
        ({"budget": Budget(1, "year")}, "budget", "'year' is none of day, week, month"),  # type: ignore[arg-type]
    ],
)
def test_what_it_may_not(given: dict[str, Any], param: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=text) as raised:
        check_key(replace(KEY, **given))
    assert (raised.value.status, raised.value.param, raised.value.code) == (400, param, "invalid_value")
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 300


def test_the_cache_is_bounded_by_the_setting() -> None:
    check_key(replace(KEY, access=Access(cache_ttl=60)), max_cache_ttl=60)
    with pytest.raises(InvalidRequest, match="from 0 to 0"):
        check_key(replace(KEY, access=Access(cache_ttl=1)), max_cache_ttl=0)


def test_an_expiry_is_in_the_future_and_not_far() -> None:
    check_expiry(None, 1000)
    check_expiry(1001, 1000)
    check_expiry(1000 + 99 * 366 * 86400, 1000)
    for expires in (1000, 0, -5, 10**12):
        with pytest.raises(InvalidRequest) as raised:
            check_expiry(expires, 1000)
        assert raised.value.param == "expires_at"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"name": ""}, "name"),
        ({"budget": Budget(-1)}, "budget"),
        ({"alerts": (Alert("a", -1),)}, "alerts"),
        ({"alerts": (Alert("a", 1),) * 21}, "alerts"),
        ({"alerts": (Alert("a", 1, recipients=("x" * 321,)),)}, "recipients"),
        ({"alerts": (Alert("a", 1, recipients=("x",) * 21),)}, "recipients"),
        ({"alerts": (Alert("a", 1, subject_prefix="\n"),)}, "subject_prefix"),
        ({"rates": {"a b": Rates()}}, "rates"),
        ({"rates": {"*": Rates(-1)}}, "rpm"),
        ({"rates": {f"m{n}": Rates(1) for n in range(101)}}, "rates"),
    ],
)
def test_projects_and_the_organization(given: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        check_project(replace(Project("proj_x", "x"), **given))
    assert raised.value.param == param
    if given.keys() <= {"budget", "alerts"}:
        with pytest.raises(InvalidRequest):
            check_organization(replace(Organization(), **given))


def test_good_ones_pass() -> None:
    alert = Alert("a", 10**9, "day", ("ops@example.com",), "[x]")
    check_project(
        Project("proj_x", "x", budget=Budget(0), alerts=(alert,), rates={"*": Rates(1), "a.b-v1:0": Rates(2)})
    )
    check_organization(Organization(Budget(1), (alert,)))
