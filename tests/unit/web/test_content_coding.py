"""Compressed bodies: what is undone, what is refused, and how much is ever inflated."""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import sys
import types
import zlib
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from app.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from app.web.content_coding import MAX_CODINGS, MAX_MEMBERS, codings_of, decode_body, supported_codings
from app.web.problems import problem_headers

TEXT = b'{"model": "m", "text": "' + bytes(range(32, 127)) * 800 + b'"}'
LIMIT = 100_000
HAS_ZSTD = importlib.util.find_spec("_zstd") is not None


def raw_deflate(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


def header(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"content-encoding", value.encode()) for value in values]


@pytest.mark.parametrize(("values", "expected"), [
    ((), ()), (("",), ()), (("identity",), ()), (("gzip",), ("gzip",)), (("GZip",), ("gzip",)), (("x-gzip",), ("gzip",)),
    (("deflate, gzip",), ("deflate", "gzip")), (("deflate", "gzip"), ("deflate", "gzip")),
    ((" identity , gzip,",), ("gzip",)),
], ids=range(9))  # fmt: skip
def test_the_codings_of_a_request(values: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert codings_of([(b"content-type", b"application/json"), *header(*values)]) == expected


@pytest.mark.parametrize("value", ["br", "gzip, br", "compress", "\xff" * 500, "gzip;q=1"], ids=range(5))
def test_an_unknown_coding_is_415_and_names_the_header(value: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="Content-Encoding") as raised:
        codings_of([(b"Content-Encoding", value.encode("latin-1"))])
    assert raised.value.status == 415
    assert raised.value.param == "Content-Encoding"
    assert len(raised.value.message) < 300
    assert problem_headers(raised.value)["accept-encoding"] == ", ".join(supported_codings())


def test_a_long_list_of_codings_is_415() -> None:
    assert codings_of(header(", ".join(["gzip"] * MAX_CODINGS)))
    with pytest.raises(UnsupportedMediaType, match=f"more than {MAX_CODINGS}"):
        codings_of(header(", ".join(["gzip"] * (MAX_CODINGS + 1))))


@pytest.mark.parametrize("data", [b"", b"x", TEXT], ids=range(3))
@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, 9)),
        ("deflate", raw_deflate),
    ],
    ids=["gzip", "zlib", "zlib-9", "raw"],
)
def test_a_compressed_body_is_inflated(coding: str, compress: Callable[[bytes], bytes], data: bytes) -> None:
    assert decode_body(compress(data), [coding], LIMIT) == data


def test_several_codings_are_undone_from_the_last() -> None:
    assert decode_body(gzip.compress(zlib.compress(TEXT)), ["deflate", "gzip"], LIMIT) == TEXT


def test_a_body_without_coding_and_an_empty_one_pass() -> None:
    assert decode_body(TEXT, [], 1) is TEXT
    assert decode_body(b"", ["gzip"], LIMIT) == b""


def test_members_one_after_another() -> None:
    parts = [b"one ", b"", TEXT, b"two"]
    assert decode_body(b"".join(map(gzip.compress, parts)), ["gzip"], LIMIT) == b"".join(parts)


def test_endless_empty_members_are_refused() -> None:
    assert decode_body(gzip.compress(b"") * MAX_MEMBERS, ["gzip"], LIMIT) == b""
    with pytest.raises(InvalidRequest):
        decode_body(gzip.compress(b"") * (MAX_MEMBERS + 1), ["gzip"], LIMIT)


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_the_limit_is_one_of_decoded_bytes(size: int) -> None:
    body = gzip.compress(b" " * size)
    assert len(body) < 1000
    if size <= LIMIT:
        assert len(decode_body(body, ["gzip"], LIMIT)) == size
    else:
        with pytest.raises(TooLarge, match=f"larger than {LIMIT} bytes"):
            decode_body(body, ["gzip"], LIMIT)


def test_a_bomb_within_a_bomb_is_413() -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * 20_000_000))
    with pytest.raises(TooLarge):
        decode_body(bomb, ["gzip", "gzip"], LIMIT)


class _Counting:
    """zlib's decoder behind the interface of `compression.zstd`, which notes how much output it was allowed to make."""

    allowed: ClassVar[list[int]] = []

    def __init__(self, options: dict[Any, int]) -> None:
        assert options == {"window_log_max": 23}
        self._inner = zlib.decompressobj()

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self.allowed.append(max_length)
        return self._inner.decompress(data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


@pytest.fixture
def zstd(monkeypatch: pytest.MonkeyPatch) -> type[_Counting]:
    module: Any = types.ModuleType("compression.zstd")
    module.ZstdDecompressor = _Counting
    module.ZstdError = zlib.error
    module.DecompressionParameter = types.SimpleNamespace(window_log_max="window_log_max")
    monkeypatch.setitem(sys.modules, "compression.zstd", module)
    monkeypatch.setattr(_Counting, "allowed", [])
    return _Counting


def test_zstd_where_python_has_it(zstd: type[_Counting]) -> None:
    assert supported_codings() == ("gzip", "deflate", "zstd")
    assert codings_of(header("zstd")) == ("zstd",)
    assert decode_body(zlib.compress(TEXT), ["zstd"], LIMIT) == TEXT
    with pytest.raises(InvalidRequest, match="zstd"):
        decode_body(b"(not zstd)", ["zstd"], LIMIT)


def test_no_decoder_may_make_more_than_one_byte_beyond_the_limit(zstd: type[_Counting]) -> None:
    with pytest.raises(TooLarge):
        decode_body(zlib.compress(b" " * 1_000_000), ["zstd"], 1000)
    assert zstd.allowed == [1001]


def test_zstd_of_this_python() -> None:
    """415 before Python 3.14; the real library from then on."""
    if not HAS_ZSTD:
        with pytest.raises(UnsupportedMediaType, match="gzip, deflate or none"):
            codings_of(header("zstd"))
        return
    real = importlib.import_module("compression.zstd")
    assert decode_body(real.compress(b"one ") + real.compress(TEXT), ["zstd"], LIMIT) == b"one " + TEXT
    with pytest.raises(TooLarge):
        decode_body(real.compress(b" " * (LIMIT + 1)), ["zstd"], LIMIT)
    with pytest.raises(InvalidRequest):
        decode_body(real.compress(TEXT)[:-1], ["zstd"], LIMIT)
    with pytest.raises(InvalidRequest):
        decode_body(b"{}", ["zstd"], LIMIT)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("body", [
    b"{}", b"\x1f", b"\x1f\x8b", gzip.compress(TEXT)[:-1], gzip.compress(TEXT)[:40], zlib.compress(TEXT)[:-1],
    gzip.compress(TEXT) + b"behind", gzip.compress(TEXT)[:-5] + b"12345", b"\x78\x9c\xff\xff",
], ids=range(9))  # fmt: skip
def test_broken_data_is_400(coding: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest, match=f"not valid {coding} data") as raised:
        decode_body(body, [coding], LIMIT)
    assert raised.value.param == "Content-Encoding"
