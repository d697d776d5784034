"""Reads what the emulated model needs to know out of a Converse body."""

import struct
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.behaviour import markers, person, tokens

Body = dict[str, Any]
_SNIFF = 64 * 1024


@dataclass(frozen=True, slots=True)
class Prompt:
    """The last user turn, read: its text without markers, tool results, attachments; and the system text.

    `request` is what the person wrote last, without what a client put around it and without markers: in this turn, or in an
    earlier one where this turn has only tool results. `directives` are the tool calls that the person asks for in this turn.
    """

    text: str
    request: str
    directives: tuple[markers.CallDirective, ...]
    system: str
    results: tuple[str, ...]
    attachments: tuple[str, ...]
    markers: markers.Markers


def read(body: Body) -> Prompt:
    """The prompt of a body; an absent or assistant last turn reads as empty."""
    turns = body.get("messages") or []
    last = _last_user(turns)
    texts = _texts(last)
    text, written = " ".join(texts), person.words(texts)
    system = " ".join(block["text"] for block in body.get("system") or [] if "text" in block)
    system += "".join(" " + block["text"] for turn in turns if turn.get("role") == "system"
                      for block in turn["content"] if "text" in block)  # fmt: skip
    results = tuple(_result_text(block["toolResult"]) for block in last if "toolResult" in block)
    attachments = tuple(_attachments(last))
    request = written or (_earlier_request(turns) if results else "")
    return Prompt(
        text=markers.strip(text),
        request=markers.strip(request),
        directives=tuple(markers.call_directives(written)),
        system=system,
        results=results,
        attachments=attachments,
        markers=markers.read(system, text),
    )


def _texts(content: list[Body]) -> list[str]:
    return [block["text"] for block in content if "text" in block]


def _earlier_request(turns: list[Body]) -> str:
    """The person's words in the last user turn that has some."""
    written = (person.words(_texts(turn["content"])) for turn in reversed(turns) if turn["role"] == "user")
    return next(filter(None, written), "")


def _last_user(messages: list[Body]) -> list[Body]:
    for message in reversed(messages):
        if message["role"] == "user":
            content: list[Body] = message["content"]
            return content
    return []


def _result_text(result: Body) -> str:
    parts = []
    for block in result.get("content") or []:
        if "text" in block:
            parts.append(block["text"])
        elif "json" in block:
            parts.append(str(block["json"]))
        else:
            parts.append(f"({next(iter(block), 'nothing')})")
    return " ".join(parts)


def _attachments(content: list[Body]) -> Iterator[str]:
    for block in content:
        if "image" in block:
            image = block["image"]
            raw = b64decode(image["source"].get("bytes", "")[:_SNIFF])
            yield f"a {image['format']} image{_size(raw)}"
        elif "document" in block:
            yield f'the document "{block["document"]["name"]}"'
        elif "video" in block:
            yield f"a {block['video']['format']} video"
        elif "audio" in block:
            yield f"{block['audio']['format']} audio"


def _size(raw: bytes) -> str:
    width, height = dimensions(raw)
    return f" of {width}x{height} pixels" if width else ""


def dimensions(raw: bytes) -> tuple[int, int]:
    """Width and height of a png, gif or jpeg in pixels; zeros for anything else."""
    if raw[:8] == b"\x89PNG\r\n\x1a\n" and len(raw) >= 24:
        width, height = struct.unpack(">II", raw[16:24])
        return width, height
    if raw[:4] == b"GIF8" and len(raw) >= 10:
        width, height = struct.unpack("<HH", raw[6:10])
        return width, height
    return _jpeg_dimensions(raw) if raw[:2] == b"\xff\xd8" else (0, 0)


def _jpeg_dimensions(raw: bytes) -> tuple[int, int]:
    position = 2
    while position + 9 < len(raw) and raw[position] == 0xFF:
        marker = raw[position + 1]
        # Start-of-frame segments carry the size; C4, C8 and CC share the range and do not.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", raw[position + 5 : position + 9])
            return width, height
        position += 2 + int.from_bytes(raw[position + 2 : position + 4], "big")
    return 0, 0


def input_weight(body: Body) -> int:
    """Input characters of a whole body, media counted at what their tokens would be."""
    total = sum(block_weight(block) for block in body.get("system") or [])
    for message in body.get("messages") or []:
        total += sum(block_weight(block) for block in message["content"]) + 4
    return total + tokens.weight((body.get("toolConfig") or {}).get("tools") or [])


def block_weight(block: Body) -> int:
    """Characters that one content block counts for."""
    if "text" in block:
        return len(block["text"])
    if "image" in block:
        raw = b64decode(block["image"]["source"].get("bytes", "")[:_SNIFF])
        width, height = dimensions(raw)
        return max(64, width * height // tokens.IMAGE_PIXELS) * 4
    return 0 if "cachePoint" in block else tokens.weight(block)
