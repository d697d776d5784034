"""Content blocks as parts of a prompt. Pure; errors name the block at fault.

Types are those of Anthropic's SDK (2.12). Blocks of tools that Anthropic's own servers run have no meaning on Bedrock: they
are left out and told, but for what they brought the model to read.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from pydantic_core import to_json

from app.api.messages.refuse import filled, missing, object_of, text_of, unknown_type, wrong
from app.core import sources
from app.core.prompt import Blob, CachePoint, Media, Part, Reasoning, Text, ToolCall, ToolResult
from app.errors import InvalidRequest

SPOKEN = ("text", "image", "document", "search_result")
BLOCKS: tuple[str, ...] = (*SPOKEN, "thinking", "redacted_thinking", "tool_use", "tool_result")
SERVER: tuple[str, ...] = (
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
    "compaction",
    "advisor_tool_result",
    "fallback",
)


def cache_point(holder: Mapping[str, Any]) -> CachePoint | None:
    """The cache point that a block or tool carries. Bedrock's own time to live is 5 minutes; the other one is an hour."""
    control = holder.get("cache_control")
    if isinstance(control, Mapping) and control.get("type", "ephemeral") == "ephemeral":
        return CachePoint("1h" if control.get("ttl") == "1h" else "")
    return None


class Blocks:
    """Decodes the blocks of one request; `ignored` gathers what was left out, by the names of the types."""

    def __init__(self) -> None:
        self.ignored: dict[str, None] = {}

    def content(self, content: Any, param: str) -> tuple[Part, ...]:
        """A message's content, a string or a list of blocks."""
        if isinstance(content, str):
            return (Text(content),)
        parts: list[Part] = []
        try:
            for block, place in enumerated(content, param):
                parts += self._whatever(block, place)
        except InvalidRequest as problem:
            parts.append(sources.broken("", problem))
        return tuple(parts)

    def _whatever(self, block: Any, param: str) -> list[Part]:
        """The parts of a block, or one that cannot be used: an error in the last user turn only."""
        try:
            return self._block(a_block(block, param), param)
        except InvalidRequest as problem:
            return [sources.broken(str(block.get("type")) if isinstance(block, Mapping) else "", problem)]

    def _block(self, block: Mapping[str, Any], param: str) -> list[Part]:
        kind = block.get("type")
        decoded: list[Part]
        match kind:
            case "thinking":
                # Clients drop either member of old thoughts; a missing one must not end the session.
                thought = Reasoning(*(_text_or_empty(block, name, param) for name in ("thinking", "signature")))
                decoded = [thought] if thought != Reasoning() else []
            case "redacted_thinking":
                sealed = _text_or_empty(block, "data", param)
                decoded = [Reasoning(redacted=sealed)] if sealed else []
            case "tool_use":
                decoded = [ToolCall(filled(block, "id", param), filled(block, "name", param), _arguments(block))]
            case "tool_result":
                return self._result(block, param)
            case _ if kind in SPOKEN:
                decoded = [*self._spoken(block, param)]
            case _ if kind in SERVER:
                self.ignored[str(kind)] = None
                decoded = [*_brought(block)]
            case _:
                unknown_type(kind, BLOCKS, param)
        point = cache_point(block)
        return [*decoded, point] if point else decoded

    def _result(self, block: Mapping[str, Any], param: str) -> list[Part]:
        """A cache point within a result is one behind it: Converse has none inside."""
        call_id, content = filled(block, "tool_use_id", param), block.get("content")
        said: list[Text | Media] = []
        point = cache_point(block)
        if isinstance(content, str):
            said.append(Text(content))
        elif content is not None:
            for inner, place in enumerated(content, f"{param}.content"):
                said += self._within(inner, place)
                point = point or (cache_point(inner) if isinstance(inner, Mapping) else None)
        result = ToolResult(call_id, tuple(said), block.get("is_error") is True)
        return [result, point] if point else [result]

    def _within(self, block: Any, param: str) -> list[Text | Media]:
        """A result is a tool's, and its client can't change it: what is unknown is shown as JSON, as on the other surfaces."""
        kind = block.get("type") if isinstance(block, Mapping) else None
        try:
            if kind in SPOKEN:
                return self._spoken(block, param)
            if kind == "tool_reference":
                return [Text(f"The tool {filled(block, 'tool_name', param)} may be used.")]
        except InvalidRequest as problem:
            return [sources.broken(str(kind), problem)]
        if kind == "browser_state":
            block = {name: block[name] for name in ("tabs", "state_changes") if name in block}
        return [Text(block if isinstance(block, str) else to_json(block).decode())]

    def _spoken(self, block: Mapping[str, Any], param: str) -> list[Text | Media]:
        match block["type"]:
            case "text":
                return [Text(text_of(block, "text", param))]
            case "image" | "document" as kind:
                try:
                    return self._document(block, param) if kind == "document" else [_image(block, param)]
                except InvalidRequest as problem:
                    return [sources.broken(kind, problem)]
            case _:
                return [_search_result(block, param)]

    def _document(self, block: Mapping[str, Any], param: str) -> list[Text | Media]:
        source, place = object_of(block, "source", param), f"{param}.source"
        title, context, citations = block.get("title"), block.get("context"), block.get("citations")
        name = title if isinstance(title, str) else ""
        told = context if isinstance(context, str) else ""
        cited = isinstance(citations, Mapping) and citations.get("enabled") is True
        match source.get("type"):
            case "base64":
                blob = sources.blob(text_of(source, "data", place), f"{place}.data")
                mime = source.get("media_type")
                mime = mime if isinstance(mime, str) else "application/pdf"
                return [Media("document", blob, mime, name, f"{place}.data", told, cited)]
            case "text":
                text = text_of(source, "data", place)
                return [_text_document(text, name, f"{place}.data", told, cited)] if text.strip() else []
            case "url":
                url = filled(source, "url", place)
                if url[:8].lower().startswith(("http://", "https://", "s3://")):
                    found = sources.media("document", url, f"{place}.url", name=name)
                    return [Media("document", found.source, found.mime, name, found.param, told, cited)]
                wrong(f"{place}.url", "Input should be a URL with https")
            case "content":
                return self._chunks(source.get("content"), name, f"{place}.content", told, cited)
            case kind:
                _refuse_source(kind, ("base64", "text", "content", "url"), place)

    def _chunks(self, content: Any, name: str, param: str, told: str, cited: bool) -> list[Text | Media]:
        """A document made of blocks: its text as one, and its pictures beside it."""
        texts, pictures = [], list[Text | Media]()
        if isinstance(content, str):
            texts.append(content)
        else:
            for block, place in listed(content, param):
                if block.get("type") not in ("text", "image"):
                    unknown_type(block.get("type"), ("text", "image"), place)
                for part in self._spoken(block, place):
                    if isinstance(part, Text):
                        texts.append(part.text)
                    else:
                        pictures.append(part)
        text = "\n\n".join(texts)
        return [_text_document(text, name, param, told, cited), *pictures] if text.strip() else pictures


