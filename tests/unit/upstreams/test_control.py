"""What the control plane says becomes entries; what it refuses to say spoils nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from app.core.ports import ModelEntry
from app.errors import UpstreamFailure
from app.upstreams import control
from app.upstreams.control import BedrockControl
from app.upstreams.control_entries import behind_profile
from local.emulator import Emulator

NOW = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
START = datetime(2025, 9, 29, tzinfo=UTC)
ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012:"
FOUNDATION = "arn:aws:bedrock:us-east-1::foundation-model/"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


def model(id: str, *types: str, provider: str = "Anthropic", **life: Any) -> dict[str, Any]:
    return {
        "modelArn": FOUNDATION + id,
        "modelId": id,
        "modelName": id.upper(),
        "providerName": provider,
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "inferenceTypesSupported": list(types),
        "modelLifecycle": {"status": "ACTIVE", "startOfLifeTime": START} | life,
    }


def profile(id: str, base: str, **more: Any) -> dict[str, Any]:
    models = [{"modelArn": FOUNDATION + base}]
    return {"inferenceProfileId": id, "inferenceProfileName": id.upper(), "models": models, "status": "ACTIVE"} | more


def answers() -> dict[str, Any]:
    """Method (and `typeEquals`) -> a list of pages, or an exception."""
    return {
        "list_foundation_models": [
            {
                "modelSummaries": [
                    model(SONNET, "INFERENCE_PROFILE"),
                    model(NOVA, "ON_DEMAND", provider="Amazon"),
                    model(HAIKU, "ON_DEMAND", "PROVISIONED"),
                    model(f"{HAIKU}:200k", "PROVISIONED"),
                    model(
                        "amazon.old-v1", "ON_DEMAND", status="LEGACY", endOfLifeTime=datetime(2026, 1, 1, tzinfo=UTC)
                    ),
                    model("amazon.fading-v1", status="LEGACY", endOfLifeTime=datetime(2027, 1, 1, tzinfo=UTC)),
                ]
            }
        ],
        "SYSTEM_DEFINED": [
            {"inferenceProfileSummaries": [profile(f"us.{SONNET}", SONNET)], "nextToken": "more"},
            {
                "inferenceProfileSummaries": [
                    profile("global.anthropic.claude-unlisted", "anthropic.claude-unlisted"),
                    profile("us.amazon.old-v1", "amazon.old-v1"),
                    profile("us.creating", SONNET, status="CREATING"),
                    profile("us.empty", SONNET, models=[]),
                ]
            },
        ],
        "APPLICATION": [
            {
                "inferenceProfileSummaries": [
                    profile(
                        "a1b2c3d4e5f6",
                        SONNET,
                        inferenceProfileArn=f"{ACCOUNT}application-inference-profile/a1b2c3d4e5f6",
                        inferenceProfileName="team-search",
                        createdAt=datetime(2026, 2, 1, tzinfo=UTC),
                    )
                ]
            }
        ],
        "list_provisioned_model_throughputs": [
            {
                "provisionedModelSummaries": [
                    {
                        "provisionedModelArn": f"{ACCOUNT}provisioned-model/p1r2o3v4i5s6",
                        "provisionedModelName": "steady",
                        "foundationModelArn": FOUNDATION + HAIKU,
                        "status": "InService",
                    },
                    {"provisionedModelArn": f"{ACCOUNT}provisioned-model/creating", "status": "Creating"},
                ]
            }
        ],
        "list_imported_models": [
            {"modelSummaries": [{"modelArn": f"{ACCOUNT}imported-model/i1m2p3o4r5t6", "modelName": "my-llama"}]}
        ],
        "list_custom_model_deployments": [
            {
                "modelDeploymentSummaries": [
                    {
                        "customModelDeploymentArn": f"{ACCOUNT}custom-model-deployment/d1e2p3l4o5y6",
                        "customModelDeploymentName": "tuned",
                        "modelArn": f"{ACCOUNT}custom-model/{NOVA}/c1c2c3c4c5c6",
                        "status": "Active",
                    }
                ]
            }
        ],
        "list_prompt_routers": [
            {
                "promptRouterSummaries": [
                    {
                        "promptRouterArn": f"{ACCOUNT}default-prompt-router/anthropic.claude:1",
                        "promptRouterName": "Anthropic Router",
                        "fallbackModel": {"modelArn": f"{ACCOUNT}inference-profile/us.{SONNET}"},
                        "status": "AVAILABLE",
                    }
                ]
            }
        ],
        "list_marketplace_model_endpoints": [
            {
                "marketplaceModelEndpoints": [
                    {"endpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/shop", "status": "REGISTERED"},
                    {"endpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/bad", "status": "INCOMPATIBLE"},
                ]
            }
        ],
    }


class Client:
    """Answers from `pages`; every call is recorded with its arguments."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages = pages
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((method, arguments))
            answer = self.pages[arguments.get("typeEquals", method)]
            if isinstance(answer, Exception):
                raise answer
            return answer[1] if "nextToken" in arguments else answer[0]

        return call


