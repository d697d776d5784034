"""The answer as OpenAI has it, and base64 as its SDKs read it."""

from __future__ import annotations

import base64
import struct
import sys
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.embeddings.encode import encode, to_base64
from app.core.ports import Embeddings


def test_the_answer_is_openais() -> None:
    answer: Any = encode(Embeddings([array("d", [0.5, -1.0]), [0.25]], 7, "us.upstream"), "mine", "float")
    assert answer == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.25]},
        ],
        "model": "mine",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    assert type(answer["data"][0]["embedding"]) is list


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_base64_is_the_vector_in_little_endian_float32(vector: list[float]) -> None:
    answer = encode(Embeddings([vector], 1, "m"), "m", "base64")
    raw = base64.b64decode(str(answer["data"][0]["embedding"]), validate=True)
    assert list(struct.unpack(f"<{len(vector)}f", raw)) == vector


def test_doubles_are_rounded_to_float32() -> None:
    assert base64.b64decode(to_base64(array("d", [0.1]))) == struct.pack("<f", 0.1)


def test_a_big_endian_machine_turns_its_bytes_round(monkeypatch: pytest.MonkeyPatch) -> None:
    here = base64.b64decode(to_base64([1.0]))
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    assert base64.b64decode(to_base64([1.0])) == here[::-1]
