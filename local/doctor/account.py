"""Which models the caller's AWS account may call in a region, and what to do about those it may not.

Asks `ListFoundationModels`, `ListInferenceProfiles` and, for each model, `GetFoundationModelAvailability` (shapes: botocore
1.44, `bedrock` 2023-04-20). It is the account that is asked, with the caller's own credentials; what the gateway's role may
do is in the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

MOST_PAGES = 20
MOST_MODELS = 500
AT_ONCE = 4

SUBSCRIBE = (
    "Subscribe once: call it from the Bedrock playground, or with `aws bedrock-runtime converse`, as somebody who may "
    "aws-marketplace:Subscribe and ViewSubscriptions. The gateway's role should not have these rights."
)
USE_CASE = (
    "Anthropic wants its use-case form filled in once per account: open any Claude model in the Bedrock console's model "
    "catalog, or `aws bedrock put-use-case-for-model-access`. Then subscribe by a first call, as above."
)
NOT_AUTHORIZED = "An IAM policy or a policy of your organisation (SCP) denies bedrock:InvokeModel on it."
PENDING = "The subscription is under way: try again in a quarter of an hour."
ELSEWHERE = "The region does not have it, nor a profile for it: deploy in another region."
PROVISIONED = "Only with Provisioned Throughput, or with a profile that this region does not have."
UNKNOWN = "Your identity needs bedrock:GetFoundationModelAvailability to tell."


class NoAnswer(Exception):
    """The account can't be asked. `advice` says what to do."""

    def __init__(self, text: str, advice: str = "") -> None:
        super().__init__(text)
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Model:
    """One foundation model. `call_as`: what to put into `model`, None where nothing works."""

    id: str
    provider: str
    call_as: str | None
    state: str
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def client_for(region: str | None) -> Any:
    """A Bedrock client with the caller's configuration. Raises NoAnswer without region or credentials."""
    return client_of(region, "bedrock")


def client_of(region: str | None, service: str, elsewhere: str | None = None) -> Any:
    """The same for any service; `elsewhere`: a region that goes before."""
    import botocore.session
    from botocore.config import Config

    try:
        session = botocore.session.get_session()
        region = elsewhere or region or session.get_config_variable("region")
        if not region:
            raise NoAnswer("no region is set", "Give --region, or set AWS_REGION.")
        if session.get_credentials() is None:
            raise NoAnswer("no AWS credentials were found", "Set AWS_PROFILE, or log in (`aws sso login`).")
        config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
        return session.create_client(service, region_name=region, config=config)
    except BotoCoreError as problem:
        raise NoAnswer(f"the AWS configuration can't be used ({type(problem).__name__})") from None


def models_of(client: Any) -> list[Model]:
    """Every model for text and embeddings, those that can't be called first. Raises NoAnswer."""
    try:
        summaries = client.list_foundation_models().get("modelSummaries", [])
    except (BotoCoreError, ClientError) as problem:
        raise NoAnswer(f"ListFoundationModels: {code_of(problem)}", _about(problem)) from None
    wanted = [each for each in summaries if _of_use(each)][:MOST_MODELS]
    profiles = _profiles(client)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda each: _availability(client, each["modelId"]), wanted))
    form = _use_case_missing(client) if any(map(_lacks_agreement, answers)) else False
    found = [
        _judge(each, profiles.get(each["modelId"], []), answer, form)
        for each, answer in zip(wanted, answers, strict=True)
    ]
    return sorted(found, key=lambda model: (model.state == "callable", model.provider.lower(), model.id))


def _of_use(summary: dict[str, Any]) -> bool:
    """Not the variants that exist for Provisioned Throughput only, `...:0:200k`, nor what paints or speaks."""
    outputs = {str(word).upper() for word in summary.get("outputModalities", ())}
    return bool(outputs & {"TEXT", "EMBEDDING"}) and summary["modelId"].count(":") < 2


