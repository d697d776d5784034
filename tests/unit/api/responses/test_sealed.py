"""What clients carry unread comes back byte for byte, and nothing they make up does harm."""

from __future__ import annotations

import tracemalloc
import zlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.responses import sealed
from app.api.responses.sealed import LARGEST, Unsealer, seal, seal_summary
from app.core.prompt import Reasoning

BLOCKS = st.lists(st.builds(Reasoning, st.text(), st.text(), st.text()), max_size=3)


@given(BLOCKS)
def test_thoughts_return_as_they_were(blocks: list[Reasoning]) -> None:
    assert Unsealer().thoughts(seal(blocks)) == blocks
    assert Unsealer().summary(seal(blocks)) is None


@given(st.text())
def test_a_summary_returns_as_it_was(text: str) -> None:
    assert Unsealer().summary(seal_summary(text)) == text
    assert Unsealer().thoughts(seal_summary(text)) is None


@given(st.text() | st.text().map("gw1.".__add__))
def test_what_others_wrote_is_nothing(text: str) -> None:
    assert Unsealer().thoughts(text) is None


def packed(raw: bytes) -> str:
    return "gw1." + urlsafe_b64encode(zlib.compress(raw)).decode()


@pytest.mark.parametrize("raw", [b"[", b"{}", b'[["a"]]', b'[["a","b",1]]', b"[1]", b'["abc"]'])
def test_what_is_no_thought_is_nothing(raw: bytes) -> None:
    assert Unsealer().thoughts(packed(raw)) is None


@pytest.mark.parametrize("content", [None, 7, "", "gw1.", "gw1.AAAA", "gw1.\u00e9", packed(b'[["a","",""]]')[:-8]])
def test_what_is_broken_is_nothing(content: object) -> None:
    assert Unsealer().thoughts(content) is None


def test_a_bomb_is_not_inflated() -> None:
    assert Unsealer().thoughts(packed(b'[["' + b"a" * LARGEST + b'","",""]]')) is None


def test_a_million_small_thoughts_in_a_few_kilobytes_are_none() -> None:
    assert Unsealer().thoughts(seal([Reasoning("a")] * 8)) == [Reasoning("a")] * 8
    assert Unsealer().thoughts(seal([Reasoning("a")] * 9)) is None


def test_a_request_has_a_limit_for_all() -> None:
    large = packed(b'[["' + b"a" * (LARGEST - 20) + b'","",""]]')
    unsealer = Unsealer()
    assert sum(unsealer.thoughts(large) is not None for _ in range(20)) == 8
    assert unsealer.thoughts(seal([Reasoning("a")])) is None
    assert Unsealer().thoughts(seal([Reasoning("a")])) is not None


def test_broken_ones_count_as_well() -> None:
    unsealer = Unsealer()
    broken = packed(b"[")[:-6] + "AAAA"
    assert [unsealer.thoughts(broken) for _ in range(8)] == [None] * 8
    assert unsealer.thoughts(seal([Reasoning("a")])) is None


def test_a_bomb_behind_a_limit_that_is_just_passed_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """zlib takes a bound of 0 for none: one byte too many left just that."""
    monkeypatch.setattr(sealed, "LARGEST_IN_ALL", 10)
    unsealer = Unsealer()
    assert unsealer.thoughts(packed(b" " * 11)) is None
    tracemalloc.start()
    try:
        assert [unsealer.thoughts(packed(b" " * 20_000_000)) for _ in range(3)] == [None] * 3
        assert tracemalloc.get_traced_memory()[1] < 25_000_000  # the bomb itself, and nothing that came out of it
    finally:
        tracemalloc.stop()
