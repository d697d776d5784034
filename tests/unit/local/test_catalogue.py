"""The catalogue through boto3's control-plane client."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import Emulator
from tests.unit.local.asking import ask
from tests.unit.local.conftest import client

APPLICATION = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
PROFILE = "us.anthropic.claude-opus-5"


def models(control: Any, **filters: Any) -> dict[str, Any]:
    return {each["modelId"]: each for each in control.list_foundation_models(**filters)["modelSummaries"]}


def profiles(control: Any, **options: Any) -> list[Any]:
    pages = control.get_paginator("list_inference_profiles").paginate(**options)
    return [profile for page in pages for profile in page["inferenceProfileSummaries"]]


def test_newer_models_can_only_be_called_through_profiles(control: Any) -> None:
    listed = models(control)
    assert listed["anthropic.claude-opus-5"]["inferenceTypesSupported"] == ["INFERENCE_PROFILE"]
    assert listed["amazon.nova-lite-v1:0"]["inferenceTypesSupported"] == ["ON_DEMAND", "INFERENCE_PROFILE"]
    assert listed["anthropic.claude-3-haiku-20240307-v1:0:200k"]["inferenceTypesSupported"] == ["PROVISIONED"]


def test_life_cycles(control: Any) -> None:
    listed = models(control)
    lifecycle = listed["anthropic.claude-sonnet-4-5-20250929-v1:0"]["modelLifecycle"]
    assert lifecycle["status"] == "ACTIVE"
    assert lifecycle["startOfLifeTime"].astimezone(UTC) == datetime(2025, 9, 29, tzinfo=UTC)
    assert listed["anthropic.claude-3-7-sonnet-20250219-v1:0"]["modelLifecycle"]["status"] == "LEGACY"


@pytest.mark.parametrize(
    ("filters", "member", "value"),
    [
        ({"byProvider": "cohere"}, "providerName", "Cohere"),
        ({"byOutputModality": "EMBEDDING"}, "outputModalities", ["EMBEDDING"]),
        ({"byInferenceType": "PROVISIONED"}, "inferenceTypesSupported", ["PROVISIONED"]),
    ],
)
def test_filters(control: Any, filters: dict[str, str], member: str, value: Any) -> None:
    listed = models(control, **filters)
    assert listed
    assert all(each[member] == value for each in listed.values())


def test_pages_of_profiles_add_up(control: Any) -> None:
    whole = profiles(control, PaginationConfig={"PageSize": 1000})
    assert profiles(control, PaginationConfig={"PageSize": 7}) == whole
    assert {each["inferenceProfileId"].split(".")[0] for each in whole} == {"us", "global"}
    assert {each["type"] for each in whole} == {"SYSTEM_DEFINED"}


def test_a_region_lists_the_profiles_of_its_geography(emulator: Emulator) -> None:
    frankfurt = profiles(client("bedrock", emulator, "eu-central-1"))
    assert {each["inferenceProfileId"].split(".")[0] for each in frankfurt} == {"eu", "global"}
    assert all(":eu-central-1:123456789012:" in each["inferenceProfileArn"] for each in frankfurt)


@pytest.mark.parametrize(
    ("region", "prefix"),
    [
        ("ap-northeast-1", "jp"),
        ("ap-southeast-2", "au"),
        ("ap-south-1", "apac"),
        ("ca-central-1", "us"),
        ("me-south-1", "global"),
    ],
)
def test_other_geographies(emulator: Emulator, region: str, prefix: str) -> None:
    listed = {each["inferenceProfileId"].split(".")[0] for each in profiles(client("bedrock", emulator, region))}
    assert prefix in listed
    assert profiles(client("bedrock", emulator, "us-gov-west-1")) == []


def test_application_profiles_hide_their_model(control: Any, runtime: Any) -> None:
    listed = profiles(control, typeEquals="APPLICATION")
    assert APPLICATION in [each["inferenceProfileArn"] for each in listed]
    profile = control.get_inference_profile(inferenceProfileIdentifier=APPLICATION)
    assert profile["models"][0]["modelArn"].endswith("anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert ask(runtime, model=APPLICATION)["stopReason"] == "end_turn"
    assert ask(runtime, model="a1b2c3d4e5f6")["stopReason"] == "end_turn"


def test_a_profile_by_id_or_arn(control: Any) -> None:
    by_id = control.get_inference_profile(inferenceProfileIdentifier=PROFILE)
    by_arn = control.get_inference_profile(inferenceProfileIdentifier=by_id["inferenceProfileArn"])
    assert by_id["inferenceProfileId"] == by_arn["inferenceProfileId"] == PROFILE


@pytest.mark.parametrize("identifier", ["us.nothing.here", "eu.anthropic.claude-opus-5", "zz.anthropic.claude-opus-5"])
def test_a_profile_that_is_not_there(control: Any, identifier: str) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        control.get_inference_profile(inferenceProfileIdentifier=identifier)


def test_a_model_and_its_availability(control: Any) -> None:
    model = "amazon.nova-lite-v1:0"
    assert control.get_foundation_model(modelIdentifier=model)["modelDetails"]["modelId"] == model
    assert control.get_foundation_model_availability(modelId=model)["entitlementAvailability"] == "AVAILABLE"
    variant = "anthropic.claude-3-haiku-20240307-v1:0:48k"
    assert control.get_foundation_model_availability(modelId=variant)["entitlementAvailability"] == "NOT_AVAILABLE"


def test_a_model_that_is_not_there(control: Any) -> None:
    with pytest.raises(ClientError, match="The provided model identifier is invalid"):
        control.get_foundation_model(modelIdentifier="made.up-v1:0")
    with pytest.raises(ClientError, match="The provided model identifier is invalid"):
        control.get_foundation_model_availability(modelId="made.up-v1:0")


@pytest.mark.parametrize(
    ("operation", "member", "arn_member"),
    [
        ("list_provisioned_model_throughputs", "provisionedModelSummaries", "provisionedModelArn"),
        ("list_custom_model_deployments", "modelDeploymentSummaries", "customModelDeploymentArn"),
        ("list_imported_models", "modelSummaries", "modelArn"),
        ("list_prompt_routers", "promptRouterSummaries", "promptRouterArn"),
        ("list_marketplace_model_endpoints", "marketplaceModelEndpoints", "endpointArn"),
    ],
)
def test_what_the_account_owns_can_be_called(
    control: Any, runtime: Any, operation: str, member: str, arn_member: str
) -> None:
    listed = getattr(control, operation)()[member]
    assert ask(runtime, model=listed[0][arn_member])["stopReason"] == "end_turn"


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/unknown00000",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/unknown00000",
        "arn:aws:bedrock:us-east-1:123456789012:prompt-router/unknown",
    ],
)
def test_what_the_account_does_not_own_cannot(runtime: Any, arn: str) -> None:
    with pytest.raises(ClientError, match="The provided model identifier is invalid"):
        ask(runtime, model=arn)


def test_a_made_up_page_token(control: Any) -> None:
    with pytest.raises(ClientError, match="nextToken is invalid"):
        control.list_imported_models(nextToken="zzz")