def _profiles(client: Any) -> dict[str, list[str]]:
    """Model id -> the system profiles that serve it; without the right to list them, none."""
    found: dict[str, list[str]] = {}
    token: dict[str, str] = {}
    try:
        for _ in range(MOST_PAGES):
            page = client.list_inference_profiles(typeEquals="SYSTEM_DEFINED", maxResults=100, **token)
            for profile in page.get("inferenceProfileSummaries", []):
                for model in profile.get("models", []):
                    base = str(model.get("modelArn", "")).rpartition("foundation-model/")[2]
                    names = found.setdefault(base, [])
                    if profile["inferenceProfileId"] not in names:
                        names.append(profile["inferenceProfileId"])
            if not page.get("nextToken"):
                break
            token = {"nextToken": page["nextToken"]}
    except (BotoCoreError, ClientError):
        return found
    return found


def _availability(client: Any, model: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = client.get_foundation_model_availability(modelId=model)
    except (BotoCoreError, ClientError):
        return None
    return answer


def _lacks_agreement(answer: dict[str, Any] | None) -> bool:
    return answer is not None and _agreement(answer) == "NOT_AVAILABLE"


def _agreement(answer: dict[str, Any]) -> str:
    return str((answer.get("agreementAvailability") or {}).get("status", ""))


def _use_case_missing(client: Any) -> bool:
    """Whether Anthropic's form was never filled in; False where that can't be told."""
    try:
        client.get_use_case_for_model_access()
    except ClientError as problem:
        return code_of(problem) == "ResourceNotFoundException"
    except BotoCoreError:
        return False
    return False


def _judge(summary: dict[str, Any], profiles: Sequence[str], answer: dict[str, Any] | None, form: bool) -> Model:
    name, provider = summary["modelId"], str(summary.get("providerName", ""))
    on_demand = "ON_DEMAND" in summary.get("inferenceTypesSupported", ["ON_DEMAND"])
    call_as = name if on_demand else _preferred(profiles)
    if answer is None:
        return Model(name, provider, call_as, "unknown", UNKNOWN)
    if answer.get("regionAvailability") == "NOT_AVAILABLE":
        call_as = _preferred(profiles)
        if call_as is None:
            return Model(name, provider, None, "not in this region", ELSEWHERE)
    if answer.get("authorizationStatus") == "NOT_AUTHORIZED":
        return Model(name, provider, None, "not authorised", NOT_AUTHORIZED)
    agreement = _agreement(answer)
    if agreement == "PENDING":
        return Model(name, provider, None, "subscription pending", PENDING)
    if call_as is None:
        return Model(name, provider, None, "needs a profile", PROVISIONED)
    if agreement != "AVAILABLE" or answer.get("entitlementAvailability") == "NOT_AVAILABLE":
        needs_form = form and provider.lower() == "anthropic"
        state = "use-case form missing" if needs_form else "not subscribed"
        return Model(name, provider, None, state, USE_CASE if needs_form else SUBSCRIBE)
    if (summary.get("modelLifecycle") or {}).get("status") == "LEGACY":
        advice = "AWS withdraws legacy models from accounts that have not used them lately: move to a newer one."
        return Model(name, provider, call_as, "callable", f"legacy. {advice}")
    return Model(name, provider, call_as, "callable")


def _preferred(profiles: Iterable[str]) -> str | None:
    """A profile of the region's own geography before a global one."""
    return next(iter(sorted(profiles, key=lambda name: (name.startswith("global."), name))), None)


def code_of(problem: Exception) -> str:
    """The name of an AWS error. Its text is left out: it names the account and who asked."""
    if isinstance(problem, ClientError):
        return str(problem.response.get("Error", {}).get("Code", "ClientError"))
    return type(problem).__name__


def _about(problem: Exception) -> str:
    code = code_of(problem)
    if code in ("ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"):
        return "Renew your AWS credentials (`aws sso login`)."
    if code in ("AccessDeniedException", "AccessDenied"):
        return "Your identity needs bedrock:ListFoundationModels."
    if code == "EndpointConnectionError":
        return "Bedrock is not in that region, or this machine has no way to it."
    return ""
