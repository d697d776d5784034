"""Where the deep probe's key comes from."""

from __future__ import annotations

from typing import Any

import pytest

from app.canary import aws
from app.canary.errors import Misconfigured, Unavailable
from app.canary.key import read_key
from app.canary.settings import Settings

KEY = "sk-canary-5f2e"


def settings(**more: Any) -> Settings:
    return Settings(url="http://localhost/", region="us-east-1", **more)


def secret(region: str = "us-east-1", **value: Any) -> str:
    made = aws.client("secretsmanager", region).create_secret(Name="gateway-key", **value)
    return str(made["ARN"])


def parameter(value: str, kind: str = "SecureString") -> str:
    aws.client("ssm", "us-east-1").put_parameter(Name="/gateway/key", Value=value, Type=kind)
    return "/gateway/key"


def test_the_key_itself_wins_and_is_stripped() -> None:
    assert read_key(settings(key=f" {KEY}\n", key_parameter="/not/there", key_secret_arn="arn:no")) == KEY


@pytest.mark.parametrize("value", [KEY, f"{KEY}\n", f'{{"api_key": "{KEY}", "other": 1}}'])
def test_a_parameter_plain_or_json(mocked: None, value: str) -> None:
    assert read_key(settings(key_parameter=parameter(value))) == KEY


@pytest.mark.parametrize("value", [{"SecretString": KEY}, {"SecretBinary": KEY.encode()}])
def test_a_secret_as_text_or_bytes(mocked: None, value: dict[str, Any]) -> None:
    assert read_key(settings(key_secret_arn=secret(**value))) == KEY


def test_a_parameter_that_names_a_secret_of_another_region(mocked: None) -> None:
    arn = secret("eu-west-1", SecretString=f'{{"api_key": "{KEY}"}}')
    assert read_key(settings(key_parameter=parameter(arn, "String"))) == KEY


def test_a_number_is_a_key_too(mocked: None) -> None:
    assert read_key(settings(key_parameter=parameter("12345678901234567890"))) == "12345678901234567890"


@pytest.mark.parametrize("value", ['{"key": "sk-canary-5f2e"}', '{"api_key": 5}'])
def test_json_without_the_field_is_told_without_its_value(mocked: None, value: str) -> None:
    with pytest.raises(Unavailable, match="without a text field api_key") as told:
        read_key(settings(key_parameter=parameter(value)))
    assert KEY not in str(told.value)


def test_a_blank_key_is_told(mocked: None) -> None:
    with pytest.raises(Misconfigured, match="blank"):
        read_key(settings(key_secret_arn=secret(SecretString='{"api_key": " "}')))


def test_refusals_of_aws_are_told_by_operation_and_code(mocked: None) -> None:
    with pytest.raises(Unavailable, match=r"^GetParameter: ParameterNotFound$"):
        read_key(settings(key_parameter="/not/there"))
    with pytest.raises(Unavailable, match=r"^GetSecretValue: ResourceNotFoundException$"):
        read_key(settings(key_secret_arn="arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf"))


def test_a_call_that_never_reaches_aws_is_told_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(Unavailable, match=r"^GetParameter: NoCredentialsError$"):
        read_key(settings(key_parameter="/gateway/key"))
