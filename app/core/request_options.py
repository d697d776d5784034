"""Request options that several surfaces accept in the same form: metadata, cache lifetime, guardrail, latency, custom tools.

Pure. Every decoder raises InvalidRequest, which names the parameter, for a value that it cannot use. `known_value` is for
optional switches, of which clients send newer values: an unknown one is ignored and reported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from app.core.prompt import CachePoint, Guardrail, Tool
from app.errors import InvalidRequest

MAX_METADATA_NAME, MAX_METADATA_VALUE = 64, 512
FREEFORM_INPUT = "input"
"""The only argument of a `custom` tool after it is wrapped as a function."""
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Reasoning efforts of OpenAI's surfaces, in rising order."""
SERVICE_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
_LONG = ("1h", "30m", "12h", "24h")


MAX_REPORTED_NAMES = 20


def unknown_names(extra: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The names of fields that no parameter has, fit for a header; an explicit null counts as absent."""
    given = [name for name, value in (extra or {}).items() if value is not None]
    return tuple(_header_word(name) for name in given[:MAX_REPORTED_NAMES])


def _header_word(name: str) -> str:
    letters = (letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "_" for letter in name[:40])
    return "".join(letters)


def allowed_mode(mode: Any, param: str) -> Literal["auto", "any"]:
    """The mode of `tool_choice: {type: allowed_tools}`."""
    if mode not in (None, "auto", "required"):
        raise InvalidRequest(
            "The mode of allowed_tools must be 'auto' or 'required'.", param=param, code="invalid_value"
        )
    return "any" if mode == "required" else "auto"


def known_value(value: Any, known: Collection[str]) -> str | None:
    """Returns the value where it is one of `known`, else None."""
    return value if isinstance(value, str) and value in known else None


def unknown_values(switches: Mapping[str, tuple[Any, Collection[str]]]) -> list[str]:
    """Returns the names of switches whose value is given and unknown. `switches`: name to value and known values."""
    return [
        name for name, (value, known) in switches.items() if value is not None and known_value(value, known) is None
    ]


def cache_ttl(asked: Any) -> str:
    """Returns "1h" for every lifetime longer than 5 minutes, else "" (Bedrock has these two)."""
    return "1h" if asked in _LONG else ""


def checked_metadata(metadata: Mapping[str, str] | None) -> Mapping[str, str]:
    for name, value in (metadata or {}).items():
        if len(name) > MAX_METADATA_NAME or len(value) > MAX_METADATA_VALUE:
            raise InvalidRequest(
                "metadata keys have at most 64, values at most 512 characters.", param="metadata", code="invalid_value"
            )
    return metadata or {}


def decode_guardrail(config: Mapping[str, Any] | None) -> Guardrail | None:
    """Accepts Converse's member names and their snake_case forms."""
    if not config:
        return None
    identifier = config.get("guardrailIdentifier") or config.get("guardrail_identifier")
    version = config.get("guardrailVersion") or config.get("guardrail_version") or "DRAFT"
    if not isinstance(identifier, str) or not identifier:
        raise InvalidRequest(
            "guardrail_config needs guardrailIdentifier.", param="guardrail_config", code="missing_required_parameter"
        )
    mode = config.get("streamProcessingMode") or config.get("stream_processing_mode") or ""
    trace = config.get("trace") or ""
    if mode not in ("", "sync", "async") or trace not in ("", "enabled", "disabled", "enabled_full"):
        raise InvalidRequest(
            "guardrail_config has an unknown mode or trace.", param="guardrail_config", code="invalid_value"
        )
    return Guardrail(identifier[:2048], str(version)[:32], str(mode), str(trace))


def decode_latency(config: Mapping[str, Any] | None) -> str:
    latency = (config or {}).get("latency", "")
    if latency not in ("", "standard", "optimized"):
        raise InvalidRequest(
            "latency is standard or optimized.", param="performance_config.latency", code="invalid_value"
        )
    return str(latency)


def freeform_tool(name: str, description: str, body: Mapping[str, Any], cache: CachePoint | None = None) -> Tool:
    """Wraps a `custom` tool as a function of one string; its description states the grammar, which Bedrock does not enforce."""
    form = body.get("format")
    grammar = form.get("grammar", form) if isinstance(form, Mapping) and form.get("type") == "grammar" else None
    if isinstance(grammar, Mapping):
        rules = f"The input must match this {grammar.get('syntax', '')} grammar:\n{grammar.get('definition', '')}"
        description = f"{description}\n\n{rules}".strip()
    properties = {FREEFORM_INPUT: {"type": "string", "description": "The tool's input, verbatim."}}
    schema = {"type": "object", "properties": properties, "required": [FREEFORM_INPUT]}
    return Tool(name, description, schema, None, cache)
