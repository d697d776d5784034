"""The stack's shape in every combination of parameters: layers, modes, environment, canary, state."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.deploy.combinations import DEEP, KEY
from tests.deploy.resolver import Stack

CANARY = Path(__file__).parents[2] / "app" / "canary"

OF_THE_ADAPTER = {
    "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
    "AWS_LWA_PORT": "8000",
    "AWS_LWA_INVOKE_MODE": "response_stream",
    "AWS_LWA_READINESS_CHECK_PATH": "/health",
    "AWS_LWA_ASYNC_INIT": "true",
}


def _environment(stack: Stack, function: str = "Gateway") -> dict[str, str]:
    found: dict[str, str] = stack.properties(function)["Environment"]["Variables"]
    return found


def _references(value: Any) -> Iterator[str]:
    """The names that a template's value refers to."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [name, *_]}:
            yield name
        case {"Fn::Sub": [str(text), dict(own)]}:
            yield from (name for name in _places(text) if name not in own)
            yield from _references(own)
        case {"Fn::Sub": str(text)}:
            yield from _places(text)
        case dict():
            for each in value.values():
                yield from _references(each)
        case list():
            for each in value:
                yield from _references(each)


def _places(text: str) -> list[str]:
    return [name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)]


def test_every_combination_resolves_without_a_dangling_reference(stacks: list[Stack]) -> None:
    assert len(stacks) > 1000
    for stack in stacks:
        assert stack.resources
        assert stack.outputs


def test_every_reference_has_its_target(source: Mapping[str, Any]) -> None:
    known = set(source["Parameters"]) | set(source["Resources"])
    for part in ("Rules", "Conditions", "Resources", "Outputs"):
        names = {name for name in _references(source[part]) if not name.startswith("AWS::")}
        assert names <= known, names - known


def test_every_parameter_and_condition_is_used(source: Mapping[str, Any]) -> None:
    used = set(_references([source["Conditions"], source["Resources"], source["Outputs"]]))
    assert set(source["Parameters"]) <= used


def test_the_url_streams_exactly_where_the_adapter_does(stacks: list[Stack]) -> None:
    for stack in stacks:
        streams = stack.given.get("Adapter", "web-adapter") == "web-adapter"
        environment, gateway = _environment(stack), stack.properties("Gateway")
        assert environment.get("AWS_LWA_INVOKE_MODE") == ("response_stream" if streams else None)
        assert gateway["Handler"] == ("run.sh" if streams else "app.lambda_handler.handler")
        for url in stack.of_type("AWS::Lambda::Url").values():
            assert url["InvokeMode"] == ("RESPONSE_STREAM" if streams else "BUFFERED"), stack.given
            assert url["AuthType"] == stack.parameters["AuthType"]
            assert "Cors" not in url, "the app answers for CORS; both together send the header twice"
            assert "Qualifier" not in url


def test_the_adapter_is_there_whole_or_not_at_all(stacks: list[Stack]) -> None:
    for stack in stacks:
        uses = stack.given.get("Adapter", "web-adapter") == "web-adapter"
        environment = _environment(stack)
        assert {name: environment.get(name) for name in OF_THE_ADAPTER} == (
            OF_THE_ADAPTER if uses else dict.fromkeys(OF_THE_ADAPTER)
        )
        layers = stack.properties("Gateway")["Layers"]
        assert any("Adapter" in layer for layer in layers) == uses, stack.given


def test_layers_are_those_asked_for_and_no_more_than_lambda_takes(stacks: list[Stack]) -> None:
    for stack in stacks:
        layers = stack.properties("Gateway")["Layers"]
        assert len(layers) <= 5
        tokenizer = stack.given.get("EmbeddingsTokenizer", "true") == "true"
        assert any(layer.startswith("EmbeddingsLayer") for layer in layers) == tokenizer
        assert any(layer.startswith("SlimLayer") for layer in layers)
        for layer in stack.of_type("AWS::Lambda::LayerVersion").values():
            assert layer["CompatibleArchitectures"] == [stack.parameters["Architecture"]]
            assert layer["CompatibleRuntimes"] == [stack.parameters["Runtime"]]


@pytest.mark.parametrize(
    ("partition", "region", "architecture", "arn"),
    [
        ("aws", "eu-west-1", "arm64", "arn:aws:lambda:eu-west-1:753240598075:layer:LambdaAdapterLayerArm64:30"),
        ("aws", "us-east-1", "x86_64", "arn:aws:lambda:us-east-1:753240598075:layer:LambdaAdapterLayerX86:30"),
        ("aws-cn", "cn-north-1", "x86_64", "arn:aws-cn:lambda:cn-north-1:041581134020:layer:LambdaAdapterLayerX86:30"),
        (
            "aws-cn",
            "cn-northwest-1",
            "x86_64",
            "arn:aws-cn:lambda:cn-northwest-1:069767869989:layer:LambdaAdapterLayerX86:30",
        ),
    ],
)
def test_the_adapter_layer_is_the_regions_own(
    stack: Callable[..., Stack], partition: str, region: str, architecture: str, arn: str
) -> None:
    made = stack({"AWS::Partition": partition, "AWS::Region": region}, Architecture=architecture)
    assert made.properties("Gateway")["Layers"][0] == arn


