"""Rules about additionalModelRequestFields and effort: a model takes only the names and levels of its own family."""

from collections.abc import Iterator
from typing import Any

from local.rules.asked import Asked, model_says, unsupported

_BETAS_REFUSED = ("advanced-tool-use", "prompt-caching", "tool-search-tool")
_GPT_EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")
_GROK_EFFORTS = ("low", "medium", "high", "xhigh")
_PLAIN_EFFORTS = ("none", "low", "medium", "high")


def broken(asked: Asked) -> Iterator[str]:
    """Violations among native fields, beta flags, effort and request metadata."""
    native = asked.body.get("additionalModelRequestFields")
    if native is not None and not isinstance(native, dict):
        yield (
            "The format of the value at additionalModelRequestFields is invalid. "
            "Provide a json object for the field and try again."
        )
        return
    for name in asked.fields:
        if name not in asked.facts.request_fields:
            yield _stray(asked, name)
    yield from _betas(asked)
    yield from _effort(asked)
    yield from _nova(asked)


def _stray(asked: Asked, name: str) -> str:
    if asked.facts.is_claude:
        return model_says(f"{name}: Extra inputs are not permitted")
    return (
        f"Malformed input request: #: extraneous key [{name}] is not permitted, "
        "please reformat your input and try again."
    )


def _betas(asked: Asked) -> Iterator[str]:
    betas = asked.fields.get("anthropic_beta")
    if betas is None or not asked.facts.is_claude:
        return
    if not isinstance(betas, list):
        yield model_says("anthropic_beta: Input should be a valid list")
        return
    for beta in betas:
        if str(beta).startswith(_BETAS_REFUSED):
            yield model_says("invalid beta flag")


def _effort(asked: Asked) -> Iterator[str]:
    top_level = (asked.body.get("outputConfig") or {}).get("effort")
    if asked.facts.is_claude:
        yield from _claude_effort(asked, top_level)
        return
    if top_level is not None:
        yield unsupported("outputConfig.effort")
    if "reasoning_effort" in asked.fields and "reasoning_effort" in asked.facts.request_fields:
        yield from _level(asked.fields["reasoning_effort"], _flat_levels(asked), "reasoning_effort")
    if "reasoning" in asked.fields and "reasoning" in asked.facts.request_fields:
        # The models that always reason refuse to be told not to.
        levels = _GPT_EFFORTS[1:] if asked.facts.reasons_unasked else _GPT_EFFORTS
        yield from _level(asked.native("reasoning").get("effort"), levels, "reasoning.effort")


def _flat_levels(asked: Asked) -> tuple[str, ...]:
    if asked.facts.efforts:
        return asked.facts.efforts
    return _GROK_EFFORTS if asked.facts.provider == "xAI" else _PLAIN_EFFORTS


def _claude_effort(asked: Asked, top_level: Any) -> Iterator[str]:
    native = asked.native("output_config").get("effort")
    if top_level is not None and native is not None:
        yield model_says(
            "output_config.effort: may be given in outputConfig or in additionalModelRequestFields, not both"
        )
    effort = native if native is not None else top_level
    if effort is None:
        return
    if not asked.facts.efforts:
        yield model_says("This model does not support the effort parameter.")
        return
    beta = asked.facts.effort_beta
    if beta and native is not None and beta not in (asked.fields.get("anthropic_beta") or []):
        yield model_says("output_config: Extra inputs are not permitted")
    yield from _level(effort, asked.facts.efforts, "output_config.effort")


def _level(value: Any, levels: tuple[str, ...], name: str) -> Iterator[str]:
    if value not in levels:
        quoted = ", ".join(f"'{level}'" for level in levels)
        yield model_says(f"{name}: Input should be one of {quoted}")


def _nova(asked: Asked) -> Iterator[str]:
    config = asked.native("reasoningConfig")
    if not config or "reasoningConfig" not in asked.facts.request_fields:
        return
    if config.get("type") not in ("enabled", "disabled"):
        yield model_says("reasoningConfig.type: must be one of enabled, disabled")
    if config.get("type") != "enabled":
        return
    yield from _level(config.get("maxReasoningEffort"), asked.facts.efforts, "reasoningConfig.maxReasoningEffort")
    if config.get("maxReasoningEffort") == "high":
        for name in ("maxTokens", "temperature", "topP"):
            if name in asked.inference:
                yield model_says(f"{name} must be unset when maxReasoningEffort is high")
