"""What a key's own rules do to a request: which models it may call, by which profile, with how much of an answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from app.core.access import Access
from app.core.plan import Target
from app.core.ports import Caller
from app.errors import InvalidRequest, PermissionDenied
from app.plan import model_id
from app.plan.draft import Draft

OPEN = Caller("").access
"""The access of callers without rules, the same object for all of them: most requests need no more than an `is`."""

_WILD = re.compile(r"[*?]")


def matches(pattern: str, name: str) -> bool:
    """Whether a glob (`*` and `?` only, case-sensitive) fits the whole name."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def allows(models: Sequence[str], *names: str) -> bool:
    """Whether any of the globs fits any of the names; no globs allow everything."""
    return not models or any(matches(pattern, name) for pattern in models for name in names)


def allows_name(models: Sequence[str], name: str) -> bool:
    """Whether any of the globs fits the client's own word for a model.

    OpenAI's names all stand for one model, and half of an ARN is free to be made up. So a glob has to begin like such
    a name to fit it: `*haiku*` must not be had by asking for `gpt-haiku`.
    """
    kind = _free(name)
    fitting = [pattern for pattern in models if not kind or _free(_WILD.split(pattern, maxsplit=1)[0]) == kind]
    return not models or (bool(fitting) and allows(fitting, name))


def permitted(models: Sequence[str], target: Target, *names: str) -> bool:
    """Whether the globs allow the target that `names` led to: the client's word, its alias, the hop's own."""
    if not models or any(allows_name(models, name) for name in (*names, target.model_id)):
        return True
    arn = model_id.parse_arn(target.model_id)
    if arn is not None and allows(models, arn.resource, arn.short, f"{arn.kind}/{arn.resource}"):
        return True
    return allows(models, target.base_id)


def _free(name: str) -> str:
    """What kind of name this is, where the client is free to choose among many for the same model."""
    if model_id.is_arn(name):
        return "arn"
    return "openai" if model_id.is_openai_name(name) or model_id.is_openai_embedding_name(name) else ""


def denied(name: str, *, to_all: bool = False) -> PermissionDenied:
    """OpenAI's clients know the code; `name` is the client's word, shortened, never an ARN.

    `to_all`: the deployment does not allow it, whatever the key.
    """
    shown = "the requested ARN" if name.startswith("arn:") else repr(name[:128])
    return PermissionDenied(
        f"This gateway does not allow model {shown}." if to_all else f"The key does not have access to model {shown}.",
        type="invalid_request_error",
        code="model_not_found",
        param="model",
    )


def by_profile(target: Target, access: Access) -> Target:
    """The target by the application inference profile that the key has for it; a profile serves its own region only."""
    for pattern, arn in access.profiles.items():
        if not (matches(pattern, target.base_id) or matches(pattern, target.model_id)):
            continue
        if target.region and arn.split(":")[3:4] != [target.region]:
            continue
        return replace(target, model_id=arn, priced_id=target.priced_id or _priced(target))
    return target


def _priced(target: Target) -> str:
    return "" if target.model_id.startswith("arn:") else target.model_id


def hold_limit(draft: Draft, cap: int) -> None:
    """The cap on an answer, over whatever was decided before it. Raises InvalidRequest where the model can't obey.

    After `decide_limits`; the deciders that follow see the limit as if the client had set it.
    """
    least = draft.traits.min_max_tokens
    if cap < least:
        raise InvalidRequest(
            f"This key allows {cap} tokens per answer; the model takes no limit below {least}.", param="max_tokens"
        )
    asked = draft.prompt.sampling.max_tokens
    if asked is not None and asked > cap:
        draft.receipt.ignore("max_tokens")
    if draft.max_tokens is None:
        # More than the model can say is refused, so that a wide cap asks for no more than that.
        known = (draft.traits.max_tokens_limit, draft.traits.max_output)
        draft.max_tokens = min([cap, *(limit for limit in known if limit)])
    draft.max_tokens = min(cap, draft.max_tokens)
    draft.receipt.ignore(*draft.own.above(cap))
