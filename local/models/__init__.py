"""The emulator's own table of models, and what a `modelId` of any form stands for."""

import re
from dataclasses import dataclass

from local.models.account import ACCOUNT, APPLICATION_PROFILES, DEPLOYMENTS, ROUTERS
from local.models.claude import CLAUDE
from local.models.facts import ModelFacts, Replay, Sampling, Thinking
from local.models.others import EMBEDDINGS, OTHERS

__all__ = ["ACCOUNT", "MODELS", "ModelFacts", "Replay", "Sampling", "Target", "Thinking", "geography", "resolve"]

MODELS: dict[str, ModelFacts] = {facts.id: facts for facts in (*CLAUDE, *OTHERS, *EMBEDDINGS)}

_ARN = re.compile(r"arn:aws[^:]*:(bedrock|sagemaker):([a-z0-9-]*):([0-9]*):([a-z-]+)/(.+)")
_PROFILE = re.compile(r"([a-z]{2,6}(?:-gov)?)\.(.+)")


@dataclass(frozen=True, slots=True)
class Target:
    """What a `modelId` names: the model behind it, and whether the way of naming it may be invoked.

    `geography` is the prefix of a system-defined profile (`us`, `global`), `router` is set behind a prompt router.
    """

    facts: ModelFacts
    callable: bool
    geography: str | None = None
    router: bool = False


def resolve(model_id: str) -> Target | None:
    """The target of a model id, profile id or ARN of any kind; None for an id that no model has."""
    arn = _ARN.fullmatch(model_id)
    if arn:
        return _resolve_resource(arn[4], arn[5])
    if model_id in MODELS:
        facts = MODELS[model_id]
        return Target(facts, callable=facts.on_demand and not facts.provisioned_only)
    if model_id in APPLICATION_PROFILES:
        return Target(MODELS[APPLICATION_PROFILES[model_id].model_id], callable=True)
    return _resolve_profile(model_id)


def geography(region: str) -> tuple[str, ...]:
    """The profile prefixes that can be called from a region."""
    exact = {"ap-northeast-1": ("jp", "apac"), "ap-northeast-3": ("jp", "apac"), "ap-southeast-2": ("au", "apac")}
    if region in exact:
        return (*exact[region], "global")
    if region.startswith("us-gov-"):
        return ("us-gov",)
    by_continent = {"us": ("us", "global"), "ca": ("us", "global"), "eu": ("eu", "global"), "ap": ("apac", "global")}
    return by_continent.get(region.split("-")[0], ("global",))


def _resolve_profile(model_id: str) -> Target | None:
    profile = _PROFILE.fullmatch(model_id)
    facts = MODELS.get(profile[2]) if profile else None
    if profile is None or facts is None or profile[1] not in facts.profiles:
        return None
    return Target(facts, callable=True, geography=profile[1])


def _resolve_resource(kind: str, name: str) -> Target | None:
    if kind in ("foundation-model", "inference-profile"):
        return resolve(name)
    if kind == "application-inference-profile":
        return resolve(name) if name in APPLICATION_PROFILES else None
    if kind in ("prompt-router", "default-prompt-router"):
        return Target(MODELS[ROUTERS[name]], callable=True, router=True) if name in ROUTERS else None
    base = DEPLOYMENTS.get((kind, name))
    return Target(MODELS[base], callable=True) if base else None
