"""Embeddings -> OpenAI's answer. Pure."""

from __future__ import annotations

import binascii
import sys
from array import array
from collections.abc import Sequence

from app.api.embeddings.schema import EmbeddingsAnswer, Encoding
from app.core.ports import Embeddings


def encode(embeddings: Embeddings, model: str, encoding: Encoding) -> EmbeddingsAnswer:
    """`model` is the client's own word for it: clients compare it with what they asked for."""
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": to_base64(vector) if encoding == "base64" else list(vector),
            }
            for index, vector in enumerate(embeddings.vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": embeddings.tokens, "total_tokens": embeddings.tokens},
    }


def to_base64(vector: Sequence[float]) -> str:
    """Little-endian float32 in base64: what the official SDKs ask for, and read with numpy.frombuffer."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return binascii.b2a_base64(numbers, newline=False).decode("ascii")