def test_another_adapter_layer_takes_the_place_of_the_published_one(stack: Callable[..., Stack]) -> None:
    ours = "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:layer:OurAdapter:7"
    assert stack(AdapterLayerArn=ours).properties("Gateway")["Layers"][0] == ours


def test_versions_are_neither_published_nor_kept(transformed: Mapping[str, Any]) -> None:
    kinds = {each["Type"] for each in transformed["Resources"].values()}
    assert not kinds & {"AWS::Lambda::Version", "AWS::Lambda::Alias"}
    for resource in transformed["Resources"].values():
        if resource["Type"] == "AWS::Lambda::LayerVersion":
            assert resource["DeletionPolicy"] == "Delete"


def test_the_gateways_variables_are_all_read_by_somebody(stacks: list[Stack]) -> None:
    settings = {(field.alias or name).upper() for name, field in Settings.model_fields.items()}
    names = {name for stack in stacks for name in _environment(stack)}
    assert names - set(OF_THE_ADAPTER) <= settings
    assert not any(value == "" for stack in stacks for value in _environment(stack).values())


def test_the_canarys_variables_are_all_read_by_somebody(stacks: list[Stack]) -> None:
    code = "".join(path.read_text() for path in CANARY.rglob("*.py"))
    made = [stack for stack in stacks if "CanaryFunction" in stack.resources]
    names = {name for stack in made for name in _environment(stack, "CanaryFunction")}
    assert names == {name for name in names if f'"{name}"' in code} | {"POWERTOOLS_SERVICE_NAME"}


def test_the_environment_fits_with_every_parameter_at_its_longest(
    source: Mapping[str, Any], stack: Callable[..., Stack]
) -> None:
    """Lambda takes 4 KB, names and values together."""
    for keys in ({}, {"Table": "true", "DeepProbeCentsPerDay": "10"}, {"Metrics": "model", "MeteredTags": "team"}):
        made = stack(**keys)
        for name, declared in source["Parameters"].items():
            limit = re.search(r"\{20,(\d+)\}|\{(64)\}", declared.get("AllowedPattern", ""))
            longest = declared.get("MaxLength") or (limit and int(limit[1] or limit[2]))
            if longest and declared["Type"] == "String":
                made.parameters[name] = "x" * longest
        for function in ("Gateway", "CanaryFunction"):
            taken = sum(len(name) + len(value) for name, value in _environment(made, function).items())
            assert taken < 4096 - 256, f"{function}: {taken} of 4096, less what a table's name takes"


def test_the_deep_probe_presents_one_key(stacks: list[Stack]) -> None:
    for stack in stacks:
        if "CanaryFunction" not in stack.resources:
            continue
        environment = _environment(stack, "CanaryFunction")
        keys = {"API_KEY", "API_KEY_PARAM_NAME", "API_KEY_SECRET_ARN"} & set(environment)
        deep = stack.given.get("DeepProbeCentsPerDay", "0") != "0"
        assert len(keys) == deep, stack.given
        assert ("DEEP_PROBE_MODELS" in environment) == ("TABLE_NAME" in environment) == deep
        own = stack.given.get("ProbeKeyParamName")
        assert not own or environment["API_KEY_PARAM_NAME"] == own


def test_schedules_say_what_to_probe_and_do_not_retry(stacks: list[Stack]) -> None:
    for stack in stacks:
        schedules = stack.of_type("AWS::Scheduler::Schedule")
        expected = {}
        if stack.parameters["Canary"] == "true":
            expected = {"warm": "rate(5 minutes)"}
        if stack.given.get("DeepProbeCentsPerDay", "0") != "0":
            expected["deep"] = "rate(1 hour)"
        found = {
            json.loads(each["Target"]["Input"])["probe"]: each["ScheduleExpression"] for each in schedules.values()
        }
        assert found == expected, stack.given
        for each in schedules.values():
            assert each["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 0}
            assert each["FlexibleTimeWindow"] == {"Mode": "OFF"}
        for each in stack.of_type("AWS::Lambda::EventInvokeConfig").values():
            assert each["MaximumRetryAttempts"] == 0
        assert len(stack.of_type("AWS::Lambda::EventInvokeConfig")) == len(stack.of_type("AWS::Lambda::Function"))


def test_the_alarm_is_on_the_canarys_own_errors_and_reaches_the_address(stacks: list[Stack]) -> None:
    seen = 0
    for stack in stacks:
        alarms, topics = stack.of_type("AWS::CloudWatch::Alarm"), stack.of_type("AWS::SNS::Topic")
        assert len(alarms) == len(topics) == bool(stack.given.get("AlarmEmail")), stack.given
        for alarm in alarms.values():
            seen += 1
            assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
            assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "CanaryFunction"}]
            assert alarm["AlarmActions"] == list(topics)
            assert alarm["TreatMissingData"] == "breaching", "a canary that stopped would be silent"
            [topic] = topics.values()
            assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": "ops@example.com"}]
    assert seen


