"""What is kept is small, and what is no such thing is nothing."""

from __future__ import annotations

import os
import zlib
from typing import Any

import pytest

from app.core import packing
from app.core.packing import MAX_ITEM, MAX_RAW, packed, unpacked


@pytest.mark.parametrize("value", [{"a": [1, None, "é\ud800", 0.1]}, [], "x", 2**60])
def test_a_value_comes_back(value: Any) -> None:
    assert unpacked(packed(value)) == value


@pytest.mark.parametrize("value", [object(), float("nan"), float("inf"), {(1, 2): 3}])
def test_what_is_no_json_is_not_kept(value: Any) -> None:
    assert packed(value) is None


def test_what_is_too_large_for_an_item_is_not_kept() -> None:
    noise = os.urandom(MAX_ITEM).hex()
    assert packed(noise) is None
    assert packed(noise[: MAX_ITEM // 2]) is not None
    assert packed("a" * MAX_RAW) is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        7,
        b"",
        b"nothing of ours",
        zlib.compress(b"{"),
        zlib.compress(b"\xff"),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b"[1]")[:-5],
        zlib.compress(b'"' + b" " * MAX_RAW + b'"'),
    ],
)
def test_what_is_not_ours_is_nothing(body: object) -> None:
    assert unpacked(body) is None


def test_a_bomb_is_not_blown_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_RAW", 1000)
    assert unpacked(zlib.compress(b" " * 1001 + b"1")) is None
    assert unpacked(zlib.compress(b" " * 900 + b"1")) == 1
