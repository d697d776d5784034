"""What an embedding family is, and what follows from a request for one: options and batches. Pure.

A family is data and two functions. Its module says what the models take and gives; nothing here knows any of them.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from app.core.ports import EmbeddingItem, EmbeddingRequest
from app.errors import InvalidRequest
from app.upstreams.invoke.embeddings.image import format_of

Kind = Literal["text", "image", "both"]

TRUNCATIONS: Mapping[str, str] = {"NONE": "NONE", "START": "START", "END": "END", "LEFT": "START", "RIGHT": "END"}
"""Words for `truncate` (which end to cut where a text is too long) -> the three that families map from."""


@dataclass(frozen=True, slots=True)
class Options:
    """A request's options in the family's own words. None and empty: nothing is sent, the model has its way."""

    dimensions: int | None = None
    input_type: str = ""
    truncate: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one body: a vector per item, in order, and the model's own token count where it gives one."""

    vectors: list[array[float]]
    tokens: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Models that share a wire format. Compared by identity: two families are never the same.

    `base_ids` matches the ids of the foundation models at their start. `dimensions` are the lengths that may be asked
    for, None where the model has no such parameter; `size` is the length it gives unasked. `batches`: what an item may
    be (text, image, both at once) -> how many such items one body takes; kinds that the model refuses are left out.
    `input_types` and `truncations` map the client's words to the model's; empty where it has no such parameter.
    """

    name: str
    base_ids: re.Pattern[str]
    size: int
    dimensions: tuple[int, ...] | None
    batches: Mapping[Kind, int]
    encode: Callable[[Sequence[EmbeddingItem], Options], dict[str, Any]]
    decode: Callable[[Any], Reply]
    input_types: Mapping[str, str] = field(default_factory=dict)
    default_input_type: str = ""
    truncations: Mapping[str, str] = field(default_factory=dict)
    default_truncation: str = ""


def base_ids(pattern: str) -> re.Pattern[str]:
    """`cohere\\.embed-v4` -> a pattern for that id with any version behind a colon, and for no longer name."""
    return re.compile(rf"(?:{pattern})(?::|\Z)")


class Batch(NamedTuple):
    """Items for one body, all of one kind, and where each stood in the request."""

    positions: tuple[int, ...]
    items: tuple[EmbeddingItem, ...]


def kind_of(item: EmbeddingItem) -> Kind:
    if item.image is None:
        return "text"
    return "both" if item.text else "image"


def partition(family: Family, items: Sequence[EmbeddingItem]) -> list[Batch]:
    """Every item in exactly one batch, within the family's limits; text, images and pairs go in batches of their own.

    Raises InvalidRequest, with the place of the item as `param`, for a kind or an image that the family does not take.
    """
    places: dict[Kind, list[int]] = {}
    for position, item in enumerate(items):
        kind = kind_of(item)
        _check(family, item, kind, f"input.{position}" if len(items) > 1 else "input")
        places.setdefault(kind, []).append(position)
    batches = []
    for kind, positions in places.items():
        limit = family.batches[kind]
        for start in range(0, len(positions), limit):
            chosen = tuple(positions[start : start + limit])
            batches.append(Batch(chosen, tuple(items[position] for position in chosen)))
    return batches


def _check(family: Family, item: EmbeddingItem, kind: Kind, param: str) -> None:
    if kind not in family.batches:
        refused = "text and an image in one input" if kind == "both" and "image" in family.batches else "images"
        raise InvalidRequest(f"This model ({family.name}) does not take {refused}.", param=param)
    if item.image is not None and not format_of(item.image):
        raise InvalidRequest("The image is none of PNG, JPEG, GIF and WebP.", param=param, code="invalid_image_format")


def choose(family: Family, request: EmbeddingRequest) -> tuple[Options, tuple[str, ...]]:
    """The options to send, and the names of those that have no effect on this family.

    Raises InvalidRequest for a value that the family does not have, with the values it has.
    """
    ignored = []
    if request.input_type and not family.input_types:
        ignored.append("input_type")
    truncate = str(request.extra.get("truncate") or "")
    if truncate and not family.truncations:
        ignored.append("truncate")
    options = Options(
        dimensions=_dimensions(family, request.dimensions),
        input_type=_input_type(family, request.input_type),
        truncate=_truncation(family, truncate),
    )
    return options, tuple(ignored)


def _dimensions(family: Family, asked: int | None) -> int | None:
    """A model without the parameter is still right for those who ask for just the length it has."""
    if asked is None or (family.dimensions is None and asked == family.size):
        return None
    if family.dimensions is None:
        raise InvalidRequest(
            f"This model ({family.name}) has no `dimensions` parameter; its vectors always have {family.size}.",
            param="dimensions",
            code="unsupported_value",
        )
    if asked not in family.dimensions:
        raise InvalidRequest(
            f"{asked} is not a length that this model ({family.name}) gives. Allowed for `dimensions`: "
            f"{', '.join(map(str, family.dimensions))}.",
            param="dimensions",
            code="unsupported_value",
        )
    return asked


def _input_type(family: Family, word: str) -> str:
    if not word or not family.input_types:
        return family.default_input_type
    return _translate(family, family.input_types, word, "input_type")


def _truncation(family: Family, word: str) -> str:
    if not word or not family.truncations:
        return family.default_truncation
    common = _translate(family, TRUNCATIONS, word.upper(), "truncate")
    return _translate(family, family.truncations, common, "truncate")


def _translate(family: Family, words: Mapping[str, str], word: str, param: str) -> str:
    if word not in words:
        raise InvalidRequest(
            f"{word[:64]!r} is not a value of `{param}` for this model ({family.name}). Allowed: {', '.join(words)}.",
            param=param,
            code="unsupported_value",
        )
    return words[word]
