"""The control plane as the model list sees it: what can be called in this region, and what is behind an ARN.

Blocking; runs in a worker thread. Whatever the account may not list is left out and told once in the log, without ARNs:
the SDK's texts carry account ids, so only the operation and the error code are named.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from app.core.ports import ModelEntry
from app.errors import UpstreamFailure
from app.upstreams.control_entries import behind_profile, behind_router, entries_of, first_in, kind_in, model_in

_log = logging.getLogger(__name__)

PAGE = 1000
"""`maxResults`, the most that the paginated operations take (botocore 1.44.5)."""
MAX_PAGES = 50
"""A paginator that never ends must not hold a thread for ever."""
THREADS = 8

Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _List:
    """A list operation: boto3 method, the member with the summaries, and its arguments."""

    method: str
    member: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


_LISTS = {
    "foundation": _List("list_foundation_models", "modelSummaries"),
    "profile": _List(
        "list_inference_profiles", "inferenceProfileSummaries", {"typeEquals": "SYSTEM_DEFINED", "maxResults": PAGE}
    ),
    "application-profile": _List(
        "list_inference_profiles", "inferenceProfileSummaries", {"typeEquals": "APPLICATION", "maxResults": PAGE}
    ),
    "provisioned": _List(
        "list_provisioned_model_throughputs",
        "provisionedModelSummaries",
        {"statusEquals": "InService", "maxResults": PAGE},
    ),
    "imported": _List("list_imported_models", "modelSummaries", {"maxResults": PAGE}),
    "custom": _List(
        "list_custom_model_deployments", "modelDeploymentSummaries", {"statusEquals": "Active", "maxResults": PAGE}
    ),
    "router": _List("list_prompt_routers", "promptRouterSummaries", {"maxResults": PAGE}),
    "marketplace": _List("list_marketplace_model_endpoints", "marketplaceModelEndpoints", {"maxResults": PAGE}),
}


class BedrockControl:
    """`core.ports.ModelSource` over a boto3 `bedrock` client, which `client` makes (or returns) when first needed.

    `profiles`, `application_profiles`: whether these lists are fetched. `now`: epoch seconds, to leave out models past
    their end of life. A list that fails later on keeps its last good answer.
    """

    def __init__(
        self,
        client: Callable[[], Any],
        *,
        profiles: bool = True,
        application_profiles: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._now = now
        left_out = {"profile": not profiles, "application-profile": not application_profiles}
        self._lists = {kind: each for kind, each in _LISTS.items() if not left_out.get(kind, False)}
        self._last: dict[str, Sequence[Summary]] = {}
        self._told: set[tuple[str, str]] = set()

    def list(self) -> Sequence[ModelEntry]:
        """Everything that can be called in this region, unsorted.

        Raises UpstreamFailure 503 `models_unavailable` where neither foundation models nor profiles can be listed.
        """
        try:
            client = self._client()
        except _sdk_errors() as problem:
            raise _unavailable(_code(problem)) from problem
        with ThreadPoolExecutor(THREADS, "models") as pool:
            running = {kind: pool.submit(self._fetch, client, kind, each) for kind, each in self._lists.items()}
            failures = {kind: future.result() for kind, future in running.items()}
        vital = [failures[kind] for kind in ("foundation", "profile") if kind in failures]
        if all(vital):
            raise _unavailable(vital[0])
        return entries_of(self._last, self._now())

    def base_of(self, arn: str) -> str | None:
        """The foundation model's id behind an ARN (a router's may have a geography prefix); None where unknown.

        Imported models and marketplace endpoints have none on Bedrock, so nobody is asked about them.
        """
        kind = kind_in(arn)
        ask = _BASES.get(kind)
        if ask is None:
            return None
        try:
            return ask(self._client(), arn)
        except _sdk_errors() as problem:
            self._tell(f"asking for the model behind a {kind}", _code(problem))
            return None

    def _fetch(self, client: Any, kind: str, operation: _List) -> str:
        """Fetch one list into `_last`. The error code where that failed, empty where it did not."""
        try:
            self._last[kind] = tuple(_pages(client, operation))
        except _sdk_errors() as problem:
            self._tell(operation.method, _code(problem))
            return _code(problem)
        return ""

    def _tell(self, what: str, code: str) -> None:
        if (what, code) not in self._told:
            self._told.add((what, code))
            _log.warning("control plane: %s failed (%s)", what, code)


def _pages(client: Any, operation: _List) -> Iterator[Summary]:
    """The summaries of all pages."""
    arguments = dict(operation.arguments)
    for _ in range(MAX_PAGES):
        page = getattr(client, operation.method)(**arguments)
        yield from page.get(operation.member, ())
        token = page.get("nextToken")
        if not token:
            return
        arguments["nextToken"] = token


def _sdk_errors() -> tuple[type[Exception], ...]:
    """The SDK's exceptions. An `except` clause asks only once something was raised, so that the SDK loads no sooner."""
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def _code(problem: Exception) -> str:
    """What may be told of an SDK error: `AccessDeniedException`, `NoCredentialsError`; never its text."""
    answer = getattr(problem, "response", None)
    if isinstance(answer, Mapping):
        return str(answer.get("Error", {}).get("Code") or "ClientError")
    return type(problem).__name__


def _unavailable(code: str) -> UpstreamFailure:
    return UpstreamFailure(
        f"Bedrock's model list can't be had ({code}). The gateway's role needs bedrock:ListFoundationModels and "
        "bedrock:ListInferenceProfiles.",
        status=503,
        code="models_unavailable",
    )


def _behind_profile(client: Any, arn: str) -> str | None:
    profile = client.get_inference_profile(inferenceProfileIdentifier=arn)
    return behind_profile(profile) or first_in(profile)


def _behind_provisioned(client: Any, arn: str) -> str | None:
    return model_in(client.get_provisioned_model_throughput(provisionedModelId=arn).get("foundationModelArn"))


def _behind_deployment(client: Any, arn: str) -> str | None:
    model = client.get_custom_model_deployment(customModelDeploymentIdentifier=arn).get("modelArn", "")
    return model_in(model) or (_behind_custom(client, model) if kind_in(model) == "custom-model" else None)


def _behind_custom(client: Any, arn: str) -> str | None:
    return model_in(arn) or model_in(client.get_custom_model(modelIdentifier=arn).get("baseModelArn"))


def _behind_router(client: Any, arn: str) -> str | None:
    return behind_router(client.get_prompt_router(promptRouterArn=arn))


_BASES: dict[str, Callable[[Any, str], str | None]] = {
    "inference-profile": _behind_profile,
    "application-inference-profile": _behind_profile,
    "provisioned-model": _behind_provisioned,
    "custom-model-deployment": _behind_deployment,
    "custom-model": _behind_custom,
    "prompt-router": _behind_router,
    "default-prompt-router": _behind_router,
}
"""ARN resource type -> how to ask what is behind it."""
