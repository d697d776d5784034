"""The rules that Bedrock and its models enforce beyond the service model, as pure functions over the posted JSON.

They assume a body that fits the shapes (base64 strings where boto3 takes bytes). Texts are AWS's or the vendor's own
where one has been published; a text that comes from the model's side carries Bedrock's prefix for such.
"""

from typing import Any

from local.models import Target, resolve
from local.rules import (
    caching,
    conversation,
    media,
    request_fields,
    sampling,
    structured_output,
    thinking,
    tool_turns,
    tools,
)
from local.rules.asked import Asked

__all__ = ["UNKNOWN_MODEL", "naming", "violations"]

UNKNOWN_MODEL = "The provided model identifier is invalid."

_RULES = (
    conversation.broken,
    tool_turns.broken,
    tools.broken,
    media.broken,
    caching.broken,
    sampling.broken,
    thinking.broken,
    request_fields.broken,
    structured_output.broken,
)


def violations(model_id: str, body: dict[str, Any], *, streaming: bool = False) -> list[str]:
    """Every rule that a Converse body breaks, in AWS's words; an empty list for a body that would pass.

    `model_id` is whatever would stand in the path: an id, a profile or an ARN. `streaming` means ConverseStream.
    """
    target = resolve(model_id)
    if target is None:
        return [UNKNOWN_MODEL]
    named_badly = naming(model_id, target)
    if named_badly:
        return [named_badly]
    asked = Asked.of(target.facts, body, streaming)
    return [text for rule in _RULES for text in rule(asked)]


def naming(model_id: str, target: Target) -> str | None:
    """Why this way of naming the model cannot be invoked; None when it can."""
    if target.callable:
        return None
    return (
        f"Invocation of model ID {model_id} with on-demand throughput isn’t supported. Retry your request with the ID "  # noqa: RUF001 - AWS's own apostrophe
        "or ARN of an inference profile that contains this model."
    )
