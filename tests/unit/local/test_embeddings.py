"""Every embedding family through boto3's invoke_model: native bodies in, native responses and headers out."""

import json
import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

HEADER = "x-amzn-bedrock-input-token-count"
NOVA_TEXT = {
    "taskType": "SINGLE_EMBEDDING",
    "singleEmbeddingParams": {
        "embeddingPurpose": "GENERIC_INDEX",
        "embeddingDimension": 384,
        "text": {"truncationMode": "END", "value": "hi"},
    },
}
TITAN_2 = "amazon.titan-embed-text-v2:0"
COHERE_3 = "cohere.embed-english-v3"
COHERE_4 = "cohere.embed-v4:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
TITAN_IMAGE = "amazon.titan-embed-image-v1"
MARENGO_2 = "us.twelvelabs.marengo-embed-2-7-v1:0"
MARENGO_3 = "us.twelvelabs.marengo-embed-3-0-v1:0"


def invoke(runtime: Any, model: str, body: Any) -> tuple[Any, dict[str, str]]:
    response = runtime.invoke_model(modelId=model, body=json.dumps(body))
    with response["body"] as stream:
        return json.loads(stream.read()), response["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize(
    ("model", "body", "path", "size", "counted"),
    [
        ("amazon.titan-embed-text-v1", {"inputText": "hi"}, ["embedding"], 1536, True),
        (TITAN_2, {"inputText": "hi"}, ["embedding"], 1024, True),
        (TITAN_2, {"inputText": "hi", "dimensions": 256, "normalize": True}, ["embedding"], 256, True),
        (TITAN_IMAGE, {"inputText": "hi"}, ["embedding"], 1024, True),
        (
            TITAN_IMAGE,
            {"inputImage": "AAAA", "embeddingConfig": {"outputEmbeddingLength": 384}},
            ["embedding"],
            384,
            True,
        ),
        (COHERE_3, {"texts": ["a", "b"], "input_type": "search_query"}, ["embeddings", 1], 1024, True),
        ("cohere.embed-multilingual-v3", {"texts": ["a"], "input_type": "clustering"}, ["embeddings", 0], 1024, True),
        (
            "global.cohere.embed-v4:0",
            {"texts": ["a"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 512},
            ["embeddings", "float", 0],
            512,
            True,
        ),
        (NOVA, NOVA_TEXT, ["embeddings", 0, "embedding"], 384, True),
        (MARENGO_2, {"inputType": "text", "inputText": "a"}, ["data", 0, "embedding"], 1024, False),
        (MARENGO_3, {"inputType": "text", "text": {"inputText": "a"}}, ["data", 0, "embedding"], 512, False),
    ],
)
def test_sizes_and_token_counts(runtime: Any, model: str, body: Any, path: list[Any], size: int, counted: bool) -> None:
    found, headers = invoke(runtime, model, body)
    for step in path:
        found = found[step]
    assert len(found) == size
    assert math.isclose(sum(value * value for value in found), 1.0, rel_tol=1e-3)
    assert (HEADER in headers) is counted


def test_equal_texts_have_equal_vectors_and_others_do_not(runtime: Any) -> None:
    first, second, other = (invoke(runtime, TITAN_2, {"inputText": text})[0]["embedding"] for text in ("a", "a", "b"))
    assert first == second != other


def test_titan_v2_by_type(runtime: Any) -> None:
    document, _ = invoke(runtime, TITAN_2, {"inputText": "a", "dimensions": 256, "embeddingTypes": ["binary", "float"]})
    assert set(document["embeddingsByType"]["binary"]) == {0, 1}
    assert document["embeddingsByType"]["float"] == document["embedding"]
    assert document["inputTextTokenCount"] == 1


def test_cohere_by_type(runtime: Any) -> None:
    types = ["float", "int8", "uint8", "binary", "ubinary"]
    body = {"texts": ["a"], "input_type": "search_query", "embedding_types": types}
    document, _ = invoke(runtime, COHERE_3, body)
    rows = {kind: document["embeddings"][kind][0] for kind in types}
    assert document["response_type"] == "embeddings_by_type"
    assert {kind: len(row) for kind, row in rows.items()} == {
        "float": 1024, "int8": 1024, "uint8": 1024, "binary": 128, "ubinary": 128,
    }  # fmt: skip
    assert all(-128 <= value <= 127 for value in rows["int8"] + rows["binary"])
    assert all(0 <= value <= 255 for value in rows["uint8"] + rows["ubinary"])


def test_cohere_v4_takes_interleaved_inputs(runtime: Any) -> None:
    inputs = [
        {"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": "data:image/png;base64,AA"}]}
    ]
    document, _ = invoke(runtime, COHERE_4, {"inputs": inputs, "input_type": "search_document"})
    assert len(document["embeddings"][0]) == 1536


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        ("amazon.titan-embed-text-v1", {"inputText": "a", "dimensions": 256}, r"extraneous key \[dimensions\]"),
        (TITAN_2, {"inputText": ""}, "expected minLength: 1, actual: 0"),
        (TITAN_2, {}, r"required key \[inputText\] not found"),
        (TITAN_2, {"inputText": "a", "dimensions": 100}, "100 is not a valid enum value"),
        (TITAN_2, {"inputText": "word " * 8000}, "Too many input tokens"),
        (TITAN_2, [1], "expected type: JSONObject"),
        (TITAN_2, {"inputText": "a", "embeddingTypes": ["int8"]}, "int8 is not a valid enum value"),
        (TITAN_IMAGE, {}, "at least one of inputText and inputImage"),
        (COHERE_3, {"texts": ["a"]}, "#/input_type"),
        (COHERE_3, {"texts": ["a"] * 97, "input_type": "search_query"}, "maximum item count: 96"),
        (COHERE_3, {"texts": ["a" * 2049], "input_type": "search_query"}, "maxLength: 2048"),
        (COHERE_3, {"texts": [1], "input_type": "search_query"}, "expected type: String"),
        (COHERE_3, {"images": ["a", "b"], "input_type": "image"}, "maximum item count: 1"),
        (COHERE_3, {"texts": ["a"], "input_type": "search_query", "truncate": "LEFT"}, "LEFT is not a valid enum"),
        (COHERE_4, {"texts": ["a"], "input_type": "search_query", "truncate": "END"}, "END is not a valid enum"),
        (COHERE_4, {"texts": ["a"], "images": ["b"], "input_type": "search_query"}, "exactly one of texts"),
        (NOVA, {"taskType": "OTHER"}, "SINGLE_EMBEDDING"),
        (NOVA, {**NOVA_TEXT, "singleEmbeddingParams": {"embeddingPurpose": "CLUSTERING"}}, "exactly one of text"),
        (MARENGO_2, {"inputType": "video"}, "video is not a valid enum value"),
        (MARENGO_3, {"inputType": "text"}, r"required key \[text\] not found"),
    ],
)
def test_bodies_that_the_model_would_refuse(runtime: Any, model: str, body: Any, expected: str) -> None:
    with pytest.raises(ClientError, match=expected):
        invoke(runtime, model, body)


def test_the_application_profile_of_an_embedding_model(runtime: Any) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/e1m2b3e4d5d6"
    assert len(invoke(runtime, arn, {"inputText": "a"})[0]["embedding"]) == 1024


def test_a_throttled_embedding(runtime: Any) -> None:
    with pytest.raises(ClientError, match="ThrottlingException"):
        invoke(runtime, TITAN_2, {"inputText": "a [[emulate: throttle]]"})
