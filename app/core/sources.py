"""Where the bytes of an image or file come from, as clients write it: data URLs, links, `s3://`, bare base64. Pure."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from app.core.prompt import Blob, Broken, Link, Media, Part, S3Object, Text
from app.errors import InvalidRequest

Kind = Literal["image", "document", "audio", "video"]
MAX_URL = 8192
_WORDS: dict[str, Kind] = {"image": "image", "screenshot": "image", "audio": "audio", "video": "video"}
_WORDS |= {"file": "document", "document": "document"}
_DATA = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S{1,1024}\Z")


def media(kind: Kind, url: str, param: str, *, name: str = "", mime: str = "") -> Media:
    """The part that a URL, data URL or bare base64 text means. Raises InvalidRequest that names `param`."""
    head = url[:5].lower()
    if head == "data:":
        found = _DATA.match(url)
        if found is None:
            raise InvalidRequest("The data URL is malformed.", param=param, code="invalid_value")
        encoded = url[found.end() :]
        if not found[2].lower().endswith(";base64"):
            data = unquote_to_bytes(encoded)
            return Media(
                kind, Blob(binascii.b2a_base64(data, newline=False).decode(), len(data)), found[1] or mime, name, param
            )
        return Media(kind, blob(encoded, param), found[1].lower() or mime, name, param)
    if head == "s3://":
        if not _S3.match(url):
            raise InvalidRequest("The s3:// address is malformed.", param=param, code="invalid_value")
        return Media(kind, S3Object(url), mime, name, param)
    if url[:8].lower().startswith(("http://", "https://")):
        if len(url) > MAX_URL:
            raise InvalidRequest("The URL is too long.", param=param, code="invalid_image_url")
        return Media(kind, Link(url), mime, name, param)
    if "://" in url[:32]:
        raise InvalidRequest("Only https://, s3:// and data: URLs are taken.", param=param, code="invalid_image_url")
    return Media(kind, blob(url, param), mime, name, param)


def decode_part(part: Any, param: str, decode: Callable[[Mapping[str, Any], str], list[Part]]) -> list[Part]:
    """Decodes a content part, which may be a string or null. A part that `decode` rejects becomes a broken one, which is an
    error in the last user turn only."""
    if part is None:
        return []
    if isinstance(part, str):
        return [Text(part)]
    try:
        if not isinstance(part, Mapping):
            raise InvalidRequest("A content part must be an object.", param=param, code="invalid_type")
        return decode(part, param)
    except InvalidRequest as problem:
        return [broken(str(part.get("type")) if isinstance(part, Mapping) else "", problem)]


def broken(part_type: str, problem: InvalidRequest) -> Media:
    """A part of this type that could not be decoded: an error or a placeholder, depending on its turn."""
    kind = next((kind for word, kind in _WORDS.items() if word in part_type), None)
    source = Broken(problem.message, problem.code, "" if kind else "content")
    return Media(kind or "document", source, param=problem.param or "messages")


def blob(text: str, param: str) -> Blob:
    """Base64 in its usual spellings (line breaks, URL-safe letters, missing padding) as a clean one."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)  # without the regular expression of b64decode
        return Blob(text, len(data)) if data else _refuse_empty(param)
    except (binascii.Error, ValueError):
        pass
    cleaned = "".join(unquote_to_bytes(text).decode("latin-1").split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        data = b64decode(cleaned + "=" * (-len(cleaned) % 4), validate=True)
    except (binascii.Error, ValueError):
        return _refuse(param)
    return Blob(binascii.b2a_base64(data, newline=False).decode(), len(data)) if data else _refuse_empty(param)


def _refuse_empty(param: str) -> Blob:
    raise InvalidRequest("The file is empty (0 bytes).", param=param, code="invalid_base64")


def _refuse(param: str) -> Blob:
    raise InvalidRequest("This is not valid base64.", param=param, code="invalid_base64")
