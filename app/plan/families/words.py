"""Words that the rows of several families share."""

from __future__ import annotations

from typing import Any

Rows = tuple[tuple[str, dict[str, Any]], ...]
"""A pattern of base model ids, and the traits it sets."""

TEXT: frozenset[str] = frozenset()
DOCUMENT = frozenset({"document"})
SEES = frozenset({"image", "document"})
WATCHES = frozenset({"image", "document", "video"})
HEARS = frozenset({"audio", "document"})
AUTO = frozenset({"auto"})
AUTO_ANY = frozenset({"auto", "any"})
NEVER: frozenset[str] = frozenset()
LOW_HIGH = ("low", "medium", "high")
