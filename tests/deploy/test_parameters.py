"""The parameters as a person meets them: explained, grouped, checked, and free unless they say otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.deploy.combinations import DEEP, KEY, ORIGIN_SECRET, SECRET_ARN
from tests.deploy.resolver import Refused, Stack

FREE_AT_REST = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::DynamoDB::Table",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::Scheduler::Schedule",
}
"""Billed by use alone, as of 2026-11. What is not here and not below is not known, and fails: look its price up first."""

PRICED = {"AWS::CloudWatch::Alarm": "AlarmEmail"}
"""Type with a price at rest -> the parameter that asks for it."""

PRICES = {
    "AlarmEmail": r"\$0\.10 per month",
    "ApiKeySecretArn": r"\$0\.40 per month",
    "CanaryMetrics": r"\$0\.90 per month.*\$0\.30 each",
    "DeepProbeCentsPerDay": r"cents per day",
    "KmsKeyArn": r"\$1\.00 per month",
    "Metrics": r"\$0\.30 per month for each metric.*8 of them",
}
"""Parameter that makes something with a price at rest, or spends without being asked -> what its description states."""

COSTLY = {
    "AWS::Lambda::Function": {"SnapStart", "CapacityProviderConfig", "VpcConfig", "EphemeralStorage", "TracingConfig"},
    "AWS::CloudFront::Distribution": {"WebACLId", "Logging", "Aliases"},
    "AWS::DynamoDB::Table": {"ProvisionedThroughput", "StreamSpecification", "GlobalSecondaryIndexes"},
    "AWS::Logs::LogGroup": {"DataProtectionPolicy"},
    "AWS::SNS::Topic": {"DataProtectionPolicy", "ArchivePolicy"},
}
"""Properties that would put a price on a free type, or on its use."""


def _properties(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set(value).union(*map(_properties, value.values()))
    return set().union(*map(_properties, value)) if isinstance(value, list) else set()


def test_nothing_has_a_price_at_rest_by_default(stack: Callable[..., Stack]) -> None:
    kinds = {resource["Type"] for resource in stack().resources.values()}
    assert kinds <= FREE_AT_REST


def test_what_has_a_price_at_rest_comes_by_its_own_parameter(stacks: list[Stack], source: Mapping[str, Any]) -> None:
    for stack in stacks:
        for resource in stack.resources.values():
            kind = resource["Type"]
            assert kind in FREE_AT_REST or stack.given.get(PRICED[kind]), (kind, stack.given)
    for parameter in PRICED.values():
        assert parameter in PRICES
        assert source["Parameters"][parameter]["Default"] == ""


def test_no_property_puts_a_price_on_what_is_free(stacks: list[Stack]) -> None:
    for stack in stacks:
        for name, resource in stack.resources.items():
            assert not _properties(resource["Properties"]) & COSTLY.get(resource["Type"], set()), name
        for table in stack.of_type("AWS::DynamoDB::Table").values():
            assert table["BillingMode"] == "PAY_PER_REQUEST"
            backups = table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
            assert not backups or stack.given["TableBackups"] == "true"
        for group in stack.of_type("AWS::Logs::LogGroup").values():
            assert int(group["RetentionInDays"]) <= 731
        for function in stack.of_type("AWS::Lambda::Function").values():
            assert function["LoggingConfig"]["LogGroup"] in stack.of_type("AWS::Logs::LogGroup")


def test_a_description_states_its_price(source: Mapping[str, Any]) -> None:
    for name, price in PRICES.items():
        declared = source["Parameters"][name]
        assert re.search(price, declared["Description"]), name
        assert str(declared["Default"]) in ("", "false", "0"), f"{name} is not off by default"
        assert "Price: " in declared["Description"]


def test_metrics_are_published_only_when_asked_for(stacks: list[Stack]) -> None:
    for stack in stacks:
        if "CanaryFunction" in stack.resources:
            found = stack.properties("CanaryFunction")["Environment"]["Variables"]["CANARY_METRICS"]
            assert found == stack.given.get("CanaryMetrics", "false")


def test_every_parameter_is_explained_grouped_and_optional(source: Mapping[str, Any]) -> None:
    interface = source["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(source["Parameters"])
    assert set(interface["ParameterLabels"]) == set(source["Parameters"])
    for name, declared in source["Parameters"].items():
        assert 60 < len(declared["Description"]) <= 4000, name
        assert "Default" in declared, name
        assert ("AllowedPattern" in declared) == ("ConstraintDescription" in declared), name


def test_the_key_is_asked_for_first_and_is_the_only_answer_that_must_be_given(source: Mapping[str, Any]) -> None:
    """`sam deploy --guided` asks in the order of declaration, and takes no empty answer for a NoEcho parameter."""
    assert next(iter(source["Parameters"])) == "ApiKey"
    assert [name for name, each in source["Parameters"].items() if each.get("NoEcho")] == ["ApiKey"]


def test_logical_ids_are_unique_beyond_their_section(source: Mapping[str, Any]) -> None:
    assert not set(source["Parameters"]) & set(source["Resources"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"Edge": "oac"}, "Edge=oac needs AuthType=AWS_IAM"),
        ({"Edge": "secret"}, "Edge=secret needs an OriginSecret"),
        ({"Edge": "secret", "OriginSecret": ORIGIN_SECRET, "AuthType": "AWS_IAM"}, "Edge=secret needs AuthType=NONE"),
        (
            {"Edge": "secret", "OriginSecret": ORIGIN_SECRET, "AllowedNetworks": "203.0.113.0/24"},
            "AllowedNetworks does not work with Edge",
        ),
        ({"HttpApi": "true"}, "HttpApi=true needs Adapter=mangum"),
        ({"HttpApi": "true", "Adapter": "mangum", "AuthType": "AWS_IAM"}, "HttpApi=true needs AuthType=NONE"),
        (
            {"HttpApi": "true", "Adapter": "mangum", "Edge": "secret", "OriginSecret": ORIGIN_SECRET},
            "HttpApi=true and Edge exclude each other",
        ),
        ({"AlarmEmail": "ops@example.com", "Canary": "false"}, "AlarmEmail needs Canary=true"),
        ({"AdminKeyHash": "ab" * 32, "Table": "false"}, "AdminKeyHash needs Table=true"),
        ({"ExistingTable": "keys-of-old", "Table": "false"}, "ExistingTable needs Table=true"),
        ({**DEEP, "ApiKey": KEY, "Table": "false"}, "DeepProbeCentsPerDay needs Table=true"),
        ({**DEEP, "ApiKey": KEY, "Table": "true", "Canary": "false"}, "DeepProbeCentsPerDay needs Canary=true"),
        ({"DeepProbeCentsPerDay": "5", "ApiKey": KEY, "Table": "true"}, "DeepProbeCentsPerDay needs DeepProbeModels"),
        ({**DEEP, "ApiKey": "-", "ApiKeyHash": "ab" * 32, "Table": "true"}, "DeepProbeCentsPerDay needs a key"),
        (
            {**DEEP, "ApiKey": KEY, "Table": "true", "AllowedNetworks": "203.0.113.0/24"},
            "DeepProbeCentsPerDay does not work with AllowedNetworks",
        ),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    stack: Callable[..., Stack], given: dict[str, str], says: str
) -> None:
    [broken] = stack(**given).broken_rules()
    assert broken.startswith(says)


def test_combinations_that_are_tested_are_ones_that_can_be_deployed(stacks: list[Stack]) -> None:
    for stack in stacks:
        assert stack.broken_rules() == [], stack.given


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ApiKey", ["", "-", "x" * 20, "sk-" + "x" * 60], ["x" * 19, "x" * 20 + " ", "x" * 257]),
        ("ApiKeyHash", ["", "0" * 64, "F" * 64], ["0" * 63, "g" * 64]),
        ("AdminKeyHash", ["", "0" * 64], ["0" * 63, "sk-admin-key-itself-instead-of-its-hash"]),
        ("ModelAliasesParamName", ["", "/gateway/aliases"], ['{"fast": []}', "/aliases/"]),
        ("SettingsParamName", ["", "/gateway/settings", "settings"], ["{}", "/settings/", "arn:aws:ssm:x"]),
        ("MeteredTags", ["", "team", "team, cost-center,app_1"], ["team,", "team;app", "a b"]),
        ("Metrics", ["", "model", "model, traffic,outcome"], ["user", "model,", "model traffic", "Model"]),
        ("ApiKeyParamName", ["key", "/gateway/key", "gateway/key.v1"], ["//key", "/key/", "a key", "arn:aws:ssm:x"]),
        ("ApiKeySecretArn", ["", SECRET_ARN], ["gateway/key", "arn:aws:ssm:us-east-1:123456789012:parameter/key"]),
        ("MediaBucket", ["", "our-media"], ["s3://our-media", "Our", "a"]),
        ("AlarmEmail", ["", "ops@example.com"], ["ops", "ops@example", "a b@example.com"]),
        ("KmsKeyArn", [""], ["alias/key", "arn:aws:kms:us-east-1:123456789012:alias/key"]),
        ("Timeout", ["900", "60"], ["901", "0"]),
        ("WarmInstances", ["1", "20"], ["0", "21"]),
        ("Runtime", ["python3.11", "python3.12", "python3.13", "python3.14"], ["python3.10", "nodejs24.x"]),
    ],
)
def test_values_are_checked_before_anything_is_made(
    stack: Callable[..., Stack], name: str, good: list[str], bad: list[str]
) -> None:
    for value in good:
        assert stack(**{name: value}).parameters[name] == value
    for value in bad:
        with pytest.raises(Refused):
            stack(**{name: value})
