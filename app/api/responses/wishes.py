"""What a request wishes beside its input: format, reasoning, caching, and the members for Bedrock alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.responses.schema import ResponsesRequest
from app.core.prompt import Caching, ResponseFormat
from app.core.request_options import EFFORTS, SERVICE_TIERS, cache_ttl, known_value, unknown_values
from app.errors import InvalidRequest

SUMMARIES = ("auto", "concise", "detailed")
TRUNCATIONS = ("auto", "disabled")
TIERS = (*SERVICE_TIERS, "ultrafast")
VERBOSITY = {
    "low": "Keep your answers short: only what is needed, without preamble.",
    "medium": "",
    "high": "Answer in detail: explain steps, reasons and alternatives.",
}
"""No model on Bedrock has a switch for it, so it is told in a sentence."""


def decode_format(wanted: Any, param: str = "text.format") -> ResponseFormat | None:
    """`text` is None. A schema stands flat here; the form of chat completions is understood as well."""
    if wanted is None:
        return None
    kind = wanted.get("type", "text") if isinstance(wanted, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return ResponseFormat("json_object")
    if not isinstance(wanted, Mapping) or kind != "json_schema":
        raise InvalidRequest(
            f"{param}.type must be text, json_object or json_schema.", param=f"{param}.type", code="invalid_value"
        )
    held = wanted.get("json_schema")
    body = held if isinstance(held, Mapping) else wanted
    schema, name, description = body.get("schema"), body.get("name"), body.get("description")
    if not isinstance(schema, Mapping):
        raise InvalidRequest(f"{param} needs a schema.", param=f"{param}.schema", code="missing_required_parameter")
    return ResponseFormat(
        "json_schema",
        schema,
        _plain(name) if isinstance(name, str) else "response",
        description if isinstance(description, str) else "",
    )


def _plain(name: str) -> str:
    letters = (letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name[:64])
    return "".join(letters) or "response"


def decode_verbosity(text: Mapping[str, Any] | None) -> str:
    """The sentence that is told to the model; empty for the usual."""
    return VERBOSITY.get(known_value((text or {}).get("verbosity"), VERBOSITY) or "", "")


def decode_effort(effort: Any) -> str | None:
    return known_value(effort, EFFORTS)


def unknown_switches(request: ResponsesRequest, changed_effort: str | None) -> list[str]:
    """The names of optional switches with an unknown value. `changed_effort`: the one that an input item asks for."""
    reasoning, text = request.reasoning or {}, request.text or {}
    effort = reasoning.get("effort") if changed_effort is None else changed_effort
    return unknown_values(
        {
            "reasoning.effort": (effort, EFFORTS),
            "reasoning.summary": (_summary(reasoning), SUMMARIES),
            "text.verbosity": (text.get("verbosity"), VERBOSITY),
            "truncation": (request.truncation, TRUNCATIONS),
            "service_tier": (request.service_tier, TIERS),
        }
    )


def wants_summary(reasoning: Mapping[str, Any] | None) -> bool:
    return known_value(_summary(reasoning or {}), SUMMARIES) is not None


def _summary(reasoning: Mapping[str, Any]) -> Any:
    """`generate_summary` is the name that OpenAI has given up."""
    return reasoning.get("summary") or reasoning.get("generate_summary")


def decode_caching(request: ResponsesRequest) -> Caching:
    """`prompt_cache_key`, `prompt_cache_options` and `prompt_cache_retention`."""
    options = request.prompt_cache_options or {}
    ttl = cache_ttl(request.prompt_cache_retention)
    auto: bool | None = True if request.prompt_cache_key or ttl else None
    mode = options.get("mode")
    if mode in ("explicit", "implicit"):
        auto = mode == "implicit"
    return Caching(auto=auto, ttl=cache_ttl(options.get("ttl")) or ttl)


def extra_fields(request: ResponsesRequest) -> dict[str, Any]:
    """Fields for the model itself, unread."""
    thinking = {"thinking": request.thinking} if request.thinking else {}
    return thinking | (request.additional_model_request_fields or {})
