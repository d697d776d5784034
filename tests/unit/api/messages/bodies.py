"""Bodies of messages for the tests: a plain one, Claude Code's, and any that are nearly right."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

from tests.unit.api.chat.bodies import JSON

Strategy = st.SearchStrategy[Any]

BODY: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<<>>endobj").decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
HOUR = {"type": "ephemeral", "ttl": "1h"}
EPHEMERAL = {"type": "ephemeral"}
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}

CLAUDE_CODE_BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,thinking-token-count-2026-05-13,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,mid-conversation-system-2026-04-07,effort-2025-11-24"
)
BILLING = "x-anthropic-billing-header: cc_version=2.1.197.3fa; cc_entrypoint=cli; cch=0aaa9;"


def claude_code(model: str, text: str = "Read the file a.txt", **more: Any) -> dict[str, Any]:
    """What Claude Code 2.1.197 sends: its keys, 24 tools, cache control, a system message after the user's."""
    names = ("Read", "Write", "Edit", "Bash", "Glob", "Grep", *(f"Tool{number}" for number in range(18)))
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"file_path": {"type": "string"}, "limit": {"type": "number"}},
        "required": ["file_path"],
        "additionalProperties": False,
    }
    reminder = "<system-reminder>Today is a good day.</system-reminder>"
    return {
        "model": model,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": reminder},
                    {"type": "text", "text": text, "cache_control": HOUR},
                ],
            },
            {"role": "system", "content": "The user has opened a.txt."},
        ],
        "system": [
            {"type": "text", "text": BILLING},
            {"type": "text", "text": "You are a coding agent.", "cache_control": HOUR},
            {"type": "text", "text": "Work in /home/user.", "cache_control": HOUR},
        ],
        "tools": [{"name": name, "description": f"{name} things.", "input_schema": schema} for name in names],
        "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
        "max_tokens": 32000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
    } | more


def near(*likely: Any) -> Strategy:
    """One of these, and now and then anything."""
    right = [each if isinstance(each, st.SearchStrategy) else st.just(each) for each in likely]
    return st.one_of(*right, *right, *right, JSON)


def record(required: dict[str, Any], **optional: Any) -> Strategy:
    return st.fixed_dictionaries(
        {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in required.items()},
        optional=optional,
    )


words = st.sampled_from(["", " ", "Hello", "a\x00b", "\U0001f600", "{}", "x" * 300])
ids = near("toolu_1", "toolu 2/odd", "x" * 100)
control = near(EPHEMERAL, HOUR)
sources = near(
    {"type": "base64", "media_type": "image/png", "data": PNG},
    {"type": "base64", "media_type": "application/pdf", "data": PDF},
    {"type": "text", "media_type": "text/plain", "data": "Once"},
    {"type": "content", "content": [{"type": "text", "text": "Once"}, IMAGE]},
    {"type": "url", "url": "https://127.0.0.1/a.png"},
    {"type": "file", "file_id": "file_1"},
)
spoken = near(
    record({"type": "text", "text": near(words)}, cache_control=control),
    record({"type": "image", "source": sources}, cache_control=control),
    record(
        {"type": "document", "source": sources},
        title=near(words),
        context=near(words),
        citations=near({"enabled": True}),
    ),
    record(
        {
            "type": "search_result",
            "title": near(words),
            "source": near(words),
            "content": near([{"type": "text", "text": "a"}]),
        }
    ),
)
blocks = near(
    spoken,
    record({"type": "thinking", "thinking": near(words), "signature": near(words)}),
    record({"type": "redacted_thinking", "data": near("cmVkYWN0ZWQ=")}),
    record({"type": "tool_use", "id": ids, "name": near("get_weather", "näme"), "input": near({}, {"city": "Bonn"})}),
    record(
        {"type": "tool_result", "tool_use_id": ids},
        content=near(words, st.lists(spoken, max_size=2)),
        is_error=near(True),
    ),
    record({"type": near("server_tool_use", "web_search_tool_result", "compaction", "teapot")}, content=near(words)),
)
turns = near(
    record({"role": near("user", "assistant", "system"), "content": near(words, st.lists(blocks, max_size=3))})
)
tools = near(
    record({"name": near("get_weather", "a.b", "x" * 80), "input_schema": near(WEATHER["input_schema"], {})},
           type=near("custom"), strict=near(True), cache_control=control, description=near(words)),
    record({"name": near("bash"), "type": near("bash_20250124", "text_editor_20250728", "computer_20250124")}),
    record({"name": near("web_search"), "type": near("web_search_20250305", "teapot_1")}),
)  # fmt: skip


def nearly() -> Strategy:
    """Bodies of which most members are right."""
    return record(
        {"model": near("amazon.nova-lite-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                       "us.anthropic.claude-opus-5", "openai.gpt-oss-120b-1:0", "meta.llama3-1-8b-instruct-v1:0"),
         "max_tokens": near(0, 1, 2000), "messages": near(st.lists(turns, min_size=1, max_size=4))},
        system=near(words, st.lists(spoken, max_size=2)),
        stream=near(True),
        tools=near(st.lists(tools, max_size=3)),
        tool_choice=near({"type": "auto"}, {"type": "any"}, {"type": "none"}, {"type": "tool", "name": "get_weather"}),
        thinking=near({"type": "adaptive"}, {"type": "disabled"}, {"type": "enabled", "budget_tokens": 1024}),
        output_config=near({"effort": "high"}, {"format": {"type": "json_schema", "schema": {"type": "object"}}}),
        temperature=near(0, 1), top_p=near(0.5), top_k=near(5), stop_sequences=near(["", "END"]),
        metadata=near({"user_id": "u"}), cache_control=control, service_tier=near("auto"), mcp_servers=near([]),
        context_management=near({"edits": []}), unheard_of=near(1),
    )  # fmt: skip