def denied(code: str = "AccessDeniedException") -> ClientError:
    message = f"User: arn:aws:sts::123456789012:assumed-role/x is not authorized on {ACCOUNT}*"
    return ClientError({"Error": {"Code": code, "Message": message}}, "Any")


def listed(client: Any, **switches: bool) -> dict[str, ModelEntry]:
    entries = BedrockControl(lambda: client, now=lambda: NOW, **switches).list()
    return {entry.id: entry for entry in entries}


def test_everything_that_can_be_called_is_listed() -> None:
    entries = listed(Client(answers()))
    assert {id: (entry.kind, entry.base_id, entry.owner) for id, entry in entries.items()} == {
        SONNET: ("foundation", SONNET, "Anthropic"),
        NOVA: ("foundation", NOVA, "Amazon"),
        HAIKU: ("foundation", HAIKU, "Anthropic"),
        "amazon.fading-v1": ("foundation", "amazon.fading-v1", "Anthropic"),
        f"us.{SONNET}": ("profile", SONNET, "Anthropic"),
        "global.anthropic.claude-unlisted": ("profile", "anthropic.claude-unlisted", "Anthropic"),
        f"{ACCOUNT}application-inference-profile/a1b2c3d4e5f6": ("application-profile", SONNET, "Anthropic"),
        f"{ACCOUNT}provisioned-model/p1r2o3v4i5s6": ("provisioned", HAIKU, "Anthropic"),
        f"{ACCOUNT}imported-model/i1m2p3o4r5t6": ("imported", "i1m2p3o4r5t6", "account"),
        f"{ACCOUNT}custom-model-deployment/d1e2p3l4o5y6": ("custom", NOVA, "Amazon"),
        f"{ACCOUNT}default-prompt-router/anthropic.claude:1": ("router", SONNET, "Anthropic"),
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/shop": ("marketplace", "shop", "account"),
    }
    assert entries["arn:aws:sagemaker:us-east-1:123456789012:endpoint/shop"].name == "shop"


def test_a_foundation_models_facts() -> None:
    entries = listed(Client(answers()))
    assert entries[SONNET] == ModelEntry(
        id=SONNET,
        base_id=SONNET,
        kind="foundation",
        owner="Anthropic",
        name=SONNET.upper(),
        created=int(START.timestamp()),
        inputs=("TEXT", "IMAGE"),
        outputs=("TEXT",),
        streams=True,
        on_demand=False,
    )
    assert entries[NOVA].on_demand
    assert (entries["amazon.fading-v1"].lifecycle, entries["amazon.fading-v1"].end_of_life) == ("LEGACY", "2027-01-01")


def test_a_profile_takes_date_and_modalities_from_its_model_but_keeps_its_own_date_where_it_has_one() -> None:
    entries = listed(Client(answers()))
    system = entries[f"us.{SONNET}"]
    assert (system.created, system.inputs, system.streams) == (int(START.timestamp()), ("TEXT", "IMAGE"), True)
    application = entries[f"{ACCOUNT}application-inference-profile/a1b2c3d4e5f6"]
    assert application.created == int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())
    assert application.name == "team-search"


