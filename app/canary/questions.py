"""What the checks ask: prompts, tools, a schema, a picture, and a text long enough for the prompt cache."""

from __future__ import annotations

import base64
import struct
import uuid
import zlib
from typing import Any

COUNT = "Count from 1 to 60, separated by commas. Write nothing but the numbers, and leave none out."
WEATHER = "Use the get_weather tool to find out about the weather in Oslo, then tell me in one short sentence."
BOTH = "Call get_weather for Oslo and get_time for Lima. The two are independent: make both calls in this same turn."
CITY = "Oslo is the capital of Norway and has about 700000 inhabitants. Give the city's name and its population."
COLOUR = "What colour is this picture? Answer with one word."
SENTENCE = "A canary sings in the mine."


def function(name: str, description: str) -> dict[str, Any]:
    city = {"type": "string", "description": "Name of a city"}
    parameters = {"type": "object", "properties": {"city": city}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


GET_WEATHER = function("get_weather", "The weather in a city")
GET_TIME = function("get_time", "The local time in a city")

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["city", "population"],
    "additionalProperties": False,
}


def fits(value: Any) -> bool:
    """Whether a JSON value is what SCHEMA asks for."""
    return (
        isinstance(value, dict)
        and value.keys() == {"city", "population"}
        and isinstance(value["city"], str)
        and type(value["population"]) is int
    )


def red_square(size: int = 64) -> str:
    """A PNG of one colour, as a data URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\x00" + b"\xff\x00\x00" * size) * size  # each row starts with its filter: none
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)  # 8 bits, RGB
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


def long_text() -> str:
    """About 5,000 tokens, more than any model's least cacheable prefix (4,096), and new each time from its first word."""
    lines = (f"Line {number}: this sentence is only here to fill the prompt cache." for number in range(1, 301))
    return "\n".join([f"Run {uuid.uuid4().hex}.", *lines])
