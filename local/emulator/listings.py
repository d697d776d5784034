"""The catalogue as the control plane lists it: foundation models, inference profiles, and the account's resources.

Member names and quirks as of 2026-11-20: most newer models have `inferenceTypesSupported: ["INFERENCE_PROFILE"]`, a
value that botocore's enum does not know, and throughput variants stand among the models with `PROVISIONED` only.
"""

from typing import Any

from local.models import ACCOUNT, MODELS, ModelFacts, geography
from local.models.account import (
    APPLICATION_PROFILES,
    DEPLOYED,
    DEPLOYMENTS,
    ENDPOINT,
    IMPORTED,
    PROVISIONED,
    ROUTERS,
    ApplicationProfile,
)

_CREATED = "2026-01-15T09:00:00Z"
_DESTINATIONS = {
    "us": ("us-east-1", "us-east-2", "us-west-2"),
    "us-gov": ("us-gov-west-1", "us-gov-east-1"),
    "eu": ("eu-central-1", "eu-west-1", "eu-west-3", "eu-north-1"),
    "apac": ("ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "au": ("ap-southeast-2", "ap-southeast-4"),
}
_GEOGRAPHY_NAMES = {
    "us": "US",
    "us-gov": "US-GOV",
    "eu": "EU",
    "apac": "APAC",
    "jp": "JP",
    "au": "AU",
    "global": "Global",
}


def foundation_models(region: str) -> list[dict[str, Any]]:
    """Every model as a summary."""
    return [foundation_model(facts, region) for facts in MODELS.values()]


def foundation_model(facts: ModelFacts, region: str) -> dict[str, Any]:
    """One model; summary and details have the same members."""
    lifecycle = {"status": "LEGACY" if facts.legacy else "ACTIVE", "startOfLifeTime": f"{facts.started}T00:00:00Z"}
    if facts.legacy:
        lifecycle["legacyTime"] = "2026-05-01T00:00:00Z"
    return {
        "modelArn": model_arn(facts.id, region),
        "modelId": facts.id,
        "modelName": facts.name,
        "providerName": facts.provider,
        "inputModalities": list(facts.inputs),
        "outputModalities": list(facts.outputs),
        "responseStreamingSupported": facts.streaming,
        "customizationsSupported": [],
        "inferenceTypesSupported": _inference_types(facts),
        "modelLifecycle": lifecycle,
    }


def model_arn(model_id: str, region: str) -> str:
    """ARN of a foundation model, which has no account."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def account_arn(kind: str, name: str, region: str) -> str:
    """ARN of a resource of the account."""
    return f"arn:aws:bedrock:{region}:{ACCOUNT}:{kind}/{name}"


def system_profiles(region: str) -> list[dict[str, Any]]:
    """The cross-region profiles that exist in a region."""
    return [
        system_profile(prefix, facts, region)
        for prefix in geography(region)
        for facts in MODELS.values()
        if prefix in facts.profiles
    ]


def system_profile(prefix: str, facts: ModelFacts, region: str) -> dict[str, Any]:
    """One cross-region profile; a global one lists the model without a region as well."""
    name = f"{_GEOGRAPHY_NAMES[prefix]} {facts.provider} {facts.name}"
    regions = _DESTINATIONS.get(prefix, ("", region))
    return {
        "inferenceProfileName": name,
        "description": f"Routes requests to {name} in {_GEOGRAPHY_NAMES[prefix]}.",
        "createdAt": f"{facts.started}T00:00:00Z",
        "updatedAt": f"{facts.started}T00:00:00Z",
        "inferenceProfileArn": account_arn("inference-profile", f"{prefix}.{facts.id}", region),
        "models": [{"modelArn": model_arn(facts.id, destination)} for destination in regions],
        "inferenceProfileId": f"{prefix}.{facts.id}",
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def application_profiles(region: str) -> list[dict[str, Any]]:
    """The account's own profiles."""
    return [application_profile(profile, region) for profile in APPLICATION_PROFILES.values()]


def application_profile(profile: ApplicationProfile, region: str) -> dict[str, Any]:
    """One of them; only `models` tells what is behind its id."""
    regions = _DESTINATIONS[profile.geography] if profile.geography else (region,)
    return {
        "inferenceProfileName": profile.name,
        "createdAt": _CREATED,
        "updatedAt": _CREATED,
        "inferenceProfileArn": account_arn("application-inference-profile", profile.id, region),
        "models": [{"modelArn": model_arn(profile.model_id, destination)} for destination in regions],
        "inferenceProfileId": profile.id,
        "status": "ACTIVE",
        "type": "APPLICATION",
    }


def provisioned_throughputs(region: str) -> list[dict[str, Any]]:
    """One provisioned throughput in service, one still being created."""
    arn = model_arn(DEPLOYMENTS[PROVISIONED], region)
    common = {
        "modelArn": arn,
        "desiredModelArn": arn,
        "foundationModelArn": arn,
        "modelUnits": 1,
        "desiredModelUnits": 1,
        "creationTime": _CREATED,
        "lastModifiedTime": _CREATED,
    }
    ready = {"provisionedModelName": "reserved-haiku", "provisionedModelArn": account_arn(*PROVISIONED, region)}
    creating = {
        "provisionedModelName": "reserved-haiku-next",
        "provisionedModelArn": account_arn("provisioned-model", "n1e2x3t4p5t6", region),
    }
    return [{**ready, **common, "status": "InService"}, {**creating, **common, "status": "Creating"}]


def custom_deployments(region: str) -> list[dict[str, Any]]:
    """One deployed custom model."""
    return [
        {
            "customModelDeploymentArn": account_arn(*DEPLOYED, region),
            "customModelDeploymentName": "nova-lite-tuned",
            "modelArn": account_arn("custom-model", f"{DEPLOYMENTS[DEPLOYED]}/c1u2s3t4o5m6", region),
            "createdAt": _CREATED,
            "status": "Active",
        }
    ]


def imported_models(region: str) -> list[dict[str, Any]]:
    """One imported model."""
    return [
        {
            "modelArn": account_arn(*IMPORTED, region),
            "modelName": "llama-imported",
            "creationTime": _CREATED,
            "instructSupported": True,
            "modelArchitecture": "llama3",
        }
    ]


def prompt_routers(region: str) -> list[dict[str, Any]]:
    """AWS's own routers for two families."""
    return [
        {
            "promptRouterName": f"{name.split('.')[0].capitalize()} Prompt Router",
            "routingCriteria": {"responseQualityDifference": 25.0},
            "createdAt": _CREATED,
            "updatedAt": _CREATED,
            "promptRouterArn": account_arn("default-prompt-router", name, region),
            "models": [{"modelArn": model_arn(model_id, region)}],
            "fallbackModel": {"modelArn": model_arn(model_id, region)},
            "status": "AVAILABLE",
            "type": "default",
        }
        for name, model_id in ROUTERS.items()
    ]


def marketplace_endpoints(region: str) -> list[dict[str, Any]]:
    """One registered SageMaker endpoint."""
    kind, name = ENDPOINT
    hub = f"arn:aws:sagemaker:{region}:aws:hub-content/SageMakerPublicHub/Model/{name}/1.0.0"
    return [
        {
            "endpointArn": f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name}",
            "modelSourceIdentifier": hub,
            "status": "REGISTERED",
            "statusMessage": "",
            "createdAt": _CREATED,
            "updatedAt": _CREATED,
        }
    ]


def _inference_types(facts: ModelFacts) -> list[str]:
    if facts.provisioned_only:
        return ["PROVISIONED"]
    types = ["ON_DEMAND"] if facts.on_demand else []
    return [*types, "INFERENCE_PROFILE"] if facts.profiles else types
