"""Items as clients send them -> items as they are kept: each with a type and an id. Pure.

What is inside of an item is read when a response is made from it, where an error can be told to whoever asks; here is
refused what never could be one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Any

from app.core.responses import is_id
from app.errors import InvalidRequest

PREFIXES = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "function_call_output": "fco_",
    "custom_tool_call": "ctc_",
    "custom_tool_call_output": "ctco_",
    "compaction": "cmp_",
}
"""Types that are common, and the prefixes of their ids; other ids begin with `item_`."""
TYPES: Collection[str] = frozenset({
    *PREFIXES, "additional_tools", "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "computer_call",
    "computer_call_output", "configuration_update", "file_search_call", "image_generation_call", "local_shell_call",
    "local_shell_call_output", "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools", "program",
    "program_output", "shell_call", "shell_call_output", "tool_search_call", "tool_search_output", "web_search_call",
})  # fmt: skip
"""What `/responses` reads (openai 3.52)."""
ROLES = ("user", "assistant", "system", "developer")


def decode_items(given: Sequence[Any], taken: Collection[str] = ()) -> list[dict[str, Any]]:
    """Raises InvalidRequest that names the item. `taken`: ids that are there already."""
    items: list[dict[str, Any]] = []
    used = set(taken)
    for place, item in enumerate(given):
        decoded = _item(item, f"items.{place}")
        if decoded["id"] in used:
            raise InvalidRequest(
                f"There is an item with id '{decoded['id'][:80]}' already.",
                param=f"items.{place}.id",
                code="duplicate_item",
            )
        used.add(decoded["id"])
        items.append(decoded)
    return items


def _item(item: Any, param: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise InvalidRequest("An item must be an object.", param=param, code="invalid_type")
    kind = item.get("type")
    if kind is None and "role" in item:
        kind = "message"
    if not isinstance(kind, str) or kind not in TYPES:
        raise InvalidRequest(f"Unknown item type {str(kind)[:40]!r}.", param=f"{param}.type", code="invalid_value")
    if (id := item.get("id")) is None or id == "":
        id = f"{PREFIXES.get(kind, 'item_')}{os.urandom(24).hex()}"
    elif not is_id(id):
        raise InvalidRequest("This can't be the id of an item.", param=f"{param}.id", code="invalid_value")
    decoded = {**item, "type": kind, "id": id}
    if kind == "message":
        decoded |= _message(item, param)
    return decoded


def _message(item: dict[str, Any], param: str) -> dict[str, Any]:
    role, content = item.get("role"), item.get("content")
    if role not in ROLES:
        raise InvalidRequest(f"Unknown role {str(role)[:40]!r}.", param=f"{param}.role", code="invalid_value")
    if isinstance(content, str):
        part: dict[str, Any] = {"type": "input_text", "text": content}
        if role == "assistant":
            part = {"type": "output_text", "text": content, "annotations": []}
        content = [part]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise InvalidRequest(
            "The content of a message is a text or a list of parts.", param=f"{param}.content", code="invalid_type"
        )
    return {"content": content, "status": item.get("status") or "completed"}
