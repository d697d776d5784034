"""Tool names and call ids that Converse refuses, as aliases it takes; deterministic, so that a prefix stays the same.

Converse wants `[a-zA-Z0-9_-]{1,64}` for names and `[a-zA-Z0-9_.:-]{1,64}` for ids; MCP servers and other vendors' models
produce `fs.read`, `a/b`, 90-character ids. A valid word is its own alias.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}\Z")
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
LIMIT = 64


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def tool_name(name: str) -> str:
    """`fs.read` -> `fs_read_1f0e...`: readable for the model, and apart from every other name."""
    if _NAME.match(name):
        return name
    readable = _NOT_NAME.sub("_", name).strip("_")[: LIMIT - 11]
    return f"{readable or 'tool'}_{_digest(name)}"


def call_id(identifier: str) -> str:
    """An id is read by nobody, so the alias is a digest only."""
    return identifier if _ID.match(identifier) else f"call_{_digest(identifier)}"


def restored(names: Iterable[str]) -> Mapping[str, str]:
    """Alias -> the client's own name, for those names that needed one."""
    return {alias: name for name in names if (alias := tool_name(name)) != name}
