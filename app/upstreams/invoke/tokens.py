"""Token ids of OpenAI's cl100k encoding -> text, for clients that tokenize before they ask for embeddings.

To decode is to look each id up and join the bytes, so the vocabulary is all it takes: tiktoken's merge rules serve the
other direction only. The vocabulary is the data package `cl100k_vocabulary` (776 KB) of the optional layer
`layers/embeddings`; it is read when first needed, in about 30 ms and 12 MB, and never downloaded.
"""

from __future__ import annotations

import gzip
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from app.errors import InvalidRequest

PACKAGE = "cl100k_vocabulary"
FILE = "cl100k_base.tiktoken.gz"
CHECKOUT = Path(__file__).parents[3] / "layers" / "embeddings" / PACKAGE

SPECIAL: Mapping[int, bytes] = {
    100257: b"<|endoftext|>",
    100258: b"<|fim_prefix|>",
    100259: b"<|fim_middle|>",
    100260: b"<|fim_suffix|>",
    100276: b"<|endofprompt|>",
}
"""Ids that are not in the vocabulary's file (tiktoken 0.14, `tiktoken_ext/openai_public.py`)."""

MISSING = (
    "Inputs given as token numbers need the gateway's optional tokenizer, which is not installed here. Send strings "
    "instead (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False)), or deploy the gateway with its "
    "layers/embeddings."
)


def find_vocabulary() -> Path | None:
    """The vocabulary's file: from the installed layer (`/opt/python` on Lambda), else from the checkout, else None."""
    spec = find_spec(PACKAGE)
    folders = [*(spec.submodule_search_locations or ())] if spec else []
    candidates = (Path(folder) / FILE for folder in (*folders, CHECKOUT))
    return next((path for path in candidates if path.is_file()), None)


def read_vocabulary(path: Path) -> dict[int, bytes]:
    """Token id -> the token's bytes, special tokens included."""
    table = dict(SPECIAL)
    for line in gzip.decompress(path.read_bytes()).splitlines():
        token, _, number = line.partition(b" ")
        table[int(number)] = a2b_base64(token)
    return table


class VocabularyDecoder:
    """The port `TokenDecoder` over the shipped vocabulary. May be called from any thread."""

    def __init__(self, find: Callable[[], Path | None] = find_vocabulary) -> None:
        self._find = find
        self._table: dict[int, bytes] | None = None

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of the token ids; half a character at either end becomes U+FFFD, as in tiktoken.

        Raises InvalidRequest for an id that is none of cl100k's, and where no vocabulary is installed.
        """
        table = self._table
        if table is None:  # two threads may both read it; the results are the same
            path = self._find()
            if path is None:
                raise InvalidRequest(MISSING, param="input", code="tokenizer_not_installed")
            table = self._table = read_vocabulary(path)
        try:
            return b"".join(map(table.__getitem__, tokens)).decode("utf-8", "replace")
        except KeyError as problem:
            raise _unknown(problem.args[0]) from None


def _unknown(number: int) -> InvalidRequest:
    """A number with thousands of digits can't even be printed (CPython raises ValueError)."""
    shown = str(number) if abs(number) < 2**63 else "A number"
    return InvalidRequest(
        f"{shown} is not a token of cl100k_base, the encoding of OpenAI's embedding models.", param="input"
    )
