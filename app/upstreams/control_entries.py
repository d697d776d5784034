"""The control plane's summaries -> model entries. Pure; the wire shapes are botocore 1.44.5's `bedrock` model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from app.core.ports import ModelEntry

Summary = Mapping[str, Any]

_CALLABLE = {"ON_DEMAND", "INFERENCE_PROFILE"}
"""Inference types that can be had without buying throughput. `INFERENCE_PROFILE` is real, though not in the enum."""


@dataclass(frozen=True, slots=True)
class _Owned:
    """Where the summaries of one kind keep what an entry needs. `ready` is the status of what can be called.

    An endpoint has no name but the last part of its ARN.
    """

    arn: str
    name: str
    created: str
    ready: str
    behind: Callable[[Summary], str | None]


def entries_of(summaries: Mapping[str, Sequence[Summary]], now: float) -> list[ModelEntry]:
    """All entries, from the summaries of each kind (keys are the kinds of `ModelEntry`). `now`: epoch seconds.

    Left out: foundation models that can only be bought as throughput, those past their end of life together with
    whatever leads to them, and what is not ready. The others take modalities and owner from the model behind them.
    """
    foundation = summaries.get("foundation", ())
    known = {str(each["modelId"]): _foundation(each) for each in foundation}
    gone = {str(each["modelId"]) for each in foundation if _is_gone(each, now)}
    owners = {id.partition(".")[0]: entry.owner for id, entry in known.items()}
    profiles = [profile for each in summaries.get("profile", ()) if (profile := _profile(each))]
    bases = {profile.id: profile.base_id for profile in profiles}
    others = profiles + [
        entry
        for kind, owned in _OWNED.items()
        for each in summaries.get(kind, ())
        if (entry := _entry(kind, owned, each, bases))
    ]
    listed = [known[str(each["modelId"])] for each in foundation if _is_offered(each)]
    listed += (_inherit(entry, known, owners) for entry in others)
    return [entry for entry in listed if entry.base_id not in gone]


def model_in(arn: str | None) -> str | None:
    """The model id in an ARN: a foundation model's, a system profile's (with its prefix), or a custom model's base.

    `arn:aws:bedrock:us-east-1:<account>:custom-model/amazon.nova-lite-v1:0:300k/<id>` is after that base.
    """
    head, _, resource = (arn or "").partition("/")
    kind = kind_in(head)
    if kind in ("foundation-model", "inference-profile"):
        return resource or None
    base = resource.partition("/")[0]
    return base if kind == "custom-model" and "." in base else None


def kind_in(arn: str) -> str:
    """The resource type of an ARN, e.g. `provisioned-model`."""
    return arn.partition("/")[0].rpartition(":")[2]


def _foundation(summary: Summary) -> ModelEntry:
    id = str(summary["modelId"])
    life = summary.get("modelLifecycle", {})
    types = summary.get("inferenceTypesSupported", ())
    return ModelEntry(
        id=id,
        base_id=id,
        kind="foundation",
        owner=str(summary.get("providerName") or id.partition(".")[0]),
        name=str(summary.get("modelName", "")),
        created=_epoch(life.get("startOfLifeTime")),
        inputs=tuple(summary.get("inputModalities", ())),
        outputs=tuple(summary.get("outputModalities", ())),
        streams=summary.get("responseStreamingSupported"),
        on_demand=not types or "ON_DEMAND" in types,
        lifecycle=str(life.get("status", "ACTIVE")),
        end_of_life=f"{end:%Y-%m-%d}" if (end := life.get("endOfLifeTime")) else "",
    )


def _is_offered(summary: Summary) -> bool:
    types = summary.get("inferenceTypesSupported", ())
    return not types or not _CALLABLE.isdisjoint(types)


def _is_gone(summary: Summary, now: float) -> bool:
    life = summary.get("modelLifecycle", {})
    end = _epoch(life.get("endOfLifeTime"))
    return life.get("status") == "LEGACY" and 0 < end <= now


def _profile(summary: Summary) -> ModelEntry | None:
    """A system profile. It has no date of its own: `createdAt` differs by region, the model's date does not."""
    base = first_in(summary)
    if base is None or summary.get("status", "ACTIVE") != "ACTIVE":
        return None
    id, name = str(summary["inferenceProfileId"]), str(summary.get("inferenceProfileName", ""))
    return ModelEntry(id=id, base_id=base, kind="profile", owner="", name=name)


