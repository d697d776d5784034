"""What a request asks of a model, as a hash: two that are equal would be answered from the same entry of the cache.

Everything in the plans counts, so that what is added to them later counts by itself. Left out is what no model sees: who
asks and what for (`metadata`, `user`: they are for the bill), whether the answer is streamed, by what name the model was
asked, and the traits and the betas asked for, whose consequences are in the plan.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from app.core.plan import Plan, Target
from app.core.prompt import Blob, Media, Message, Part, Prompt, Text, ToolCall, ToolResult

FORMAT = b"1"
LARGE = 256 * 1024
"""Bytes: to hash 20 MB takes some 30 ms, in which other people's streams would stand still."""

_UNSEEN: dict[type[Any], frozenset[str]] = {
    Plan: frozenset({"stream", "whole", "metadata"}),
    # The messages are the plan's as well.
    Prompt: frozenset({"model", "messages", "metadata", "user", "ignored", "betas", "grounding_else"}),
    Target: frozenset({"traits"}),
    Media: frozenset({"param", "optional"}),
}


async def fingerprint(tenant: str, plans: Sequence[Plan], n: int) -> str:
    """64 hexadecimal digits. The tenant is part of it, so that an entry fits nobody else wherever it may get to."""
    if sum(_size(part) for plan in plans for message in plan.messages for part in message.parts) < LARGE:
        return digest(tenant, plans, n)
    return await asyncio.to_thread(digest, tenant, plans, n)


def digest(*values: Any) -> str:
    """SHA-256 over texts, numbers, sequences, mappings (in any order) and the dataclasses of `core`."""
    hashing = hashlib.sha256(FORMAT)
    _feed(hashing.update, values)
    return hashing.hexdigest()


def _feed(update: Callable[[bytes], None], value: Any) -> None:
    """Each value with its kind and length, so that no two of them look alike."""
    match value:
        case str():
            raw = value.encode("utf-8", "surrogatepass")
            update(b"s%d:" % len(raw))
            update(raw)
        case None | bool():
            update(b"%r;" % value)
        case int():
            update(b"i%x;" % value)
        case float():
            update(b"d%r;" % value)
        case Mapping():
            update(b"m%d;" % len(value))
            for name in sorted(value, key=str):
                _feed(update, name)
                _feed(update, value[name])
        case list() | tuple():
            update(b"l%d;" % len(value))
            for each in value:
                _feed(update, each)
        case frozenset() | set():
            _feed(update, sorted(value, key=repr))
        case _ if is_dataclass(value) and not isinstance(value, type):
            update(b"c%b;" % type(value).__name__.encode())
            for name in _seen(type(value)):
                _feed(update, getattr(value, name))
        case _:
            _feed(update, repr(value))  # nothing that is in a plan today


@cache
def _seen(kind: type[Any]) -> tuple[str, ...]:
    unseen = _UNSEEN.get(kind, frozenset())
    return tuple(field.name for field in fields(kind) if field.name not in unseen)


def _size(part: Part | Message) -> int:
    match part:
        case Text(text):
            return len(text)
        case Media(source=Blob() as blob):
            return len(blob.base64)
        case ToolCall():
            return len(part.arguments)
        case ToolResult():
            return sum(map(_size, part.content))
        case _:
            return 0
