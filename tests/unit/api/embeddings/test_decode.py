"""Every form of `input`, every parameter, and every mistake with its place."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.embeddings.decode import Decoded, decode, has_token_numbers
from app.core.ports import EmbeddingItem
from app.core.prompt import Blob
from app.errors import GatewayError, InvalidRequest

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()
IMAGE = EmbeddingItem(image=Blob(PIXEL, 12))


class Letters:
    """A vocabulary of 26 tokens."""

    def decode(self, tokens: Sequence[int]) -> str:
        if max(tokens) > 25:
            raise InvalidRequest("no such token", param="input")
        return "".join(chr(97 + token) for token in tokens)


def read(input: Any, **fields: Any) -> Decoded:
    return decode({"model": "m", "input": input} | fields, Letters(), 4)


@pytest.mark.parametrize(
    ("input", "items"),
    [
        ("a", [EmbeddingItem("a")]),
        (" ", [EmbeddingItem(" ")]),
        (["a", "b"], [EmbeddingItem("a"), EmbeddingItem("b")]),
        ([0, 1, 2], [EmbeddingItem("abc")]),
        ([0, 1, 2, 3, 4, 5], [EmbeddingItem("abcdef")]),
        ([[0], [1, 2]], [EmbeddingItem("a"), EmbeddingItem("bc")]),
        (["a", [1], {"text": "c"}], [EmbeddingItem("a"), EmbeddingItem("b"), EmbeddingItem("c")]),
        ([{"type": "text", "text": "a"}], [EmbeddingItem("a")]),
        ({"text": "a", "image": None}, [EmbeddingItem("a")]),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}, [IMAGE]),
        ({"image_url": f"DATA:image/png;name=x.png;BASE64,{PIXEL}"}, [IMAGE]),
        ({"image": PIXEL}, [IMAGE]),
        ({"image": f"data:;base64,{PIXEL[:8]}\n {PIXEL[8:]}"}, [IMAGE]),
        ({"image": {"url": PIXEL}, "text": None}, [IMAGE]),
        ([{"text": "a", "image": PIXEL}], [EmbeddingItem("a", Blob(PIXEL, 12))]),
        ({"image": "AAAA="}, [EmbeddingItem(image=Blob("AAAA", 3))]),
        ({"image": "AAA"}, [EmbeddingItem(image=Blob("AAA=", 2))]),
    ],
)
def test_every_form_of_input_is_read(input: Any, items: list[EmbeddingItem]) -> None:
    assert list(read(input).request.items) == items


@pytest.mark.parametrize(
    ("input", "param"),
    [
        (None, "input"),
        (7, "input"),
        (1.5, "input"),
        (True, "input"),
        ("", "input"),
        ([], "input"),
        (["a", "b", ""], "input.2"),
        (["a", None], "input.1"),
        (["a", 1], "input.1"),
        ([True], "input.0"),
        ([1.5], "input.0"),
        ([1, "a"], "input"),
        ([1, True], "input"),
        ([[1], []], "input.1"),
        ([[1], [[2]]], "input.1"),
        ([[1], [99]], "input.1"),
        ([99], "input"),
        (["a"] * 5, "input"),
        ({}, "input"),
        ([{"type": "video_url", "video_url": "x"}], "input.0"),
        ({"text": 5}, "input.text"),
        ([{"text": ""}], "input.0.text"),
        ({"image": 5}, "input.image"),
        ({"image_url": {}}, "input.image_url"),
        ([{"image_url": {"url": "https://example.com/a.png"}}], "input.0.image_url"),
        ({"image": "s3://bucket/key"}, "input.image"),
        ({"image": "data:image/png,abc"}, "input.image"),
        ({"image": ""}, "input.image"),
        ({"image": "A"}, "input.image"),
        ({"image": "AA*A"}, "input.image"),
        ({"image": "AAé="}, "input.image"),
    ],
)
def test_what_is_no_input_is_refused_by_place(input: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(input)
    assert raised.value.param == param


def test_parameters_arrive_where_they_belong() -> None:
    decoded = read("a", dimensions=256, input_type="query", truncate="END", encoding_format="base64")
    assert decoded.encoding == "base64"
    assert (decoded.request.model, decoded.request.dimensions, decoded.request.input_type) == ("m", 256, "query")
    assert decoded.request.extra == {"truncate": "END"}
    assert decoded.ignored == ()


def test_nulls_count_as_absent() -> None:
    names = ("dimensions", "encoding_format", "input_type", "truncate", "user", "something_new")
    assert read("a", **dict.fromkeys(names)) == read("a")
    assert read("a").encoding == "float"


def test_what_has_no_effect_is_named() -> None:
    assert read("a", user="me", metadata={"a": 1}, stream=False).ignored == ("user", "metadata", "stream")


def test_names_that_would_break_a_header_are_not_repeated() -> None:
    fields: dict[str, Any] = {"a\r\nset-cookie: x": 1, "é": 1, "": 1, "x" * 65: 1, "fine": 1}
    assert read("a", **fields).ignored == ("unknown", "fine")
    assert len(read("a", **{f"f{n}": n for n in range(1000)}).ignored) == 32


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {"model": "m"},
        {"input": "a"},
        {"model": "", "input": "a"},
        {"model": None, "input": "a"},
        {"model": 5, "input": "a"},
        {"model": "m", "input": "a", "dimensions": 0},
        {"model": "m", "input": "a", "dimensions": "256"},
        {"model": "m", "input": "a", "dimensions": True},
        {"model": "m", "input": "a", "encoding_format": "int8"},
        {"model": "m", "input": "a", "input_type": 5},
        {"model": "m", "input": "a", "truncate": ["END"]},
    ],
)
def test_fields_of_a_wrong_type_are_pydantics_to_refuse(body: Any) -> None:
    with pytest.raises(ValidationError):
        decode(body, Letters(), 4)


@pytest.mark.parametrize(
    ("body", "has"),
    [
        ({"input": [1]}, True),
        ({"input": [[1]]}, True),
        ({"input": ["a"]}, False),
        ({"input": []}, False),
        ({"input": "a"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_token_numbers_are_noticed(body: Any, has: bool) -> None:
    assert has_token_numbers(body) is has


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["text", "image", "image_url", "url", "type"]) | st.text(max_size=4), inner)
    ),
)


@given(JSON)
def test_whatever_is_sent_as_input_is_read_or_refused(input: Any) -> None:
    problem: GatewayError | None = None
    try:
        items: Sequence[EmbeddingItem] = decode({"model": "m", "input": input}, Stoic(), 4).request.items
    except GatewayError as raised:
        items, problem = (), raised
    assert bool(items) is (problem is None)
    assert problem is None or (problem.status == 400 and str(problem.param).startswith("input"))


class Stoic:
    def decode(self, tokens: Sequence[int]) -> str:
        return "x" * len(tokens)
