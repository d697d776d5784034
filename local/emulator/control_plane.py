"""The catalogue operations of the `bedrock` service."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from local.emulator import listings
from local.emulator.call import UNKNOWN_MODEL, Call, State
from local.emulator.errors import AwsError, Invalid, json_reply
from local.emulator.messages import Reply
from local.models import MODELS, geography
from local.models.account import APPLICATION_PROFILES

_PAGE = 100
_LARGEST_PAGE = 1000
_MAX_RESULTS = (
    f"1 validation error detected: Value '{{}}' at 'maxResults' failed to satisfy constraint: "
    f"Member must be between 1 and {_LARGEST_PAGE}"
)


def list_foundation_models(call: Call, state: State) -> Reply:
    """All at once: this listing has no pages. The four filters of the query are honoured."""
    provider = call.query.get("byProvider", "").lower()
    modality = call.query.get("byOutputModality")
    inference = call.query.get("byInferenceType")
    summaries = [
        each
        for each in listings.foundation_models(call.region)
        if provider in ("", each["providerName"].lower())
        and modality in (None, *each["outputModalities"])
        and inference in (None, *each["inferenceTypesSupported"])
        and "byCustomizationType" not in call.query
    ]
    return json_reply({"modelSummaries": summaries})


def get_foundation_model(call: Call, state: State) -> Reply:
    """One model by id or ARN."""
    model_id = call.labels["modelIdentifier"].rpartition("foundation-model/")[2]
    facts = MODELS.get(model_id)
    if facts is None:
        raise Invalid(UNKNOWN_MODEL)
    return json_reply({"modelDetails": listings.foundation_model(facts, call.region)})


def get_availability(call: Call, state: State) -> Reply:
    """Whether the account may call a model: it may call all of them but the throughput variants."""
    facts = MODELS.get(call.model_id)
    if facts is None:
        raise Invalid(UNKNOWN_MODEL)
    available = "NOT_AVAILABLE" if facts.provisioned_only else "AVAILABLE"
    return json_reply(
        {
            "modelId": call.model_id,
            "agreementAvailability": {"status": available},
            "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": available,
            "regionAvailability": "AVAILABLE",
        }
    )


def list_inference_profiles(call: Call, state: State) -> Reply:
    """System-defined profiles, or those of the type that is asked for."""
    if call.query.get("type", "SYSTEM_DEFINED") == "APPLICATION":
        return _page(call, "inferenceProfileSummaries", listings.application_profiles(call.region))
    return _page(call, "inferenceProfileSummaries", listings.system_profiles(call.region))


def get_inference_profile(call: Call, state: State) -> Reply:
    """One profile by id or ARN; 404 for one that this region does not have."""
    name = call.labels["inferenceProfileIdentifier"].rpartition("/")[2]
    if name in APPLICATION_PROFILES:
        return json_reply(listings.application_profile(APPLICATION_PROFILES[name], call.region))
    prefix, _, model_id = name.partition(".")
    facts = MODELS.get(model_id)
    if facts is None or prefix not in facts.profiles or prefix not in geography(call.region):
        raise AwsError("ResourceNotFoundException", f"Inference Profile {name} not found")
    return json_reply(listings.system_profile(prefix, facts, call.region))


def _listing(member: str, source: Callable[[str], list[dict[str, Any]]]) -> Callable[[Call, State], Reply]:
    def operation(call: Call, state: State) -> Reply:
        return _page(call, member, source(call.region))

    return operation


def _page(call: Call, member: str, entries: list[dict[str, Any]]) -> Reply:
    """One page; the token is the position of the next one, made opaque."""
    start = _position(call.query.get("nextToken"))
    asked = call.query.get("maxResults", str(_PAGE))
    if not asked.isdigit() or not 1 <= int(asked) <= _LARGEST_PAGE:
        raise Invalid(_MAX_RESULTS.format(asked))
    end = start + int(asked)
    document: dict[str, Any] = {member: entries[start:end]}
    if end < len(entries):
        document["nextToken"] = urlsafe_b64encode(str(end).encode()).decode()
    return json_reply(document)


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(urlsafe_b64decode(token))
    except ValueError as error:
        raise Invalid("The provided nextToken is invalid.") from error


CONTROL_OPERATIONS: dict[str, Callable[[Call, State], Reply]] = {
    "GetFoundationModel": get_foundation_model,
    "GetFoundationModelAvailability": get_availability,
    "GetInferenceProfile": get_inference_profile,
    "ListCustomModelDeployments": _listing("modelDeploymentSummaries", listings.custom_deployments),
    "ListFoundationModels": list_foundation_models,
    "ListImportedModels": _listing("modelSummaries", listings.imported_models),
    "ListInferenceProfiles": list_inference_profiles,
    "ListMarketplaceModelEndpoints": _listing("marketplaceModelEndpoints", listings.marketplace_endpoints),
    "ListPromptRouters": _listing("promptRouterSummaries", listings.prompt_routers),
    "ListProvisionedModelThroughputs": _listing("provisionedModelSummaries", listings.provisioned_throughputs),
}