def _text_or_empty(block: Mapping[str, Any], name: str, param: str) -> str:
    return "" if block.get(name) is None else text_of(block, name, param)


def _arguments(block: Mapping[str, Any]) -> str:
    """The JSON text of a call's `input`. A string is what a client kept of a call that was cut off; the repairer mends it,
    as it does other values that are no object."""
    given = block.get("input")
    if isinstance(given, str):
        return given
    return "" if given is None else to_json(given).decode()


def listed(content: Any, param: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The blocks of a list, each with its place."""
    for block, place in enumerated(content, param):
        yield a_block(block, place), place


def enumerated(content: Any, param: str) -> Iterator[tuple[Any, str]]:
    """What a list holds, each with its place."""
    if content is None:
        missing(param)
    if not isinstance(content, list):
        wrong(param, "Input should be a valid list", "invalid_type")
    for place, block in enumerate(content):
        yield block, f"{param}.{place}"


def a_block(block: Any, param: str) -> Mapping[str, Any]:
    if not isinstance(block, Mapping):
        wrong(param, "Input should be a valid dictionary", "invalid_type")
    return block


def _image(block: Mapping[str, Any], param: str) -> Media:
    source, param = object_of(block, "source", param), f"{param}.source"
    match source.get("type"):
        case "base64":
            mime = source.get("media_type")
            blob = sources.blob(text_of(source, "data", param), f"{param}.data")
            return Media("image", blob, mime if isinstance(mime, str) else "", param=f"{param}.data")
        case "url":
            return sources.media("image", filled(source, "url", param), f"{param}.url")
        case kind:
            _refuse_source(kind, ("base64", "url"), param)


def _refuse_source(kind: Any, known: tuple[str, ...], param: str) -> NoReturn:
    if kind == "file":
        wrong(f"{param}.file_id", "Files are not kept here; send the content inline", "unsupported_parameter")
    unknown_type(kind, known, param)


def _text_document(text: str, name: str, param: str, context: str, citations: bool) -> Media:
    data = text.encode("utf-8", "replace")
    blob = Blob(binascii.b2a_base64(data, newline=False).decode(), len(data))
    return Media("document", blob, "text/plain", name or "document.txt", param, context, citations)


def _search_result(block: Mapping[str, Any], param: str) -> Text:
    """As text that says where it is from: few models on Bedrock have a block for it."""
    title, source = text_of(block, "title", param), text_of(block, "source", param)
    said = [text_of(inner, "text", place) for inner, place in listed(block.get("content"), f"{param}.content")]
    return Text("\n".join([f"Search result: {title}", f"Source: {source}", *said]))


def _brought(block: Mapping[str, Any]) -> Iterator[Text]:
    """What a server's block gave the model to read: the summary of a compaction, the pages that a search found."""
    content = block.get("content")
    if block["type"] == "compaction" and isinstance(content, str) and content.strip():
        yield Text(content)
    elif block["type"] == "web_search_tool_result" and isinstance(content, list):
        found = [page for page in content if isinstance(page, Mapping) and isinstance(page.get("url"), str)]
        if found:
            yield Text(
                "\n".join(["Found on the web:", *(f"{page.get('title') or ''} {page['url']}" for page in found)])
            )
