"""Tool names, call ids and document names that Converse refuses, as ones it takes; deterministic, so that a prefix stays the
same.

Converse wants `[a-zA-Z0-9_-]{1,64}` for names and `[a-zA-Z0-9_.:-]{1,64}` for ids; MCP servers and other vendors' models
produce `fs.read`, `a/b`, 90-character ids. A valid word is its own alias.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}\Z")
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
LIMIT = 64
DOCUMENT_NAME_LIMIT = 200
_STEM = DOCUMENT_NAME_LIMIT - len(" (9999999)")
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_ENDING = re.compile(r"\.([A-Za-z][A-Za-z0-9]{0,9})\Z")
# Latin letters that Unicode does not decompose
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\N{LATIN SMALL LETTER DOTLESS I}": "i"}
)


def digest(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def tool_name(name: str) -> str:
    """`fs.read` -> `fs_read_1f0e...`: readable for the model, and apart from every other name."""
    if _NAME.match(name):
        return name
    readable = _NOT_NAME.sub("_", name).strip("_")[: LIMIT - 11]
    return f"{readable or 'tool'}_{digest(name)}"


def call_id(identifier: str) -> str:
    """An id is read by nobody, so the alias is a digest only."""
    return identifier if _ID.match(identifier) else f"call_{digest(identifier)}"


class DocumentNames:
    """Names that Bedrock accepts for the documents of one request, no two of them alike in any case.

    Allowed are letters, digits, single spaces, hyphens, parentheses and brackets, 1 to 200 in all. The same file names in
    the same order give the same result, so that a cached prefix stays one.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}

    def new(self, filename: str) -> str:
        """`Plan_März.pdf` -> `Plan Marz`, then `Plan Marz (2)`."""
        name = base = _readable(filename)
        stem = base[:_STEM].rstrip().lower()
        # Counted by stem, so that no number is tried twice: long names that differ only behind it share its numbers.
        while name.lower() in self._used:
            count = self._counts[stem] = self._counts.get(stem, 1) + 1
            suffix = f" ({count})"
            name = base[: DOCUMENT_NAME_LIMIT - len(suffix)].rstrip() + suffix
        self._used.add(name.lower())
        return name


def _readable(filename: str) -> str:
    stem = re.split(r"[/\\]", filename.strip())[-1]
    stem = _ENDING.sub("", stem) or stem
    ascii_only = unicodedata.normalize("NFKD", stem.translate(_LETTERS)).encode("ascii", "ignore").decode("ascii")
    # Without combining marks there is nothing left of a script other than Latin.
    return _NOT_ALLOWED.sub(" ", ascii_only).strip()[:DOCUMENT_NAME_LIMIT].rstrip() or "document"
