"""Embeddings through InvokeModel: the native bodies of every family, and vectors made from a hash of the input.

Equal inputs have equal vectors, and all vectors have length 1, so that similarity can be tested.
"""

import hashlib
import math
import struct
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, NamedTuple

from local.behaviour import tokens
from local.emulator.errors import Invalid

_BATCH = 96
_V3_CHARACTERS = 2048
_V4_SIZES = (256, 512, 1024, 1536)
_TITAN_SIZES = (256, 512, 1024)
_IMAGE_SIZES = (256, 384, 1024)
_NOVA_SIZES = (256, 384, 1024, 3072)
_NOVA_PURPOSES = frozenset(
    [
        "GENERIC_INDEX",
        "GENERIC_RETRIEVAL",
        "TEXT_RETRIEVAL",
        "IMAGE_RETRIEVAL",
        "VIDEO_RETRIEVAL",
        "DOCUMENT_RETRIEVAL",
        "AUDIO_RETRIEVAL",
        "CLASSIFICATION",
        "CLUSTERING",
    ]
)
_INPUT_TYPES = ("search_document", "search_query", "classification", "clustering")
_TITAN_TOKENS = 8192

Body = dict[str, Any]


class Embedded(NamedTuple):
    """A native response, and the token count for the response header; None where the family sends no header."""

    document: Any
    header_tokens: int | None = None


def vector(source: str, size: int) -> list[float]:
    """A unit vector that depends on nothing but `source` and `size`."""
    return list(_vector(source, size))


@lru_cache(maxsize=64)  # a batch often repeats a text
def _vector(source: str, size: int) -> tuple[float, ...]:
    seed = source.encode("utf-8", "surrogatepass")
    needed = size * 2
    raw = hashlib.shake_128(seed).digest(needed)
    numbers = [value / 32768.0 for value in struct.unpack(f">{size}h", raw)]
    norm = math.sqrt(sum(value * value for value in numbers)) or 1.0
    return tuple(round(value / norm, 8) for value in numbers)


def embed(model_id: str, body: Any) -> Embedded:
    """The native response of an embedding model; raises Invalid for a body that the model would refuse."""
    if not isinstance(body, dict):
        raise _malformed("#: expected type: JSONObject")
    return _FAMILIES[model_id](body)


def _titan_v1(body: Body) -> Embedded:
    _only(body, "inputText")
    return _titan(body, 1536, [])


def _titan_v2(body: Body) -> Embedded:
    _only(body, "inputText", "dimensions", "normalize", "embeddingTypes")
    size = _size(body.get("dimensions", 1024), _TITAN_SIZES)
    return _titan(body, size, _types(body, "embeddingTypes", _TITAN_TYPES) or ["float"])


def _titan(body: Body, size: int, types: list[str]) -> Embedded:
    text = _text(body, "inputText")
    count = tokens.estimate(len(text))
    if count > _TITAN_TOKENS:
        raise Invalid(f"400 Bad Request: Too many input tokens. Max input tokens: {_TITAN_TOKENS}, "
                      f"request input token count: {count}")  # fmt: skip
    numbers = vector(text, size)
    document: Body = {"embedding": numbers, "inputTextTokenCount": count}
    if types:
        document["embeddingsByType"] = {kind: _TITAN_TYPES[kind](numbers) for kind in types}
    return Embedded(document, count)


def _titan_image(body: Body) -> Embedded:
    _only(body, "inputText", "inputImage", "embeddingConfig")
    text, image = body.get("inputText") or "", body.get("inputImage") or ""
    if not text and not image:
        raise _malformed("#: at least one of inputText and inputImage is required")
    size = _size((body.get("embeddingConfig") or {}).get("outputEmbeddingLength", 1024), _IMAGE_SIZES)
    count = tokens.estimate(len(text))
    return Embedded({"embedding": vector(text + image, size), "inputTextTokenCount": count, "message": None}, count)


def _cohere_v3(body: Body) -> Embedded:
    _only(body, "texts", "images", "input_type", "truncate", "embedding_types")
    sources = _cohere_sources(body, ("texts", "images"))
    _one_of(body, "input_type", (*_INPUT_TYPES, "image"), required=True)
    _one_of(body, "truncate", ("NONE", "START", "END"))
    if any(len(text) > _V3_CHARACTERS for text in body.get("texts") or []):
        raise _malformed(f"#/texts/0: expected maxLength: {_V3_CHARACTERS}")
    if len(body.get("images") or []) > 1:
        raise _malformed("#/images: expected maximum item count: 1")
    return _cohere(body, sources, 1024)


def _cohere_v4(body: Body) -> Embedded:
    _only(
        body, "texts", "images", "inputs", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens"
    )
    sources = _cohere_sources(body, ("texts", "images", "inputs"))
    _one_of(body, "input_type", _INPUT_TYPES, required=True)
    _one_of(body, "truncate", ("NONE", "LEFT", "RIGHT"))
    return _cohere(body, sources, _size(body.get("output_dimension", 1536), _V4_SIZES))


def _cohere(body: Body, sources: list[str], size: int) -> Embedded:
    vectors = [vector(source, size) for source in sources]
    types = _types(body, "embedding_types", _COHERE_TYPES)
    document: Body = {"id": hashlib.md5("".join(sources).encode(), usedforsecurity=False).hexdigest()}
    if types:
        by_type = {kind: [_COHERE_TYPES[kind](row) for row in vectors] for kind in types}
        document |= {"embeddings": by_type, "response_type": "embeddings_by_type"}
    else:
        document |= {"embeddings": vectors, "response_type": "embeddings_floats"}
    if "texts" in body:
        document["texts"] = body["texts"]
    return Embedded(document, sum(tokens.estimate(len(source)) for source in sources))


