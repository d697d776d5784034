"""Request body -> EmbeddingRequest. Pure."""

from __future__ import annotations

import binascii
import re
from typing import Any, NamedTuple

from app.api.embeddings.schema import EmbeddingsBody, Encoding
from app.core.ports import EmbeddingItem, EmbeddingRequest, TokenDecoder
from app.core.prompt import Blob
from app.errors import InvalidRequest

FORMS = "a string, a list of strings, a list of token numbers, a list of such lists, or objects with `text` or `image`"

_DATA_URL = re.compile(r"data:[^,;]*(?:;[^,;]*)*?;base64,", re.IGNORECASE)
_LINK = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MAX_IGNORED = 32


class Decoded(NamedTuple):
    """`ignored`: names of parameters that the client gave and that have no effect, fit for a header."""

    request: EmbeddingRequest
    encoding: Encoding
    ignored: tuple[str, ...]


def decode(body: object, tokens: TokenDecoder, max_inputs: int) -> Decoded:
    """The request in a parsed JSON body.

    Raises pydantic's ValidationError for fields of a wrong type, and InvalidRequest for inputs that are none, with the
    place as `param`: `input`, `input.3`.
    """
    given = EmbeddingsBody.model_validate(body)
    items = _Reader(tokens, max_inputs).items(given.input)
    extra = {"truncate": given.truncate} if given.truncate else {}
    request = EmbeddingRequest(given.model, items, given.dimensions, given.input_type or "", extra)
    return Decoded(request, given.encoding_format or "float", _ignored(given))


def has_token_numbers(body: object) -> bool:
    """Whether inputs are token numbers, which take longer to decode than an event loop should stand still."""
    value = body.get("input") if isinstance(body, dict) else None
    return isinstance(value, list) and bool(value) and isinstance(value[0], int | list)


def _ignored(given: EmbeddingsBody) -> tuple[str, ...]:
    """The names are the client's own and will stand in a header: those that might not fit become one `unknown`."""
    unread = {"user": given.user} | (given.model_extra or {})
    names = [name if _NAME.fullmatch(name) else "unknown" for name, value in unread.items() if value is not None]
    return tuple(dict.fromkeys(names))[:_MAX_IGNORED]


class _Reader:
    """Reads `input` in all its forms."""

    def __init__(self, tokens: TokenDecoder, max_inputs: int) -> None:
        self._tokens = tokens
        self._max_inputs = max_inputs

    def items(self, value: Any) -> tuple[EmbeddingItem, ...]:
        if isinstance(value, str | dict):
            return (self._item(value, "input"),)
        if not isinstance(value, list):
            raise InvalidRequest(f"`input` must be {FORMS}.", param="input")
        if not value:
            raise InvalidRequest("`input` must not be empty.", param="input")
        if type(value[0]) is int:
            return (self._item(value, "input"),)
        if len(value) > self._max_inputs:
            raise InvalidRequest(
                f"`input` has {len(value)} entries; at most {self._max_inputs} are allowed.", param="input"
            )
        return tuple(self._item(entry, f"input.{index}") for index, entry in enumerate(value))

    def _item(self, value: Any, param: str) -> EmbeddingItem:
        if isinstance(value, str):
            return EmbeddingItem(_text(value, param))
        if isinstance(value, list):
            return EmbeddingItem(self._decoded(value, param))
        if isinstance(value, dict):
            return _parts(value, param)
        raise InvalidRequest(f"`{param}` is of a wrong type: `input` must be {FORMS}.", param=param)

    def _decoded(self, numbers: list[Any], param: str) -> str:
        if not numbers:
            raise InvalidRequest(f"`{param}` must not be empty.", param=param)
        if not all(type(number) is int for number in numbers):  # a bool is an int, but no token
            raise InvalidRequest(f"`{param}` must hold token numbers only.", param=param)
        try:
            return self._tokens.decode(numbers)
        except InvalidRequest as problem:
            problem.param = param
            raise


def _text(value: str, param: str) -> str:
    if not value:
        raise InvalidRequest(f"`{param}` must not be an empty string.", param=param)
    return value


def _parts(value: dict[str, Any], param: str) -> EmbeddingItem:
    """`{"type": "text", "text": t}`, `{"type": "image_url", "image_url": {"url": u}}`, `{"text": t, "image": u}`."""
    text, name = value.get("text"), "image" if value.get("image") is not None else "image_url"
    image = value.get(name)
    if text is None and image is None:
        raise InvalidRequest(f"`{param}` must have `text`, `image` or `image_url`.", param=param)
    if text is not None and not isinstance(text, str):
        raise InvalidRequest(f"`{param}.text` must be a string.", param=f"{param}.text")
    if image is None:
        return EmbeddingItem(_text(text or "", f"{param}.text"))
    return EmbeddingItem(text or "", _image(image, f"{param}.{name}"))


def _image(value: Any, param: str) -> Blob:
    """Base64, bare or in a data URL, as a string or as `{"url": ...}`."""
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str):
        raise InvalidRequest(f"`{param}` must be a data URL or base64.", param=param)
    prefix = _DATA_URL.match(url)
    if prefix is None and _LINK.match(url):
        raise InvalidRequest(
            f"`{param}` must be base64 or a data URL (data:image/png;base64,...); links are not fetched here.",
            param=param,
            code="invalid_image_url",
        )
    text = "".join(url[prefix.end() if prefix else 0 :].split()).rstrip("=")
    text += "=" * (-len(text) % 4)
    try:
        size = len(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:  # binascii.Error, and what is not ASCII
        size = 0
    if not size:
        raise InvalidRequest(f"`{param}` is not valid base64.", param=param, code="invalid_base64")
    return Blob(text, size)
