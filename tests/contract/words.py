"""What the tests say to the models, and which models they say it to."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

NOVA = "amazon.nova-lite-v1:0"
"""Tools, forced ones too; no native structured output, no reasoning."""
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
"""Native structured output, a thinking budget, prompt caching, signed reasoning."""
GPT = "us.openai.gpt-5.6-sol"
"""Encrypted reasoning."""
DEEPSEEK = "deepseek.v3-v1:0"
"""Reasoning without signature."""
TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "cohere.embed-english-v3"

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CLOCK: Any = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "The time in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PING: Any = {"type": "function", "function": {"name": "ping_server", "description": "No parameters."}}


def user(text: str) -> Any:
    return {"role": "user", "content": text}


def system(text: str) -> Any:
    return {"role": "system", "content": text}


def tool_result(call_id: str, text: str) -> Any:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def png(width: int = 3, height: int = 2) -> bytes:
    """A white picture."""
    rows = zlib.compress(b"".join(b"\x00" + b"\xff" * 3 * width for _ in range(height)))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
