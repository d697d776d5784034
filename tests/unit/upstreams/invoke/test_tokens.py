"""Token ids to text, with tiktoken itself as the referee, and without any network."""

from __future__ import annotations

import gzip
import hashlib
import socket
import sys
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from app.core.ports import TokenDecoder
from app.errors import InvalidRequest
from app.upstreams.invoke import tokens
from app.upstreams.invoke.tokens import CHECKOUT, FILE, SPECIAL, VocabularyDecoder, find_vocabulary, read_vocabulary

SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"  # tiktoken_ext/openai_public.py
DECODER: TokenDecoder = VocabularyDecoder()


@pytest.fixture(scope="module")
def referee() -> tiktoken.Encoding:
    """The real tokenizer over the shipped vocabulary: it would download its own."""
    ranks = {token: number for number, token in read_vocabulary(CHECKOUT / FILE).items() if number not in SPECIAL}
    pattern = (
        r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"""
        r"""|\s+(?!\S)|\s"""
    )
    special = {token.decode(): number for number, token in SPECIAL.items()}
    return tiktoken.Encoding("cl100k_base", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def test_the_shipped_vocabulary_is_openais_own() -> None:
    assert hashlib.sha256(gzip.decompress((CHECKOUT / FILE).read_bytes())).hexdigest() == SHA256


def test_known_ids_have_their_known_text() -> None:
    assert DECODER.decode([15339, 1917]) == "hello world"
    assert DECODER.decode([100257]) == "<|endoftext|>"


@given(st.text())
def test_what_tiktoken_encodes_comes_back(referee: tiktoken.Encoding, text: str) -> None:
    assert DECODER.decode(referee.encode(text, disallowed_special=())) == text


@given(st.lists(st.integers(0, 100_255)))
def test_any_ids_give_the_text_that_tiktoken_gives(referee: tiktoken.Encoding, numbers: list[int]) -> None:
    assert DECODER.decode(numbers) == referee.decode(numbers)


def test_special_tokens_are_tiktokens(referee: tiktoken.Encoding) -> None:
    assert DECODER.decode(sorted(SPECIAL)) == referee.decode(sorted(SPECIAL))


@pytest.mark.parametrize("number", [-1, 100_256, 100_261, 100_277, 199_999, 10**5000], ids=hex)
def test_a_number_that_is_no_token_is_a_400(number: int) -> None:
    with pytest.raises(InvalidRequest, match="not a token of cl100k_base") as raised:
        DECODER.decode([15339, number])
    assert raised.value.param == "input"


def test_without_the_vocabulary_the_400_says_what_to_do() -> None:
    with pytest.raises(InvalidRequest) as raised:
        VocabularyDecoder(lambda: None).decode([1])
    assert raised.value.param == "input"
    assert "layers/embeddings" in raised.value.message
    assert "check_embedding_ctx_length=False" in raised.value.message


def test_no_socket_is_opened_and_tiktoken_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setitem(sys.modules, "tiktoken", None)  # importing it would raise ImportError
    assert VocabularyDecoder().decode([15339, 1917]) == "hello world"


def test_the_vocabulary_is_read_once() -> None:
    asked: list[None] = []

    def find() -> Path | None:
        asked.append(None)
        return CHECKOUT / FILE

    decoder = VocabularyDecoder(find)
    assert decoder.decode([15339]) + decoder.decode([1917]) == "hello world"
    assert len(asked) == 1


def test_an_installed_layer_goes_before_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_vocabulary() == CHECKOUT / FILE
    package = tmp_path / "cl100k_vocabulary"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_vocabulary() == CHECKOUT / FILE  # a package without its data is no vocabulary
    (package / FILE).touch()
    assert find_vocabulary() == package / FILE


def test_where_neither_is_there_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CHECKOUT", tmp_path)
    assert find_vocabulary() is None
