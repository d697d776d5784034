"""Items of the Responses and Conversations APIs in the form in which the API returns them. Pure.

    {"role": "user", "content": "Hi"}
    -> {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}], "status": "completed"}

Clients may send a shorthand, and it is stored as it came. Typed clients read only the full form (openai-openapi, 2026-10):
content as a list of parts, a status, `logprobs` and `annotations` of text, `detail` of an image. Members that are unknown
here stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Json = Any
STATUSES = ("in_progress", "completed", "incomplete")
_TEXT_TYPES = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_IMAGE_TYPES = ("input_image", "image_url")
_FILE_TYPES = ("input_file", "file")
_IMAGE_DETAILS = ("low", "high", "auto", "original")


def full_item(item: Mapping[str, Json]) -> dict[str, Json]:
    """The item with everything that its published type requires and a client may leave out."""
    full = dict(item)
    kind = str(full.setdefault("type", "message"))
    complete = _COMPLETIONS.get(kind)
    if complete is not None:
        complete(full)
    elif kind.endswith(("_call", "_call_output")):
        full.setdefault("status", "completed")
    return full


def full_part(part: Json, *, said: bool = False) -> dict[str, Json]:
    """A part of content. `said`: by the assistant, whose text is `output_text`; all other text is `input_text`."""
    if not isinstance(part, Mapping):
        return _text({"text": part if isinstance(part, str) else ""}, said)
    kind = part.get("type") or "input_text"
    if kind in _TEXT_TYPES:
        return _text(part, said)
    if kind in _IMAGE_TYPES:
        return _image(part)
    if kind in _FILE_TYPES:
        inner = part.get("file")
        outer = {name: value for name, value in part.items() if name != "file"}
        return {**outer, **(inner if isinstance(inner, Mapping) else {}), "type": "input_file"}
    return dict(part)


def _text(part: Mapping[str, Json], said: bool) -> dict[str, Json]:
    text = part.get("text")
    full = {**part, "type": "output_text" if said else "input_text", "text": text if isinstance(text, str) else ""}
    if said:
        full |= {name: full[name] if isinstance(full.get(name), list) else [] for name in ("annotations", "logprobs")}
    return full


def _image(part: Mapping[str, Json]) -> dict[str, Json]:
    """Chat's spelling has the address, and sometimes the detail, in an object of its own."""
    held = part.get("image_url")
    inner = held if isinstance(held, Mapping) else {"url": held}
    detail = part.get("detail") or inner.get("detail")
    full = {**part, "type": "input_image", "detail": detail if detail in _IMAGE_DETAILS else "auto"}
    if held is not None:
        full["image_url"] = inner.get("url")
    return full


def _parts(content: Json, *, said: bool = False) -> list[dict[str, Json]]:
    if content is None:
        return []
    parts = content if isinstance(content, list) else [content]
    return [full_part(part, said=said) for part in parts if part is not None]


def _complete_message(item: dict[str, Json]) -> None:
    item["content"] = _parts(item.get("content"), said=item.get("role") == "assistant")
    _complete_status(item)


def _complete_call(item: dict[str, Json]) -> None:
    value = "input" if item["type"] == "custom_tool_call" else "arguments"
    for name in ("call_id", "name", value):
        item[name] = _string(item.get(name))
    _complete_status(item)


def _complete_output(item: dict[str, Json]) -> None:
    output = item.get("output")
    parts = output if isinstance(output, list) else [output]
    if isinstance(output, Mapping | list) and all(_is_part(part) for part in parts):
        item["output"] = _parts(output)
    else:
        item["output"] = _string(output)
    item["call_id"] = _string(item.get("call_id"))
    _complete_status(item)


def _complete_search(item: dict[str, Json]) -> None:
    item["execution"] = "server" if item.get("execution") == "server" else "client"
    if item["type"] == "tool_search_output":
        item["tools"] = item["tools"] if isinstance(item.get("tools"), list) else []
    else:
        item["arguments"] = item.get("arguments")
    _complete_status(item)


def _complete_reasoning(item: dict[str, Json]) -> None:
    if not isinstance(item.get("summary"), list):
        item["summary"] = []


def _complete_tools(item: dict[str, Json]) -> None:
    item.setdefault("role", "developer")
    item["tools"] = item["tools"] if isinstance(item.get("tools"), list) else []


def _complete_status(item: dict[str, Json]) -> None:
    if item.get("status") not in STATUSES:
        item["status"] = "completed"


def _is_part(part: Json) -> bool:
    return isinstance(part, str) or (
        isinstance(part, Mapping) and part.get("type") in (*_TEXT_TYPES, *_IMAGE_TYPES, *_FILE_TYPES)
    )


def _string(value: Json) -> str:
    """As a model is shown it: text as it is, nothing as empty, anything else as its JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_COMPLETIONS: Mapping[str, Callable[[dict[str, Json]], None]] = {
    "message": _complete_message,
    "function_call": _complete_call,
    "custom_tool_call": _complete_call,
    "function_call_output": _complete_output,
    "custom_tool_call_output": _complete_output,
    "tool_search_call": _complete_search,
    "tool_search_output": _complete_search,
    "program_output": _complete_status,
    "reasoning": _complete_reasoning,
    "additional_tools": _complete_tools,
}