def _cohere_sources(body: Body, names: tuple[str, ...]) -> list[str]:
    given = [name for name in names if body.get(name)]
    if len(given) != 1:
        raise _malformed(f"#: exactly one of {', '.join(names)} is required")
    items = body[given[0]]
    if not isinstance(items, list) or len(items) > _BATCH:
        raise _malformed(f"#/{given[0]}: expected maximum item count: {_BATCH}")
    if given[0] != "inputs" and not all(isinstance(item, str) for item in items):
        raise _malformed(f"#/{given[0]}/0: expected type: String")
    return [item if isinstance(item, str) else str(item) for item in items]


def _nova(body: Body) -> Embedded:
    params = body.get("singleEmbeddingParams")
    if body.get("taskType") != "SINGLE_EMBEDDING" or not isinstance(params, dict):
        raise _malformed("#/taskType: SINGLE_EMBEDDING with singleEmbeddingParams is required")
    _one_of(params, "embeddingPurpose", _NOVA_PURPOSES, required=True)
    size = _size(params.get("embeddingDimension", 3072), _NOVA_SIZES)
    kinds = [kind for kind in ("text", "image", "video", "audio") if kind in params]
    if len(kinds) != 1:
        raise _malformed("#/singleEmbeddingParams: exactly one of text, image, video, audio is required")
    given = params[kinds[0]]
    if kinds[0] == "text":
        _one_of(given, "truncationMode", ("START", "END", "NONE"), required=True)
        _text(given, "value")
    embedding = {"embeddingType": kinds[0].upper(), "embedding": vector(str(given), size)}
    return Embedded({"embeddings": [embedding]}, tokens.estimate(len(str(given.get("value", "")))))


def _marengo_2(body: Body) -> Embedded:
    kind = _one_of(body, "inputType", ("text", "image"), required=True)
    source = _text(body, "inputText") if kind == "text" else str(body.get("mediaSource"))
    _one_of(body, "textTruncate", ("end", "none"))
    return _marengo(source, 1024, "visual-text" if kind == "text" else "visual-image")


def _marengo_3(body: Body) -> Embedded:
    kind = _one_of(body, "inputType", ("text", "image", "text_image", "multi_input"), required=True)
    inner = body.get(kind)
    if not isinstance(inner, dict):
        raise _malformed(f"#: required key [{kind}] not found")
    if kind == "text":
        _text(inner, "inputText")
    return _marengo(str(inner), 512, kind)


def _marengo(source: str, size: int, option: str) -> Embedded:
    return Embedded({"data": [{"embedding": vector(source, size), "embeddingOption": option}]})


def _packed(row: list[float], offset: int) -> list[int]:
    """Eight signs to a byte, the first in the highest bit."""
    bits = ["1" if value > 0 else "0" for value in row]
    return [int("".join(bits[start : start + 8]), 2) - offset for start in range(0, len(bits), 8)]


_COHERE_TYPES: dict[str, Callable[[list[float]], list[Any]]] = {
    "float": list,
    "int8": lambda row: [round(value * 127) for value in row],
    "uint8": lambda row: [round((value + 1) * 127) for value in row],
    "binary": lambda row: _packed(row, 128),
    "ubinary": lambda row: _packed(row, 0),
}
# Titan gives a bit as a number of its own.
_TITAN_TYPES: dict[str, Callable[[list[float]], list[Any]]] = {
    "float": list,
    "binary": lambda row: [int(value > 0) for value in row],
}


def _only(body: Body, *names: str) -> None:
    for name in body:
        if name not in names:
            raise _malformed(f"#: extraneous key [{name}] is not permitted")


def _text(body: Body, name: str) -> str:
    text = body.get(name)
    if not isinstance(text, str):
        raise _malformed(f"#: required key [{name}] not found")
    if not text:
        raise _malformed(f"#/{name}: expected minLength: 1, actual: 0")
    return text


def _one_of(body: Body, name: str, values: Any, *, required: bool = False) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if value not in values:
        raise _malformed(f"#/{name}: {value} is not a valid enum value")
    return str(value)


def _types(body: Body, name: str, known: Collection[str]) -> list[str]:
    """The vector types that a body asks for; empty when it leaves them out."""
    types = body.get(name) or []
    for kind in types:
        if kind not in known:
            raise _malformed(f"#/{name}/0: {kind} is not a valid enum value")
    return list(types)


def _size(value: Any, sizes: tuple[int, ...]) -> int:
    if value not in sizes:
        raise _malformed(f"#/dimensions: {value} is not a valid enum value, expected one of {list(sizes)}")
    return int(value)


def _malformed(detail: str) -> Invalid:
    return Invalid(f"Malformed input request: {detail}, please reformat your input and try again.")


_FAMILIES: dict[str, Callable[[Body], Embedded]] = {
    "amazon.titan-embed-text-v1": _titan_v1,
    "amazon.titan-embed-text-v2:0": _titan_v2,
    "amazon.titan-embed-image-v1": _titan_image,
    "cohere.embed-english-v3": _cohere_v3,
    "cohere.embed-multilingual-v3": _cohere_v3,
    "cohere.embed-v4:0": _cohere_v4,
    "amazon.nova-2-multimodal-embeddings-v1:0": _nova,
    "twelvelabs.marengo-embed-2-7-v1:0": _marengo_2,
    "twelvelabs.marengo-embed-3-0-v1:0": _marengo_3,
}
