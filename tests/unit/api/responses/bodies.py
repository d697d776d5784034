"""Requests as agents send them (Codex CLI 0.169, Agents SDK 0.24), and a way to read the stream they get."""

from __future__ import annotations

import json
from typing import Any

from app.api.responses.decode import decode
from app.api.responses.shape import Decoded
from app.api.responses.stream import ResponseStream
from app.core.events import Event

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
GRAMMAR = 'start: begin_patch hunk+ end_patch\nbegin_patch: "*** Begin Patch" LF'

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PATCH: Any = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
}
AGENTS: Any = {
    "type": "namespace",
    "name": "multi_agent_v1",
    "description": "Other agents.",
    "tools": [
        {"type": "function", "name": "close_agent", "description": "Close.", "strict": False, "parameters": {}},
        {"type": "function", "name": "spawn_agent", "description": "Spawn.", "strict": False, "parameters": {}},
    ],
}
EXEC: Any = {
    "type": "function",
    "name": "exec_command",
    "description": "Runs a command.",
    "strict": False,
    "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]},
}


def message(role: str, text: str, place: int) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": "message", "id": f"msg_0199-{place}", "role": role, "content": content, "phase": None}


CODEX_FIRST: dict[str, Any] = {
    "model": MODEL,
    "stream": True,
    "input": [
        message("developer", "You are Codex.", 0),
        message("developer", "<permissions>", 1),
        message("user", "<environment_context>", 2),
        message("user", "Edit the file.", 3),
    ],
    "tools": [EXEC, AGENTS, {"type": "web_search", "external_web_access": False}, PATCH],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199aa-thread",
    "text": {"verbosity": "low"},
    "client_metadata": {"x-codex-installation-id": "i"},
}


def codex_second(sealed: str) -> dict[str, Any]:
    """The turn after the model thought, spoke, ran a command and patched a file."""
    return CODEX_FIRST | {
        "input": [
            *CODEX_FIRST["input"],
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
             "content": None, "encrypted_content": sealed},
            message("assistant", "I will.", 4),
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "exec_command",
             "arguments": '{"cmd":"ls"}', "namespace": None},
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "apply_patch", "input": "*** B",
             "status": "completed"},
            {"type": "function_call", "id": "fc_2", "call_id": "call_3", "name": "close_agent",
             "namespace": "multi_agent_v1", "arguments": "{}"},
            {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "a.py"},
            {"type": "custom_tool_call_output", "id": "ctco_1", "call_id": "call_2",
             "output": [{"type": "input_text", "text": "Done."}]},
            {"type": "function_call_output", "id": "fco_2", "call_id": "call_3", "output": "closed"},
        ]
    }  # fmt: skip


def decoded(**fields: Any) -> Decoded:
    return decode({"model": MODEL, "input": "Hello"} | fields)


def stream(response_id: str = "resp_1", **fields: Any) -> ResponseStream:
    """A stream whose clock stands at 9."""
    return ResponseStream(response_id, 7, decoded(**fields), clock=lambda: 9.0)


def events_of(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream; each frame is checked to be an event line and one line of JSON that agrees with it."""
    *frames, rest = data.split(b"\n\n")
    assert rest == b""
    found = []
    for frame in frames:
        if frame == b"data: [DONE]":
            continue
        head, body = frame.split(b"\n")
        event = json.loads(body.removeprefix(b"data: "))
        assert head == f"event: {event['type']}".encode()
        found.append(event)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def told(events: list[Event], **fields: Any) -> list[dict[str, Any]]:
    """The events of a whole stream, fed one by one."""
    encoder = stream(**fields)
    return events_of(b"".join(encoder.feed(0, [event]) for event in events) + encoder.finish())


def made(events: list[Event], **fields: Any) -> dict[str, Any]:
    """The response that the events add up to."""
    encoder = stream(**fields)
    encoder.feed(0, events)
    encoder.finish()
    return encoder.response
