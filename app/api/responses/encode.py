"""The response object, its items and usage, as strict clients check them (Open Responses 2026-04, SDK 3.52). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.api.responses.sealed import seal, seal_summary
from app.api.responses.shape import Decoded, Item, Named
from app.core.events import Cited, Usage
from app.core.prompt import Reasoning

SEALED = "reasoning.encrypted_content"
_TIERS = {"reserved": "scale"}
_TOLD_CODES = frozenset({
    "context_length_exceeded", "insufficient_quota", "rate_limit_exceeded", "server_error", "invalid_prompt",
})  # fmt: skip
"""Codes of a failed response that clients act on: the first two end a session of Codex, the third makes it wait."""
DECLINED = "The model declined to answer."
"""Where the model was stopped by a filter before it said a word."""


def response_object(
    response_id: str,
    created: int,
    decoded: Decoded,
    *,
    status: str,
    output: Sequence[Item] = (),
    usage: Usage | None = None,
    tier: str = "",
    error: Mapping[str, Any] | None = None,
    incomplete: str = "",
    completed_at: int | None = None,
) -> dict[str, Any]:
    """Every key, always: strict clients refuse a response that lacks one. `incomplete`: the reason, where it is."""
    echo = decoded.echo
    body: dict[str, Any] = {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "completed_at": completed_at,
        "status": status,
        "error": error,
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "model": decoded.prompt.model,
        "output": list(output),
        "previous_response_id": decoded.previous_response_id or None,
        "store": decoded.store,
        "background": decoded.background,
        "usage": None if usage is None else encode_usage(usage),
        **echo,
    }
    if tier:
        body["service_tier"] = _TIERS.get(tier, tier)
    if decoded.conversation:
        body["conversation"] = {"id": decoded.conversation}
    return body


def encode_usage(usage: Usage) -> dict[str, Any]:
    """All five are required, `total_tokens` above all: Codex fails a turn without it. Unknown reasoning counts as none."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.prompt + usage.output,
    }


def shown(response: Mapping[str, Any], include: frozenset[str]) -> dict[str, Any]:
    """A response as its client may see it: `encrypted_content` of reasoning only where it was asked for."""
    body = dict(response)
    if SEALED not in include:
        body["output"] = [unsealed(item) for item in response["output"]]
    return body


def unsealed(item: Item) -> Item:
    if item.get("type") != "reasoning":
        return item
    return {name: value for name, value in item.items() if name != "encrypted_content"}


def encode_error(problem: Mapping[str, Any]) -> dict[str, str]:
    """`response.error` out of what OpenAI's envelope holds under `error`."""
    code = problem.get("code")
    if code not in _TOLD_CODES:
        kind = problem.get("type")
        code = {"insufficient_quota": "insufficient_quota", "rate_limit_error": "rate_limit_exceeded"}.get(str(kind))
        code = code or ("invalid_prompt" if kind == "invalid_request_error" else "server_error")
    return {"code": str(code), "message": _message(problem)}


def encode_error_event(problem: Mapping[str, Any]) -> Item:
    """The members of the `error` event, given what OpenAI's envelope holds under `error`.

    OpenAI nests them under `error`; its published types have `code`, `message` and `param` flat. Clients read either form.
    """
    flat = {"code": problem.get("code"), "message": _message(problem), "param": problem.get("param")}
    return {"error": {"type": problem.get("type"), **flat}, **flat}


def _message(problem: Mapping[str, Any]) -> str:
    return str(problem.get("message") or "The answer could not be completed.")


def message_item(item_id: str, status: str, content: Sequence[Item]) -> Item:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": list(content)}


def text_part(text: str, annotations: Sequence[Item] = ()) -> Item:
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}


def reasoning_item(item_id: str, block: Reasoning, *, summary: bool) -> Item:
    """`summary`: whether the client asked for one; the thought is shown as that, else as what it is."""
    item: Item = {"id": item_id, "type": "reasoning", "summary": []}
    if block.text and summary:
        item["summary"] = [{"type": "summary_text", "text": block.text}]
    elif block.text:
        item["content"] = [{"type": "reasoning_text", "text": block.text}]
    return item | {"encrypted_content": seal([block])}


def call_item(item_id: str, call_id: str, tool: Named, status: str, value: Any) -> Item:
    """`value`: the JSON text of a function's arguments, a custom tool's input, or the arguments of a search."""
    item: Item = {"id": item_id, "type": f"{tool.kind}_call", "status": status, "call_id": call_id}
    if tool.kind == "tool_search":
        return item | {"execution": "client", "arguments": value}
    if tool.kind == "custom":
        item |= {"type": "custom_tool_call", "name": tool.name, "input": value}
    else:
        item |= {"name": tool.name, "arguments": value}
    return item | ({"namespace": tool.namespace} if tool.namespace else {})


def compaction_item(item_id: str, text: str) -> Item:
    return {"id": item_id, "type": "compaction", "encrypted_content": seal_summary(text)}


def annotation(cited: Cited, base: int) -> Item:
    """A web source is OpenAI's `url_citation`; a place in a document keeps Bedrock's own location beside it.

    `base`: the characters of the answer before this message, which offsets of the answer as a whole count.
    """
    citation: Item = {
        "type": "url_citation",
        "start_index": max(0, cited.start - base),
        "end_index": max(0, cited.end - base),
        "url": cited.url,
        "title": cited.title,
    }
    if cited.quote:
        citation["cited_text"] = cited.quote
    return citation | ({"location": dict(cited.location)} if cited.location else {})
