"""Bodies: read within the limit, and JSON that is meant badly."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidRequest, TooLarge
from app.web.asgi import ClientDisconnect
from app.web.body import parse_json, read_body
from tests.unit.web.asgi import DISCONNECT, Wire

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def piece(data: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


@pytest.mark.parametrize("sizes", [[], [0], [5], [1, 1, 1], [0, 10, 0]])
async def test_a_body_in_any_number_of_pieces(sizes: list[int]) -> None:
    pieces = [piece(b"x" * size, more=True) for size in sizes]
    assert await read_body(Wire(*pieces, piece(b"", more=False)).receive, 10) == b"x" * sum(sizes)


async def test_reading_stops_where_the_limit_is_passed() -> None:
    wire = Wire(piece(b"x" * 8, more=True), piece(b"x" * 3, more=True), piece(b"never read", more=False))
    with pytest.raises(TooLarge, match="10 bytes"):
        await read_body(wire.receive, 10)
    assert (await wire.receive())["body"] == b"never read"


async def test_a_client_that_leaves_within_its_body() -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(Wire(piece(b"x", more=True), DISCONNECT).receive, 10)


@given(JSON)
def test_json_comes_out_as_it_went_in(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize("body", [b'{"a": 1}', b' {"a": 1}', b'{"a": "\\ud83d"}'])
def test_a_byte_order_mark_before_the_json_is_ignored(body: bytes) -> None:
    assert parse_json(b"\xef\xbb\xbf" + body) == parse_json(body)


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf{}"])
def test_a_byte_order_mark_excuses_nothing_else(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_json(b"\xef\xbb\xbf" + body)


@given(st.binary(max_size=200))
def test_no_bytes_are_a_fault(data: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        parse_json(data)


@given(st.text(st.characters(categories=["Cs", "Lu", "Ll", "So"]), max_size=20))
def test_text_with_halves_of_characters_is_mended(text: str) -> None:
    mended = parse_json(json.dumps({"text": text}).encode())["text"]
    assert mended == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@pytest.mark.parametrize("body", [
    b'{"a": NaN, "b": "\\ud83d"}', b'{"b": "\\ud83d"', b'["\\ud83d"' + b',[' * 5000, b'{"b": "\\uD83D", "c": 1e999}',
])  # fmt: skip
def test_a_lone_surrogate_excuses_nothing_else(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_json(body)


@pytest.mark.parametrize("depth", [150, 20_000])
def test_depth_is_bounded(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    if depth < 200:
        assert parse_json(body)
    else:
        with pytest.raises(InvalidRequest):
            parse_json(body)


def test_what_was_wrong_is_told_without_the_content() -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_json(b'{"secret": "word" nonsense}')
    assert "secret" not in raised.value.message
    assert "word" not in raised.value.message