def test_lists_that_are_switched_off_are_not_fetched() -> None:
    client = Client(answers())
    entries = listed(client, profiles=False, application_profiles=False)
    assert {entry.kind for entry in entries.values()}.isdisjoint({"profile", "application-profile"})
    assert "list_inference_profiles" not in {method for method, _ in client.calls}


@pytest.mark.parametrize("problem", [denied(), denied("ThrottlingException"), NoCredentialsError()])
@pytest.mark.parametrize(
    ("failing", "kind"),
    [
        ("list_foundation_models", "foundation"),
        ("SYSTEM_DEFINED", "profile"),
        ("APPLICATION", "application-profile"),
        ("list_provisioned_model_throughputs", "provisioned"),
        ("list_imported_models", "imported"),
        ("list_custom_model_deployments", "custom"),
        ("list_prompt_routers", "router"),
        ("list_marketplace_model_endpoints", "marketplace"),
    ],
)
def test_one_list_that_fails_does_not_spoil_the_others(failing: str, kind: str, problem: Exception) -> None:
    entries = listed(Client(answers() | {failing: problem}))
    every = {entry.kind for entry in listed(Client(answers())).values()}
    assert {entry.kind for entry in entries.values()} == every - {kind}
    assert entries.get(f"us.{SONNET}", entries.get(HAIKU)) is not None


def test_without_the_foundation_list_the_provider_is_read_from_the_id() -> None:
    entries = listed(Client(answers() | {"list_foundation_models": denied()}))
    assert entries[f"us.{SONNET}"].owner == "anthropic"


def test_a_failure_is_told_once_without_account_or_arn(caplog: pytest.LogCaptureFixture) -> None:
    source = BedrockControl(lambda: Client(answers() | {"list_imported_models": denied()}), now=lambda: NOW)
    with caplog.at_level(logging.WARNING):
        source.list()
        source.list()
    assert [record.getMessage() for record in caplog.records] == [
        "control plane: list_imported_models failed (AccessDeniedException)"
    ]


def test_a_list_that_fails_later_keeps_its_last_answer() -> None:
    client = Client(answers())
    source = BedrockControl(lambda: client, now=lambda: NOW)
    before = source.list()
    client.pages["SYSTEM_DEFINED"] = denied("ThrottlingException")
    assert source.list() == before


@pytest.mark.parametrize("switches", [{}, {"profiles": False}])
def test_nothing_at_all_is_a_503_that_says_which_permissions(switches: dict[str, bool]) -> None:
    client = Client(answers() | {"list_foundation_models": denied(), "SYSTEM_DEFINED": denied()})
    with pytest.raises(UpstreamFailure, match="bedrock:ListFoundationModels") as caught:
        listed(client, **switches)
    assert (caught.value.status, caught.value.code) == (503, "models_unavailable")
    assert "123456789012" not in caught.value.message


def test_a_client_that_can_not_be_made_is_a_503() -> None:
    def broken() -> Any:
        raise NoCredentialsError

    with pytest.raises(UpstreamFailure, match="NoCredentialsError"):
        BedrockControl(broken).list()


def test_a_paginator_without_an_end_is_left() -> None:
    endless = {"modelSummaries": [], "nextToken": "again"}
    client = Client(answers() | {"list_imported_models": [endless, endless]})
    listed(client)
    assert sum(method == "list_imported_models" for method, _ in client.calls) == control.MAX_PAGES


