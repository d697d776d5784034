"""The canary's environment."""

from __future__ import annotations

import pytest

from app.canary.errors import Misconfigured
from app.canary.settings import Settings

URL = "https://abc.lambda-url.us-east-1.on.aws/"
DEEP = {
    "GATEWAY_URL": URL,
    "TABLE_NAME": "t",
    "DEEP_PROBE_MODELS": "a, b,,a ",
    "DEEP_PROBE_CENTS_PER_DAY": "2.5",
    "API_KEY": "sk-secret-1",
}


def test_only_the_url_is_needed() -> None:
    settings = Settings.from_env({"GATEWAY_URL": URL, "WARM_INSTANCES": " ", "CANARY_METRICS": ""})
    assert settings == Settings(url=URL)


def test_everything_given() -> None:
    more = {"GATEWAY_AUTH": "aws_iam", "WARM_INSTANCES": "50", "CANARY_METRICS": "TRUE", "AWS_REGION": "eu-west-1"}
    settings = Settings.from_env(DEEP | more)
    settings.require_deep()
    assert (settings.auth, settings.warm_instances, settings.metrics) == ("AWS_IAM", 50, True)
    assert (settings.models, settings.cents_per_day, settings.region) == (("a", "b"), 2.5, "eu-west-1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_URL", ""),
        ("GATEWAY_URL", "abc.lambda-url.us-east-1.on.aws"),
        ("GATEWAY_URL", "http://abc.lambda-url.us-east-1.on.aws/"),
        ("GATEWAY_URL", "http://169.254.169.254/"),
        ("GATEWAY_URL", "https://user:secretword@host/"),
        ("GATEWAY_URL", "https://host/?a=secretword"),
        ("GATEWAY_URL", "https://[secretword"),
        ("GATEWAY_URL", "https://host:secretword/"),
        ("GATEWAY_AUTH", "secretword"),
        ("CANARY_METRICS", "secretword"),
        *[("WARM_INSTANCES", value) for value in ("0", "51", "-1", "2.0", "secretword", "²", "9" * 5000)],
        *[("DEEP_PROBE_CENTS_PER_DAY", value) for value in ("-1", "nan", "inf", "secretword", "1e9")],
    ],
)
def test_a_value_that_makes_no_sense_is_named_but_not_repeated(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name) as told:
        Settings.from_env({"GATEWAY_URL": URL} | {name: value})
    assert "secretword" not in str(told.value)


@pytest.mark.parametrize("missing", ["TABLE_NAME", "DEEP_PROBE_MODELS", "DEEP_PROBE_CENTS_PER_DAY", "API_KEY"])
def test_the_deep_probe_says_what_it_lacks(missing: str) -> None:
    settings = Settings.from_env({name: value for name, value in DEEP.items() if name != missing})
    with pytest.raises(Misconfigured, match=missing) as told:
        settings.require_deep()
    assert str(told.value).count(";") == 0


def test_secrets_are_not_in_the_representation() -> None:
    shown = repr(Settings.from_env(DEEP | {"ORIGIN_SECRET": "origin-secret"}))
    assert "sk-secret-1" not in shown
    assert "origin-secret" not in shown
