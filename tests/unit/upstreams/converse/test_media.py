"""Media as blocks: the format by the bytes, the modality by the model, the name by Bedrock's rule."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from app.core.plan import Traits
from app.core.prompt import Broken, Link, Media, S3Object
from app.errors import InvalidRequest
from app.upstreams.converse.media import MediaBlocks
from tests.unit.upstreams.converse.histories import MP4, PDF, PNG, WAV, media

ANY = Traits()
TEXT_ONLY = Traits(modalities=frozenset())
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)


def test_what_is_said_about_a_document_goes_with_it() -> None:
    paper = Media("document", media("document", PDF).source, name="a.pdf", context="Old.", citations=True)
    told = {"context": "Old.", "citations": {"enabled": True}}
    assert {name: block(paper, Traits(cites=True))["document"][name] for name in told} == told
    assert "citations" not in block(paper)["document"]
    assert "context" not in block(Media("document", paper.source, context=" "))["document"]


def block(item: Media, traits: Traits = ANY) -> dict[str, Any]:
    return MediaBlocks(traits, "a-model").block(item)


@pytest.mark.parametrize(
    ("item", "kind", "form"),
    [
        (media("image", PNG), "image", "png"),
        (media("image", JPEG, mime="image/png"), "image", "jpeg"),
        (media("document", PDF), "document", "pdf"),
        (media("document", PNG, name="x.pdf"), "image", "png"),
        (media("image", PDF), "document", "pdf"),
        (media("document", b"a,b\n1,2\n", name="x.csv"), "document", "csv"),
        (media("audio", WAV), "audio", "wav"),
        (media("audio", bytes(40), mime="audio/mp3"), "audio", "mp3"),
        (media("video", MP4), "video", "mp4"),
    ],
)
def test_the_format_is_what_the_bytes_are(item: Media, kind: str, form: str) -> None:
    made = block(item)
    assert list(made) == [kind]
    assert made[kind]["format"] == form
    assert made[kind]["source"] == {"bytes": getattr(item.source, "base64", None)}


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (media("image", b"just words"), "invalid_image_format"),
        (media("audio", b"just words"), "invalid_value"),
        (media("video", b"just words"), "invalid_value"),
        (media("image", bytes(40)), "invalid_image_format"),
        (Media("image", Link("https://a.example/x.png"), param="messages.0.content.1.image_url"), "invalid_image_url"),
        (Media("image", S3Object("s3://bucket/thing")), "invalid_value"),
    ],
)
def test_what_is_no_such_thing_is_named(item: Media, code: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        block(item)
    assert (raised.value.code, raised.value.param) == (code, item.param)


@pytest.mark.parametrize("item", [media("image"), media("document"), media("audio"), media("video")])
def test_a_modality_the_model_lacks_is_a_400_that_names_it(item: Media) -> None:
    with pytest.raises(InvalidRequest, match=f"does not take {item.kind} input") as raised:
        block(item, TEXT_ONLY)
    assert raised.value.param == "messages"


def test_a_text_file_reaches_a_model_without_documents_as_text() -> None:
    made = block(media("document", "Grüße".encode(), name="a b.txt"), TEXT_ONLY)
    assert made == {"text": "[file a b]\nGrüße"}


@pytest.mark.parametrize(
    ("item", "kind", "form"),
    [
        (Media("image", S3Object("s3://bucket/a/photo.JPG")), "image", "jpeg"),
        (Media("document", S3Object("s3://bucket/photo.png")), "image", "png"),
        (Media("document", S3Object("s3://bucket/x"), name="report.pdf"), "document", "pdf"),
        (Media("video", S3Object("s3://bucket/x"), mime="video/mp4"), "video", "mp4"),
    ],
)
def test_an_object_in_s3_is_what_its_name_says(item: Media, kind: str, form: str) -> None:
    made = block(item)
    assert made[kind]["format"] == form
    assert made[kind]["source"] == {"s3Location": {"uri": getattr(item.source, "uri", None)}}


def test_names_of_documents_are_unique_in_a_request() -> None:
    blocks = MediaBlocks(ANY, "a-model")
    names = [blocks.block(media("document", name="my_report.pdf"))["document"]["name"] for _ in range(3)]
    assert len(set(names)) == 3


def test_only_the_head_of_a_file_is_decoded_to_tell_its_format() -> None:
    big = media("image", PNG + bytes(200_000))
    assert b64decode(block(big)["image"]["source"]["bytes"]).startswith(PNG)


def test_an_optional_file_that_cannot_be_used_is_a_text_and_counted() -> None:
    repairs: Counter[str] = Counter()
    blocks = MediaBlocks(TEXT_ONLY, "a-model", repairs)
    picture = replace(media("image", PNG), optional=True)
    assert blocks.block(picture) == {"text": "[image omitted: The model 'a-model' does not take image input.]"}
    broken = Media("audio", Broken("Empty."), optional=True)
    assert blocks.block(broken) == {"text": "[audio omitted: Empty.]"}
    assert repairs == {"media-omitted": 2}
    with pytest.raises(InvalidRequest, match=r"Empty\."):
        blocks.block(replace(broken, optional=False))