@pytest.mark.parametrize(
    ("resource", "answer", "base"),
    [
        (
            "application-inference-profile/a1",
            {"get_inference_profile": {"models": [{"modelArn": FOUNDATION + SONNET}]}},
            SONNET,
        ),
        ("application-inference-profile/a1", {"get_inference_profile": {}}, None),
        (
            "provisioned-model/p1",
            {"get_provisioned_model_throughput": {"foundationModelArn": f"{FOUNDATION}{HAIKU}"}},
            HAIKU,
        ),
        (
            "custom-model-deployment/d1",
            {"get_custom_model_deployment": {"modelArn": f"{ACCOUNT}custom-model/{NOVA}/c1"}},
            NOVA,
        ),
        (
            "custom-model-deployment/d1",
            {
                "get_custom_model_deployment": {"modelArn": f"{ACCOUNT}custom-model/imported/c1"},
                "get_custom_model": {"baseModelArn": FOUNDATION + NOVA},
            },
            NOVA,
        ),
        ("custom-model-deployment/d1", {"get_custom_model_deployment": {}}, None),
        (f"custom-model/{NOVA}/c1", {}, NOVA),
        (
            "default-prompt-router/anthropic.claude:1",
            {"get_prompt_router": {"fallbackModel": {"modelArn": f"{ACCOUNT}inference-profile/us.{SONNET}"}}},
            f"us.{SONNET}",
        ),
        ("prompt-router/r1", {"get_prompt_router": {"models": [{"modelArn": FOUNDATION + NOVA}]}}, NOVA),
        ("imported-model/i1", {}, None),
        ("prompt-router/r1", {"get_prompt_router": denied()}, None),
        ("prompt-router/r1", {"get_prompt_router": BotoCoreError()}, None),
    ],
)
def test_what_is_behind_an_arn(resource: str, answer: dict[str, Any], base: str | None) -> None:
    pages = {method: value if isinstance(value, Exception) else [value] for method, value in answer.items()}
    assert BedrockControl(lambda: Client(pages)).base_of(ACCOUNT + resource) == base


def test_a_marketplace_endpoint_has_nothing_behind_it() -> None:
    client = Client({})
    assert BedrockControl(lambda: client).base_of("arn:aws:sagemaker:us-east-1:123456789012:endpoint/shop") is None
    assert client.calls == []


@pytest.fixture(scope="module")
def wire() -> Iterator[BedrockControl]:
    """The control plane over boto3, against the emulator."""
    with Emulator() as emulator:
        client = boto3.client("bedrock", endpoint_url=emulator.url, region_name="us-east-1")
        yield BedrockControl(lambda: client, now=lambda: NOW)
        client.close()


def test_boto3_gives_every_kind_of_entry(wire: BedrockControl) -> None:
    entries = {entry.id: entry for entry in wire.list()}
    assert {entry.kind for entry in entries.values()} == {
        "foundation",
        "profile",
        "application-profile",
        "provisioned",
        "imported",
        "custom",
        "router",
        "marketplace",
    }
    assert entries[f"us.{SONNET}"].base_id == SONNET
    assert entries[f"us.{SONNET}"].created == entries[SONNET].created > 0
    assert {entry.owner for entry in entries.values() if entry.base_id == SONNET} == {"Anthropic"}


@pytest.mark.parametrize(
    ("regions", "profile"),
    [
        (["us-east-1", "us-east-2", "us-west-2"], "us.a.b"),
        (["eu-west-1", "eu-central-1"], "eu.a.b"),
        (["", "us-east-1"], "global.a.b"),
        (["ap-northeast-1", "ap-northeast-3"], "jp.a.b"),
        (["ap-southeast-2", "ap-southeast-4"], "au.a.b"),
        (["ap-northeast-1", "ap-southeast-2"], "apac.a.b"),
        (["us-gov-east-1", "us-gov-west-1"], "us-gov.a.b"),
        (["ca-central-1", "us-east-1"], "us.a.b"),
        (["ca-central-1", "ca-west-1"], "ca.a.b"),
        (["us-east-1"], ""),
        (["us-east-1", "eu-west-1"], ""),
        ([], ""),
    ],
)
def test_where_a_profile_leads_says_what_it_was_made_from(regions: list[str], profile: str) -> None:
    models = [{"modelArn": f"arn:aws:bedrock:{region}::foundation-model/a.b"} for region in regions]
    assert behind_profile({"models": models}) == profile


def test_boto3_tells_what_is_behind_an_application_profile(wire: BedrockControl) -> None:
    assert wire.base_of(f"{ACCOUNT}application-inference-profile/a1b2c3d4e5f6") == f"us.{SONNET}"
    assert wire.base_of(f"{ACCOUNT}application-inference-profile/000000000000") is None
