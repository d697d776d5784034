"""Temperature, top_p, top_k, stop and max_tokens by the model's rules; what has no effect is told."""

from __future__ import annotations

from typing import Any

from app.plan.draft import Draft

LEAST_TOP_P_WHILE_THINKING = 0.95


def decide_limits(draft: Draft) -> None:
    """`max_tokens` and `stop`. No limit is invented, except under a hard budget: Bedrock reserves quota for it."""
    traits, sampling = draft.traits, draft.prompt.sampling
    limit = _named_limit(draft)
    if limit is not None and limit < traits.min_max_tokens:
        limit = traits.min_max_tokens
        draft.receipt.repairs["max-tokens-raised"] += 1
    if limit is not None and traits.max_tokens_limit is not None and limit > traits.max_tokens_limit:
        limit = traits.max_tokens_limit
        draft.receipt.repairs["max-tokens-lowered"] += 1
    draft.max_tokens = limit
    if draft.cap is not None:
        from app.plan.access import hold_limit  # for keys that have one

        hold_limit(draft, draft.cap)
    stop = tuple(dict.fromkeys(word for word in sampling.stop if word.strip()))
    if not all(word.strip() for word in sampling.stop):
        draft.receipt.repairs["blank-stop"] += 1
    if stop and not traits.stop:
        draft.receipt.ignore("stop")
        stop = ()
    if len(stop) > traits.max_stops:
        draft.receipt.repairs["stop-cut"] += 1
        stop = stop[: traits.max_stops]
    draft.stop = stop


def _named_limit(draft: Draft) -> int | None:
    """The smallest limit that the client named. The larger ones are reported as ignored."""
    named, own = draft.prompt.sampling.max_tokens, draft.own
    draft.receipt.ignore(*own.dropped)
    if own.limit is None:
        return named
    limit = own.limit if named is None else min(named, own.limit)
    if named is not None and named > limit:
        draft.receipt.ignore("max_tokens")
    draft.receipt.ignore(*own.above(limit))
    return limit


def decide_sampling(draft: Draft) -> None:
    """After `decide_reasoning`: a signed reasoning mode fixes the temperature and forbids top_k."""
    traits, sampling, receipt = draft.traits, draft.prompt.sampling, draft.receipt
    thinking = draft.reasoning and traits.replay == "signed"
    temperature, top_p, top_k = sampling.temperature, sampling.top_p, sampling.top_k
    if temperature is not None and temperature > traits.max_temperature and traits.temperature and not thinking:
        temperature = traits.max_temperature
        receipt.repairs["temperature-clamped"] += 1
    if temperature is not None and (thinking or draft.unlimited or not traits.temperature):
        if temperature != 1:
            receipt.ignore("temperature")
        temperature = None
    if top_p is not None and (not traits.top_p or draft.unlimited or (thinking and top_p < LEAST_TOP_P_WHILE_THINKING)):
        if top_p != 1:
            receipt.ignore("top_p")
        top_p = None
    if top_p is not None and temperature is not None and not traits.sampling_pair:
        if top_p != 1:
            receipt.ignore("top_p")
        top_p = None
    draft.temperature, draft.top_p = temperature, top_p
    if top_k is not None and (thinking or not traits.top_k_path):
        receipt.ignore("top_k")
    elif top_k is not None:
        _put(draft.fields, traits.top_k_path, top_k)


def _put(fields: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        fields = fields.setdefault(name, {})
    fields[path[-1]] = value
