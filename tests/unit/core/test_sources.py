"""Where a client says the bytes of a file are, in every spelling met."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.prompt import Blob, Link, Media, S3Object
from app.core.sources import MAX_URL, blob, media
from app.errors import InvalidRequest

PARAM = "messages.0.content.1.image_url"
PNG = b"\x89PNG\r\n\x1a\n"


def test_a_data_url_is_bytes_with_its_own_type() -> None:
    text = b64encode(PNG).decode()
    assert media("image", f"data:image/PNG;base64,{text}", PARAM, mime="image/gif") == Media(
        "image", Blob(text, len(PNG)), "image/png", "", PARAM
    )
    assert media("image", f"DATA:;charset=x;BASE64,{text}", PARAM, mime="image/gif").mime == "image/gif"


def test_a_data_url_may_be_percent_encoded_instead() -> None:
    found = media("document", "data:text/plain,a%20b", PARAM, name="a.txt")
    assert isinstance(found.source, Blob)
    assert (b64decode(found.source.base64), found.source.size, found.mime, found.name) == (
        b"a b",
        3,
        "text/plain",
        "a.txt",
    )
    assert media("document", "data:,x", PARAM, mime="text/csv").mime == "text/csv"


def test_addresses_are_kept_for_those_who_fetch_them() -> None:
    assert media("video", "s3://my-bucket/a/b.mp4", PARAM).source == S3Object("s3://my-bucket/a/b.mp4")
    assert media("image", "HTTPS://a.example/x.png", PARAM).source == Link("HTTPS://a.example/x.png")
    assert media("image", "http://a.example/x.png", PARAM).source == Link("http://a.example/x.png")


def test_bare_base64_needs_no_url() -> None:
    found = media("audio", b64encode(b"abc").decode(), PARAM, mime="audio/wav")
    assert (found.source, found.mime) == (Blob("YWJj", 3), "audio/wav")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("data:image/png;base64", "invalid_value"),
        ("data:image/png;base64,!", "invalid_base64"),
        ("s3://B/x", "invalid_value"),
        ("s3://my-bucket", "invalid_value"),
        ("https://a.example/" + "x" * MAX_URL, "invalid_image_url"),
        ("ftp://a.example/x", "invalid_image_url"),
        ("file:///etc/passwd", "invalid_image_url"),
        ("not base64 at all!", "invalid_base64"),
        ("", "invalid_base64"),
        ("====", "invalid_base64"),
    ],
)
def test_what_is_no_source_is_refused_by_name(url: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        media("image", url, PARAM)
    assert (caught.value.code, caught.value.param) == (code, PARAM)
    assert url[:40] not in caught.value.message or not url


@given(st.binary(min_size=1, max_size=40), st.booleans(), st.booleans(), st.integers(1, 7))
def test_base64_is_read_in_every_usual_spelling(data: bytes, urlsafe: bool, padded: bool, width: int) -> None:
    text = (urlsafe_b64encode if urlsafe else b64encode)(data).decode()
    text = text if padded else text.rstrip("=")
    broken = "\n".join(text[start : start + width] for start in range(0, len(text), width))
    assert blob(broken, PARAM) == Blob(b64encode(data).decode(), len(data))