def _entry(kind: _OwnedKind, owned: _Owned, summary: Summary, bases: Mapping[str, str]) -> ModelEntry | None:
    """Something of the account's. Without a known base, its own short id stands in: no account in it."""
    if summary.get("status", owned.ready) != owned.ready:
        return None
    arn = str(summary[owned.arn])
    short = arn.rpartition("/")[2]
    behind = owned.behind(summary) or short
    return ModelEntry(
        id=arn,
        base_id=bases.get(behind, behind),
        via=behind_profile(summary) if kind == "application-profile" else "",
        kind=kind,
        owner="",
        name=str(summary.get(owned.name) or short),
        created=_epoch(summary.get(owned.created)),
    )


def first_in(summary: Summary) -> str | None:
    """The model id of the first of `models`: in a profile they are the same model in several regions."""
    return next((found for each in summary.get("models", ()) if (found := model_in(each.get("modelArn")))), None)


def behind_profile(summary: Summary) -> str:
    """The system profile that an application profile was made from, empty where it was made from one region's model.

    AWS does not say; the regions that it leads to do: a geography's own, or, in a global one, the model without a
    region as well (bedrock:GetInferenceProfile, 2026-11).
    """
    model = first_in(summary)
    regions = {str(each.get("modelArn") or "").split(":", 4)[3:4][0] for each in summary.get("models", ())
               if str(each.get("modelArn") or "").count(":") > 3}  # fmt: skip
    if model is None or len(regions) < 2:
        return ""
    if "" in regions:
        return f"global.{model}"
    for geography, inside in _GEOGRAPHIES:
        if all(region.startswith(inside) for region in regions):
            return f"{geography}.{model}"
    return ""


_GEOGRAPHIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("us-gov", ("us-gov-",)),
    ("us", ("us-",)),
    ("ca", ("ca-",)),
    ("us", ("us-", "ca-")),
    ("eu", ("eu-",)),
    ("jp", ("ap-northeast-1", "ap-northeast-3")),
    ("au", ("ap-southeast-2", "ap-southeast-4")),
    ("apac", ("ap-",)),
)
"""Profile prefix -> what its regions begin with. The first row that fits all of them counts."""


def behind_router(summary: Summary) -> str | None:
    """The model a prompt router falls back to: the one it is judged by, since the choice is made per request."""
    return model_in(summary.get("fallbackModel", {}).get("modelArn")) or first_in(summary)


_OwnedKind = Literal["application-profile", "provisioned", "imported", "custom", "router", "marketplace"]
_OWNED: Mapping[_OwnedKind, _Owned] = {
    "application-profile": _Owned("inferenceProfileArn", "inferenceProfileName", "createdAt", "ACTIVE", first_in),
    "provisioned": _Owned(
        "provisionedModelArn",
        "provisionedModelName",
        "creationTime",
        "InService",
        lambda summary: model_in(summary.get("foundationModelArn")),
    ),
    "imported": _Owned("modelArn", "modelName", "creationTime", "", lambda summary: None),
    "custom": _Owned(
        "customModelDeploymentArn",
        "customModelDeploymentName",
        "createdAt",
        "Active",
        lambda summary: model_in(summary.get("modelArn")),
    ),
    "router": _Owned("promptRouterArn", "promptRouterName", "createdAt", "AVAILABLE", behind_router),
    "marketplace": _Owned("endpointArn", "", "createdAt", "REGISTERED", lambda summary: None),
}


def _inherit(entry: ModelEntry, known: Mapping[str, ModelEntry], owners: Mapping[str, str]) -> ModelEntry:
    """Facts of the model behind it. One that this region does not list still has its provider's name."""
    base = known.get(entry.base_id)
    if base is None:
        provider, dot, _ = entry.base_id.partition(".")
        return replace(entry, owner=owners.get(provider, provider) if dot else "account")
    return replace(
        entry,
        owner=base.owner,
        created=entry.created or base.created,
        inputs=base.inputs,
        outputs=base.outputs,
        streams=base.streams,
        lifecycle=base.lifecycle,
        end_of_life=base.end_of_life,
    )


def _epoch(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment else 0
