"""Content: from the parts that clients send to the gateway's vocabulary. Pure; errors name the part at fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from app.core import sources
from app.core.prompt import CachePoint, Media, Part, Text
from app.core.request_options import cache_ttl
from app.errors import InvalidRequest

TEXT_TYPES = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
IMAGE_TYPES = ("input_image", "image_url", "computer_screenshot")
FILE_TYPES = ("input_file", "file")
PART_TYPES = (*TEXT_TYPES, *IMAGE_TYPES, *FILE_TYPES, "refusal", "input_audio")
MAX_PARTS = 20_000


def cache_point(holder: Mapping[str, Any]) -> CachePoint | None:
    """`prompt_cache_breakpoint`, or Anthropic's `cache_control`, which some clients send to every model."""
    for name in ("prompt_cache_breakpoint", "cache_control"):
        mark = holder.get(name)
        if isinstance(mark, Mapping):
            return CachePoint(cache_ttl(mark.get("ttl")))
    return None


def decode_content(content: Any, param: str) -> tuple[Part, ...]:
    """The parts of a message: a string, an array of parts, or nothing."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list) or len(content) > MAX_PARTS:
        raise InvalidRequest("content must be a string or an array of parts.", param=param, code="invalid_type")
    parts: list[Part] = []
    for place, part in enumerate(content):
        parts.extend(sources.decode_part(part, f"{param}.{place}", _decoded))
    return tuple(parts)


def decode_output(output: Any, param: str) -> tuple[Part, ...]:
    """The result of a call: text or parts; anything else (an object, rows, a number) as its JSON text."""
    items = output if isinstance(output, list) else [output]
    known = all(
        isinstance(item, str) or (isinstance(item, Mapping) and item.get("type") in PART_TYPES) for item in items
    )
    if output is not None and not known:
        output = json_text(output)
    return decode_content(output, param)


def json_text(value: Any) -> str:
    return to_json(value).decode()


def _decoded(part: Mapping[str, Any], param: str) -> list[Part]:
    kind = part.get("type") or "input_text"
    if kind in TEXT_TYPES:
        decoded: Part = Text(_string(part, "text", param))
    elif kind == "refusal":
        decoded = Text(_string(part, "refusal", param))
    else:
        decoded = _media(kind, part, param)
    point = cache_point(part)
    return [decoded, point] if point else [decoded]


def _media(kind: Any, part: Mapping[str, Any], param: str) -> Media:
    if kind in IMAGE_TYPES:
        return _image(part, param)
    if kind in FILE_TYPES:
        inner = part.get("file")
        return _file(inner if isinstance(inner, Mapping) else part, param)
    if kind == "input_audio":
        return _audio(part, param)
    raise InvalidRequest(f"Unknown content part type {str(kind)[:40]!r}.", param=f"{param}.type", code="invalid_value")


def _image(part: Mapping[str, Any], param: str) -> Media:
    held = part.get("image_url")
    url = held.get("url") if isinstance(held, Mapping) else held
    if isinstance(url, str) and url.strip():
        return sources.media("image", url.strip(), f"{param}.image_url")
    _refuse_id(part, param)
    raise InvalidRequest("An image needs image_url.", param=f"{param}.image_url", code="missing_required_parameter")


def _file(part: Mapping[str, Any], param: str) -> Media:
    name = part.get("filename")
    for field in ("file_data", "file_url"):
        url = part.get(field)
        if isinstance(url, str) and url.strip():
            told = name if isinstance(name, str) else ""
            return sources.media("document", url.strip(), f"{param}.{field}", name=told)
    _refuse_id(part, param)
    raise InvalidRequest(
        "A file needs file_data or file_url.", param=f"{param}.file_data", code="missing_required_parameter"
    )


def _audio(part: Mapping[str, Any], param: str) -> Media:
    body = part.get("input_audio")
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(data, str):
        raise InvalidRequest(
            "Audio needs input_audio.data.", param=f"{param}.input_audio", code="missing_required_parameter"
        )
    form = str(body.get("format") or "")[:16]
    return sources.media("audio", data, f"{param}.input_audio.data", mime=f"audio/{form}" if form else "")


def _refuse_id(part: Mapping[str, Any], param: str) -> None:
    if part.get("file_id"):
        raise InvalidRequest(
            "file_id is not supported; send the content inline.",
            param=f"{param}.file_id",
            code="unsupported_parameter",
        )


def _string(part: Mapping[str, Any], name: str, param: str) -> str:
    value = part.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string.", param=f"{param}.{name}", code="invalid_type")
    return value
