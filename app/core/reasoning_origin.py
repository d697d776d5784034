"""The model family that produced a piece of reasoning, written into the opaque value that clients pass back. Pure.

A signature, or the data of redacted reasoning, is accepted by the model family that produced it and refused by every other.
The gateway therefore puts a mark of fixed length before both as they come from the model, and removes it before they return
to a model. The mark is made of characters of base64, so that a value of base64 stays one, and depends on the family alone,
so that a prefix that is sent again is the same prefix. A value without a mark has an unknown origin.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace

from app.core.prompt import Reasoning

_HEAD = b64encode(b"gwfam:").decode()
_NAME_BYTES = 18
"""A multiple of 3, so that the mark needs no padding in base64."""
MARK_LENGTH = len(_HEAD) + _NAME_BYTES * 4 // 3


def mark_of(family: str) -> str:
    """The text to put before a value of this family; empty where the family is unknown.

    >>> mark_of("claude") + "c2lnbmF0dXJl"
    'Z3dmYW06Y2xhdWRlICAgICAgICAgICAgc2lnbmF0dXJl'
    """
    name = family.encode()[:_NAME_BYTES]
    return _HEAD + b64encode(name.ljust(_NAME_BYTES)).decode() if name else ""


def split_mark(value: str) -> tuple[str, str]:
    """The family, empty where it is unknown, and the value as the model made it."""
    if not value.startswith(_HEAD):
        return "", value
    try:
        family = b64decode(value[len(_HEAD) : MARK_LENGTH], validate=True).decode().rstrip()
    except ValueError:
        return "", value
    return (family, value[MARK_LENGTH:]) if len(value) >= MARK_LENGTH and family else ("", value)


def origin_of(block: Reasoning) -> str:
    """The family that produced a block; empty where that is unknown, as it always is for text without a signature."""
    return split_mark(block.redacted or block.signature)[0]


def without_mark(block: Reasoning) -> Reasoning:
    """The block as the model made it."""
    return replace(block, signature=split_mark(block.signature)[1], redacted=split_mark(block.redacted)[1])