def test_tables_are_kept_or_deleted_as_asked(stacks: list[Stack]) -> None:
    for stack in stacks:
        tables = [each for each in stack.resources.values() if each["Type"] == "AWS::DynamoDB::Table"]
        assert len(tables) == (stack.parameters["Table"] == "true")
        for table in tables:
            kept = stack.parameters["TableDeletionPolicy"] == "Retain"
            assert table["DeletionPolicy"] == ("RetainExceptOnCreate" if kept else "Delete")
            assert table["UpdateReplacePolicy"] == ("Retain" if kept else "Delete")
            assert "DeletionProtectionEnabled" not in table["Properties"], "what was switched on stays on"
            backups = table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
            assert backups is (stack.parameters["TableBackups"] == "true")
            keys = [(key["AttributeName"], key["KeyType"]) for key in table["Properties"]["KeySchema"]]
            assert keys == [("pk", "HASH"), ("sk", "RANGE")]
            assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
        assert ("TABLE_NAME" in _environment(stack)) == bool(tables)
        assert ("TableName" in stack.outputs) == bool(tables)
        if tables:
            assert stack.outputs["TableName"] == _environment(stack)["TABLE_NAME"]


def test_what_an_operator_chose_reaches_the_gateway(stack: Callable[..., Stack]) -> None:
    chosen = {
        "AdminKeyHash": ("ADMIN_KEY_HASH", "ab" * 32),
        "ModelAliasesParamName": ("MODEL_ALIASES", "/gateway/aliases"),
        "SettingsParamName": ("SETTINGS_PARAM_NAME", "/gateway/settings"),
        "AllowedModels": ("ALLOWED_MODELS", "amazon.nova-*, fast"),
        "MeteredTags": ("METERED_TAGS", "team, cost-center"),
        "Metrics": ("METRICS", "model, traffic"),
    }
    given = _environment(stack(Table="true", **{parameter: value for parameter, (_, value) in chosen.items()}))
    assert {name: given[name] for name, _ in chosen.values()} == dict(chosen.values())
    settings = Settings.from_env(given)
    assert (settings.metered_tags, settings.metrics) == (("team", "cost-center"), ("model", "traffic"))
    assert settings.allowed_models == ("amazon.nova-*", "fast")
    assert not {name for name, _ in chosen.values()} & set(_environment(stack(Table="true")))


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
@pytest.mark.parametrize("later", [{}, {"ExistingTable": "keys-of-old"}, {"TableBackups": "true"}])
def test_a_later_deployment_with_the_templates_defaults_keeps_the_table_and_its_keys(
    stack: Callable[..., Stack], policy: str, later: dict[str, str]
) -> None:
    """From the first template with a table on: nothing that holds data is removed, replaced or made anew."""
    before = json.loads((Path(__file__).parent / "tables_before.json").read_text())[policy]
    resources = {
        name: each
        for name, each in stack(TableDeletionPolicy=policy, **later).resources.items()
        if each["Type"] == "AWS::DynamoDB::Table"
    }
    assert resources.keys() == before.keys()
    for name, table in resources.items():
        for fixed in ("TableName", "KeySchema", "AttributeDefinitions", "BillingMode", "TimeToLiveSpecification"):
            assert table["Properties"].get(fixed) == before[name].get(fixed), "this would replace or change the table"
    (name,) = before
    used = later.get("ExistingTable", name)
    assert _environment(stack(TableDeletionPolicy=policy, **later))["TABLE_NAME"] == used


def test_an_existing_table_is_all_that_the_functions_may_touch(stack: Callable[..., Stack]) -> None:
    made = stack(ApiKey=KEY, ExistingTable="keys-of-old", **DEEP)
    policies = [
        policy["PolicyDocument"]["Statement"][0]["Resource"]
        for role in made.of_type("AWS::IAM::Role").values()
        for policy in role.get("Policies", ()) if policy.get("PolicyName") == "Table"
    ]  # fmt: skip
    assert len(policies) == 2
    assert all(str(resource).endswith(":table/keys-of-old") for resource in policies), policies


def test_both_tables_differ_in_nothing_but_their_fate(source: Mapping[str, Any]) -> None:
    resources = source["Resources"]
    assert resources["StateTable"]["Properties"] == resources["KeptStateTable"]["Properties"]


def test_a_key_is_in_the_configuration_exactly_where_one_was_given(stacks: list[Stack]) -> None:
    for stack in stacks:
        given = stack.given.get("ApiKey", "")
        assert _environment(stack).get("API_KEY") == (given if given not in ("", "-") else None), stack.given
