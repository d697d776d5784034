"""Writes `application/vnd.amazon.eventstream` frames, the binary form in which Bedrock streams.

A frame is: total length, headers length, CRC of those two, headers, payload, CRC of all before it; integers are
big-endian, CRCs are `zlib.crc32`. Every header is a string (value type 7). Source: botocore 1.44.5 `eventstream.py`.
"""

from functools import lru_cache
from struct import Struct
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = Struct(">II")
_CRC = Struct(">I")
_OVERHEAD = 16
_STRING = 7


def encode(event_type: str, payload: bytes) -> bytes:
    """Frame of one event; `payload` is the event's JSON without a wrapper."""
    return frame(_headers("event", event_type), payload)


def encode_exception(exception_type: str, payload: bytes) -> bytes:
    """Frame of a modelled exception; `exception_type` is the member's name, lowerCamel (`throttlingException`)."""
    return frame(_headers("exception", exception_type), payload)


def encode_error(code: str, message: str) -> bytes:
    """Frame of an error that the service model does not know: code and message travel in the headers."""
    headers = header(":error-code", code) + header(":error-message", message) + header(":message-type", "error")
    return frame(headers, b"")


def spoil_crc(frame_bytes: bytes) -> bytes:
    """The same frame with a message CRC that does not match."""
    return frame_bytes[:-4] + bytes(byte ^ 0xFF for byte in frame_bytes[-4:])


def frame(headers: bytes, payload: bytes) -> bytes:
    """Lengths and CRCs round encoded headers and a payload."""
    prelude = _PRELUDE.pack(_OVERHEAD + len(headers) + len(payload), len(headers))
    message = b"".join((prelude, _CRC.pack(crc32(prelude)), headers, payload))
    return message + _CRC.pack(crc32(message))


def header(name: str, value: str) -> bytes:
    """One string header."""
    name_bytes, value_bytes = name.encode(), value.encode()
    return (
        bytes((len(name_bytes),)) + name_bytes + bytes((_STRING,)) + len(value_bytes).to_bytes(2, "big") + value_bytes
    )


@lru_cache(maxsize=256)
def _headers(message_type: str, member: str) -> bytes:
    return (
        header(f":{message_type}-type", member)
        + header(":content-type", "application/json")
        + header(":message-type", message_type)
    )
