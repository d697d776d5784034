"""Counts and cuts tokens: about four characters, or a word if that is shorter."""

import re
from typing import Any

_PIECE = re.compile(r"\s*[^\W_]{1,6}|\s*[^\s]|\s+")
_CHARACTERS = 4
IMAGE_PIXELS = 750


def pieces(text: str) -> list[str]:
    """The text cut into tokens; joined they are the text again."""
    return _PIECE.findall(text)


def estimate(characters: int) -> int:
    """Tokens of an input of so many characters."""
    return (characters + _CHARACTERS - 1) // _CHARACTERS


def weight(value: Any) -> int:
    """Characters that a JSON value counts for: its strings, keys and numbers, without punctuation."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + weight(inner) for key, inner in value.items())
    if isinstance(value, list):
        return sum(weight(inner) for inner in value)
    return len(str(value))
