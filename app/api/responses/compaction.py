"""`POST /responses/compact`: a long conversation as its user's messages and a summary by the model.

The summary travels in the `encrypted_content` of a compaction item, which `decode` takes back as text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.api.responses.desk import Desk
from app.api.responses.encode import compaction_item, encode_usage
from app.api.responses.ids import item_id, new_id
from app.api.responses.summary import MAX_SUMMARY_LENGTH, summary_task, unusable_summary
from app.core.ports import Call
from app.core.request_options import unknown_names
from app.core.response_items import full_item
from app.errors import InvalidRequest

_KEPT = ("model", "input", "previous_response_id", "service_tier", "prompt_cache_key", "safety_identifier", "user")


async def compact(desk: Desk, call: Call, body: Any, created: int) -> dict[str, Any]:
    """A `response.compaction`. Raises as a response does; InvalidRequest where there is nothing to compact."""
    prepared = await desk.state.prepare(call.caller.key_id, _asking(body))
    call.model = prepared.decoded.prompt.model
    call.receipt.repairs.update(prepared.decoded.repairs)
    items = [*prepared.past.items, *prepared.decoded.input_items[:-1]]
    if not items:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    unused = {name: value for name, value in body.items() if name not in (*_KEPT, "instructions")}
    prompt = prepared.decoded.prompt
    prompt = replace(prompt, ignored=(*prompt.ignored, *unknown_names(unused)))
    reply = (await desk.gateway.complete(prompt, call))[0]
    text = reply.text.strip()
    if not text or len(text) > MAX_SUMMARY_LENGTH:
        raise unusable_summary()
    said = [full_item(item) for item in items if item.get("type") == "message" and item.get("role") == "user"]
    summary = compaction_item(item_id("compaction"), text)
    return {
        "id": new_id("resp_"),
        "object": "response.compaction",
        "created_at": created,
        "output": [*said, summary],
        "usage": encode_usage(reply.metered.usage),
    }


def _asking(body: Any) -> Any:
    """The request for a summary. Types are checked by `decode`, as far as anything is left of them here."""
    if not isinstance(body, dict):
        return body
    asked = {name: body[name] for name in _KEPT if name in body}
    given, instructions = body.get("input"), body.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise InvalidRequest("Invalid type for 'instructions'.", param="instructions", code="invalid_type")
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    if given is None or isinstance(given, list):
        asked["input"] = [*(given or ()), {"type": "message", "role": "user", "content": summary_task(instructions)}]
    return asked | {"store": False}
