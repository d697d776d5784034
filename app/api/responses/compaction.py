"""`POST /responses/compact`: a long conversation as its user's messages and a summary by the model.

The summary travels in the `encrypted_content` of a compaction item, which `decode` takes back as text.
"""

from __future__ import annotations

from typing import Any

from app.api.responses.desk import Desk
from app.api.responses.encode import encode_usage
from app.api.responses.ids import item_id, new_id
from app.api.responses.sealed import LARGEST, seal_summary
from app.core.ports import Call
from app.core.response_items import full_item
from app.errors import InvalidRequest, UpstreamFailure

_KEPT = ("model", "input", "previous_response_id", "service_tier", "prompt_cache_key", "safety_identifier", "user")
_TASK = (
    "The conversation so far is about to be replaced by a summary that you write now. Whoever continues has nothing but "
    "the user's messages and your summary. State the goal, what was decided and why, what was done and found (with names of "
    "files, commands, ids and values exactly as they were), what is unfinished, and what comes next. Answer with the summary "
    "alone; call no tools."
)


async def compact(desk: Desk, call: Call, body: Any, created: int) -> dict[str, Any]:
    """A `response.compaction`. Raises as a response does; InvalidRequest where there is nothing to compact."""
    prepared = await desk.state.prepare(call.caller.key_id, _asking(body))
    call.model = prepared.decoded.prompt.model
    call.receipt.repairs.update(prepared.decoded.repairs)
    items = [*prepared.past.items, *prepared.decoded.input_items[:-1]]
    if not items:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    reply = (await desk.gateway.complete(prepared.decoded.prompt, call))[0]
    text = reply.text.strip()
    if not text or len(text) > LARGEST // 8:
        raise UpstreamFailure("The model gave no summary that can be used.", code="empty_answer")
    said = [full_item(item) for item in items if item.get("type") == "message" and item.get("role") == "user"]
    summary = {"id": item_id("compaction"), "type": "compaction", "encrypted_content": seal_summary(text)}
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
    task = _TASK
    if isinstance(instructions, str) and instructions.strip():
        task += f"\n\nThe instructions in this conversation were:\n{instructions}"
    elif instructions is not None and not isinstance(instructions, str):
        raise InvalidRequest("Invalid type for 'instructions'.", param="instructions", code="invalid_type")
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    if given is None or isinstance(given, list):
        asked["input"] = [*(given or ()), {"type": "message", "role": "user", "content": task}]
    return asked | {"store": False}
