"""With DEBUG: one line per request with its shape. Contents are told as length and hash, or as they are with LOG_CONTENT."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import Any

from app.core.ports import Call, Embedder, EmbeddingItem, EmbeddingRequest, Embeddings
from app.core.prompt import (
    Blob,
    CachePoint,
    Link,
    Media,
    Message,
    Part,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

log = logging.getLogger("gateway.shape")


class LogPrompts:
    """Implements Preparer: tells a prompt as the client sent it, and leaves it as it is."""

    def __init__(self, *, content: bool) -> None:
        self._told = _whole if content else _hashed

    async def prepare(self, prompt: Prompt, call: Call) -> Prompt:
        sampling = prompt.sampling
        _write(
            call,
            messages=[self._message(message) for message in prompt.messages],
            tools=[self._tool(tool) for tool in prompt.tools],
            tool_choice=prompt.tool_choice.mode,
            response_format=prompt.response_format.kind if prompt.response_format else None,
            effort=prompt.effort,
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            stops=len(sampling.stop) or None,
            extra_fields=sorted(prompt.extra_fields),
        )
        return prompt

    def _message(self, message: Message) -> dict[str, Any]:
        return {"role": message.role, "parts": [self._part(part) for part in message.parts]}

    def _tool(self, tool: Tool) -> Any:
        return self._told(json.dumps([tool.name, tool.description, tool.schema], default=str))

    def _part(self, part: Part) -> dict[str, Any]:
        match part:
            case Text(text):
                return {"kind": "text", "text": self._told(text)}
            case Media(kind, source):
                # Bytes are never written out: nobody reads base64 in a log.
                where = _hashed(source.base64) if isinstance(source, Blob) else self._told(_address(source))
                return {"kind": kind, "source": type(source).__name__.lower(), "content": where}
            case ToolCall(_, name, arguments):
                return {"kind": "tool_call", "name": self._told(name), "arguments": self._told(arguments)}
            case ToolResult(_, content):
                return {"kind": "tool_result", "content": [self._part(item) for item in content]}
            case Reasoning(text):
                return {"kind": "reasoning", "text": self._told(text), "sealed": bool(part.signature or part.redacted)}
            case CachePoint():
                return {"kind": "cache_point"}


class LogInputs:
    """Implements Embedder around another one: tells the inputs."""

    def __init__(self, inner: Embedder, *, content: bool) -> None:
        self._inner = inner
        self._told = _whole if content else _hashed

    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        _write(call, inputs=self._inputs(request.items), dimensions=request.dimensions)
        return await self._inner.embed(request, call)

    def _inputs(self, items: Sequence[EmbeddingItem]) -> list[Any]:
        return [_hashed(item.image.base64) if item.image else self._told(item.text) for item in items]


def _write(call: Call, **shape: Any) -> None:
    if log.isEnabledFor(logging.DEBUG):
        told = {name: value for name, value in shape.items() if value is not None and value != []}
        line = {"event": "request", "request_id": call.request_id, "endpoint": call.endpoint, **told}
        log.debug("%s", json.dumps(line, separators=(",", ":")))


def _hashed(text: str) -> dict[str, Any]:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return {"length": len(text), "sha256": digest[:12]}


def _whole(text: str) -> Any:
    return text


def _address(source: Any) -> str:
    return source.url if isinstance(source, Link) else source.uri
