"""What each family sends and reads, against the bodies in the vendors' documentation."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from app.core.ports import EmbeddingItem, EmbeddingRequest
from app.core.prompt import Blob
from app.errors import InvalidRequest, UpstreamFailure
from app.upstreams.invoke.embeddings import FAMILIES, cohere, family_of, marengo, nova, titan
from app.upstreams.invoke.embeddings.family import Family, Options, choose, partition

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"


def blob(data: bytes) -> Blob:
    return Blob(base64.b64encode(data).decode(), len(data))


TEXT = EmbeddingItem("hello")
IMAGE = EmbeddingItem(image=blob(PNG))
BOTH = EmbeddingItem("hello", blob(JPEG))
PNG_64, JPEG_64 = blob(PNG).base64, blob(JPEG).base64


def ask(
    *items: EmbeddingItem, dimensions: int | None = None, input_type: str = "", extra: Mapping[str, Any] | None = None
) -> EmbeddingRequest:
    return EmbeddingRequest("model", items or (TEXT,), dimensions, input_type, extra or {})


def bodies(family: Family, request: EmbeddingRequest) -> list[dict[str, Any]]:
    options, _ = choose(family, request)
    return [family.encode(batch.items, options) for batch in partition(family, request.items)]


@pytest.mark.parametrize(
    ("base_id", "family"),
    [
        ("amazon.titan-embed-text-v1", titan.V1),
        ("amazon.titan-embed-text-v1:2:8k", titan.V1),
        ("amazon.titan-embed-g1-text-02", titan.V1),
        ("amazon.titan-embed-text-v2:0", titan.V2),
        ("amazon.titan-embed-image-v1", titan.MULTIMODAL),
        ("amazon.titan-embed-image-v1:0", titan.MULTIMODAL),
        ("cohere.embed-english-v3", cohere.V3),
        ("cohere.embed-multilingual-v3:0:512", cohere.V3),
        ("cohere.embed-v4:0", cohere.V4),
        ("cohere.embed-v4", cohere.V4),
        ("amazon.nova-2-multimodal-embeddings-v1:0", nova.MULTIMODAL),
        ("twelvelabs.marengo-embed-2-7-v1:0", marengo.V2),
        ("twelvelabs.marengo-embed-3-0-v1:0", marengo.V3),
        ("anthropic.claude-opus-5", None),
        ("amazon.titan-embed-text-v10", None),
        ("x.cohere.embed-v4:0", None),
        ("", None),
    ],
)
def test_the_base_model_decides_the_family(base_id: str, family: Family | None) -> None:
    assert family_of(base_id) is family


@pytest.mark.parametrize(
    ("family", "request_", "body"),
    [
        (titan.V1, ask(), {"inputText": "hello"}),
        (titan.V2, ask(), {"inputText": "hello", "normalize": True}),
        (titan.V2, ask(dimensions=256), {"inputText": "hello", "normalize": True, "dimensions": 256}),
        (titan.MULTIMODAL, ask(), {"inputText": "hello"}),
        (titan.MULTIMODAL, ask(IMAGE), {"inputImage": PNG_64}),
        (
            titan.MULTIMODAL,
            ask(BOTH, dimensions=384),
            {"inputText": "hello", "inputImage": JPEG_64, "embeddingConfig": {"outputEmbeddingLength": 384}},
        ),
        (cohere.V3, ask(TEXT, TEXT), {"texts": ["hello", "hello"], "input_type": "search_document"}),
        (
            cohere.V3,
            ask(input_type="query", extra={"truncate": "right"}),
            {"texts": ["hello"], "input_type": "search_query", "truncate": "END"},
        ),
        (cohere.V3, ask(IMAGE), {"images": [f"data:image/png;base64,{PNG_64}"], "input_type": "image"}),
        (
            cohere.V4,
            ask(TEXT, TEXT, dimensions=512, input_type="clustering", extra={"truncate": "START"}),
            {
                "texts": ["hello", "hello"],
                "input_type": "clustering",
                "embedding_types": ["float"],
                "truncate": "LEFT",
                "output_dimension": 512,
            },
        ),
        (
            cohere.V4,
            ask(IMAGE, IMAGE),
            {
                "images": [f"data:image/png;base64,{PNG_64}"] * 2,
                "input_type": "search_document",
                "embedding_types": ["float"],
            },
        ),
        (
            cohere.V4,
            ask(BOTH),
            {
                "inputs": [
                    {
                        "content": [
                            {"type": "text", "text": "hello"},
                            {"type": "image_url", "image_url": f"data:image/jpeg;base64,{JPEG_64}"},
                        ]
                    }
                ],
                "input_type": "search_document",
                "embedding_types": ["float"],
            },
        ),
        (marengo.V2, ask(), {"inputType": "text", "inputText": "hello"}),
        (
            marengo.V2,
            ask(extra={"truncate": "END"}),
            {"inputType": "text", "inputText": "hello", "textTruncate": "end"},
        ),
        (marengo.V2, ask(IMAGE), {"inputType": "image", "mediaSource": {"base64String": PNG_64}}),
        (marengo.V3, ask(), {"inputType": "text", "text": {"inputText": "hello"}}),
        (marengo.V3, ask(IMAGE), {"inputType": "image", "image": {"mediaSource": {"base64String": PNG_64}}}),
        (
            marengo.V3,
            ask(BOTH),
            {
                "inputType": "text_image",
                "text_image": {"inputText": "hello", "mediaSource": {"base64String": JPEG_64}},
            },
        ),
    ],
)
def test_what_goes_over_the_wire(family: Family, request_: EmbeddingRequest, body: dict[str, Any]) -> None:
    assert bodies(family, request_) == [body]


@pytest.mark.parametrize(
    ("request_", "params"),
    [
        (ask(), {"embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "NONE", "value": "hello"}}),
        (
            ask(dimensions=3072, input_type="search_query", extra={"truncate": "end"}),
            {
                "embeddingPurpose": "GENERIC_RETRIEVAL",
                "embeddingDimension": 3072,
                "text": {"truncationMode": "END", "value": "hello"},
            },
        ),
        (
            ask(EmbeddingItem(image=blob(b"RIFF\x00\x00\x00\x00WEBPVP8 ")), input_type="IMAGE_RETRIEVAL"),
            {
                "embeddingPurpose": "IMAGE_RETRIEVAL",
                "image": {"format": "webp", "source": {"bytes": blob(b"RIFF\x00\x00\x00\x00WEBPVP8 ").base64}},
            },
        ),
        (
            ask(EmbeddingItem(image=blob(b"GIF89a\x01\x00\x01\x00\x00\x00"))),
            {
                "embeddingPurpose": "GENERIC_INDEX",
                "image": {"format": "gif", "source": {"bytes": blob(b"GIF89a\x01\x00\x01\x00\x00\x00").base64}},
            },
        ),
    ],
)
def test_nova_embeds_one_item_for_a_purpose(request_: EmbeddingRequest, params: dict[str, Any]) -> None:
    assert bodies(nova.MULTIMODAL, request_) == [
        {
            "schemaVersion": "nova-multimodal-embed-v1",
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": params,
        }
    ]


@pytest.mark.parametrize(
    ("family", "document", "vectors", "tokens"),
    [
        (titan.V1, {"embedding": [1, 2.5], "inputTextTokenCount": 3}, [[1.0, 2.5]], 3),
        (titan.V2, {"embedding": [1.0], "embeddingsByType": {"float": [1.0]}}, [[1.0]], None),
        (titan.V2, {"embedding": [1.0], "inputTextTokenCount": True}, [[1.0]], None),
        (titan.MULTIMODAL, {"embedding": [1.0], "inputTextTokenCount": 0, "message": None}, [[1.0]], 0),
        (cohere.V3, {"id": "x", "embeddings": [[1.0], [2.0]], "response_type": "embeddings_floats"}, [[1], [2]], None),
        (cohere.V3, {"embeddings": {"float": [[1.0], [2.0]], "int8": [[1], [2]]}}, [[1], [2]], None),
        (cohere.V4, {"embeddings": {"float": [[1.0]]}, "meta": {"billed_units": {"input_tokens": 7}}}, [[1]], 7),
        (cohere.V4, {"embeddings": [[1.0]], "meta": {"api_version": "2"}}, [[1]], None),
        (nova.MULTIMODAL, {"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5]}]}, [[0.5]], None),
        (marengo.V2, {"data": [{"embedding": [0.5], "embeddingOption": "visual-text"}]}, [[0.5]], None),
        (marengo.V3, [{"embedding": [0.5], "startSec": 0.0}], [[0.5]], None),
    ],
)
def test_every_known_form_of_answer_is_read(
    family: Family, document: Any, vectors: list[list[float]], tokens: int | None
) -> None:
    reply = family.decode(document)
    assert [list(vector) for vector in reply.vectors] == vectors
    assert reply.tokens == tokens


STRANGE: list[Any] = [
    None,
    [],
    {},
    "text",
    7,
    {"embedding": None},
    {"embedding": []},
    {"embedding": "AAAA"},
    {"embedding": ["x"]},
    {"embedding": [None]},
    {"embedding": [10**400]},
    {"embedding": [float("nan")]},
    {"embedding": [1.0, float("inf")]},
    {"embeddings": None},
    {"embeddings": []},
    {"embeddings": [[]]},
    {"embeddings": ["x"]},
    {"embeddings": {"float": None}},
    {"embeddings": {"int8": [[1]]}},
    {"data": {}},
    {"data": []},
    {"data": [[1.0]]},
    {"data": [{}]},
    [[1.0]],
    [{"embedding": {}}],
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("document", STRANGE, ids=repr)
def test_an_answer_that_does_not_fit_is_the_upstreams_failure(family: Family, document: Any) -> None:
    with pytest.raises(UpstreamFailure) as raised:
        family.decode(document)
    assert raised.value.status == 502


def test_what_titan_says_in_place_of_an_embedding_is_passed_on_without_account_numbers() -> None:
    with pytest.raises(UpstreamFailure, match=r"image too large.*\[redacted\]") as raised:
        titan.MULTIMODAL.decode({"embedding": None, "message": "image too large for 123456789012"})
    assert "123456789012" not in raised.value.message


@pytest.mark.parametrize(
    ("family", "asked", "allowed"),
    [
        (titan.V1, 512, "1536"),
        (titan.V2, 1536, "256, 512, 1024"),
        (titan.MULTIMODAL, 512, "256, 384, 1024"),
        (cohere.V3, 256, "1024"),
        (cohere.V4, 3072, "256, 512, 1024, 1536"),
        (nova.MULTIMODAL, 1536, "256, 384, 1024, 3072"),
        (marengo.V2, 512, "1024"),
        (marengo.V3, 1024, "512"),
    ],
)
def test_dimensions_that_the_model_lacks_are_refused_with_those_it_has(
    family: Family, asked: int, allowed: str
) -> None:
    with pytest.raises(InvalidRequest, match=allowed) as raised:
        choose(family, ask(dimensions=asked))
    assert raised.value.param == "dimensions"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_allowed_length_may_be_asked_for(family: Family) -> None:
    assert choose(family, ask())[0].dimensions is None
    for asked in family.dimensions or ():
        assert choose(family, ask(dimensions=asked))[0].dimensions == asked
    assert family.dimensions is None or family.size in family.dimensions


@pytest.mark.parametrize("family", [titan.V1, cohere.V3, marengo.V2, marengo.V3], ids=lambda family: family.name)
def test_the_only_length_of_a_model_may_be_asked_for_and_is_not_sent(family: Family) -> None:
    assert choose(family, ask(dimensions=family.size))[0] == choose(family, ask())[0]


@pytest.mark.parametrize("family", [cohere.V3, cohere.V4, nova.MULTIMODAL], ids=lambda family: family.name)
def test_input_types_are_the_same_words_for_every_family_that_has_purposes(family: Family) -> None:
    for word in ("query", "document", "search_query", "search_document", "classification", "clustering"):
        assert choose(family, ask(input_type=word)) == (
            Options(None, family.input_types[word], family.default_truncation),
            (),
        )
    with pytest.raises(InvalidRequest, match="search_query") as raised:
        choose(family, ask(input_type="poem"))
    assert raised.value.param == "input_type"


@pytest.mark.parametrize("family", [titan.V2, marengo.V3], ids=lambda family: family.name)
def test_what_has_no_effect_on_a_family_is_told(family: Family) -> None:
    options, ignored = choose(family, ask(input_type="query", extra={"truncate": "END"}))
    assert (options, ignored) == (Options(), ("input_type", "truncate"))


@pytest.mark.parametrize(("family", "word"), [(cohere.V3, "MIDDLE"), (marengo.V2, "START"), (nova.MULTIMODAL, "x")])
def test_an_end_that_the_model_can_not_cut_is_refused(family: Family, word: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        choose(family, ask(extra={"truncate": word}))
    assert raised.value.param == "truncate"


@pytest.mark.parametrize(
    ("family", "items", "param"),
    [
        (titan.V1, (IMAGE,), "input"),
        (titan.V2, (TEXT, IMAGE), "input.1"),
        (titan.V2, (BOTH,), "input"),
        (cohere.V3, (TEXT, TEXT, BOTH), "input.2"),
        (nova.MULTIMODAL, (BOTH,), "input"),
        (marengo.V2, (TEXT, BOTH), "input.1"),
    ],
)
def test_images_that_the_model_does_not_take_are_refused_by_place(
    family: Family, items: tuple[EmbeddingItem, ...], param: str
) -> None:
    with pytest.raises(InvalidRequest, match="does not take") as raised:
        partition(family, items)
    assert raised.value.param == param


@pytest.mark.parametrize("data", [b"%PDF-1.7 not an image", b"x", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_an_image_that_is_none_is_refused_before_it_is_sent(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as raised:
        partition(cohere.V4, [TEXT, EmbeddingItem(image=blob(data))])
    assert (raised.value.param, raised.value.code) == ("input.1", "invalid_image_format")
