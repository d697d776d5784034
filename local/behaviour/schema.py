"""Makes a value that a JSON Schema accepts, taken from the prompt where the prompt has one."""

import re
from dataclasses import dataclass, field
from typing import Any

_PLACE = re.compile(r"\b(?:in|to|for|at|from)\s+((?:[A-Z][\w'-]+)(?:\s[A-Z][\w'-]+)*)")
_QUOTED = re.compile(r"[\"“]([^\"”]{1,200})[\"”]|(?<!\w)'([^']{1,200})'(?!\w)")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_PLACE_NAMES = ("city", "location", "place", "country", "destination", "address", "town")
_FORMATS = {
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "date-time": "2026-01-31T12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_DEPTH = 12


@dataclass(slots=True)
class Hints:
    """Values that a prompt offers; numbers and quotations are used up in order."""

    text: str = ""
    numbers: list[float] = field(default_factory=list)
    quotations: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> "Hints":
        """The hints in a text."""
        return cls(
            text,
            [float(number) for number in _NUMBER.findall(text)],
            [first or second for first, second in _QUOTED.findall(text)],
            _PLACE.findall(text),
        )

    def named(self, name: str) -> str | None:
        """The value in `name: value` or `name=value` or `name is value`."""
        spelled = re.escape(name).replace("_", "[ _]")
        found = re.search(rf"(?i)(?<!\w){spelled}[\"']?\s*(?:=|:|\bis\b)\s*(\"[^\"]*\"|'[^']*'|[^\s,;.]+)", self.text)
        return found[1].strip("\"'") if found else None


def fill(schema: Any, hints: Hints, name: str = "value", root: Any = None, depth: int = 0) -> Any:
    """A value for `schema`; `name` is the property's, `root` the document that `$ref` points into."""
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return name
    if depth > _DEPTH:
        return None
    if "$ref" in schema:
        return fill(_referred(schema["$ref"], root), hints, name, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return _chosen(schema["enum"], hints)
    if "allOf" in schema:
        return fill(_merged(schema, root), hints, name, root, depth + 1)
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return fill(_first_real(schema[union]), hints, name, root, depth + 1)
    return _by_type(schema, hints, name, root, depth)


def _by_type(schema: dict[str, Any], hints: Hints, name: str, root: Any, depth: int) -> Any:
    kind = _kind(schema)
    if kind == "object":
        return _object(schema, hints, root, depth)
    if kind == "array":
        return _array(schema, hints, name, root, depth)
    if kind in ("integer", "number"):
        return _numeric(schema, hints, name, whole=kind == "integer")
    if kind == "boolean":
        return (hints.named(name) or "true").lower() not in ("false", "no", "off", "0")
    return None if kind == "null" else _text(schema, hints, name)


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((each for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _object(schema: dict[str, Any], hints: Hints, root: Any, depth: int) -> dict[str, Any]:
    """Required properties always, optional ones where the prompt names them."""
    required = schema.get("required") or []
    properties: dict[str, Any] = schema.get("properties") or {}
    filled = {}
    for name, inner in properties.items():
        if name in required or (isinstance(inner, dict) and _wanted(name, hints)):
            filled[name] = fill(inner, hints, name, root, depth + 1)
    for name in required:
        if name not in filled:
            filled[name] = name
    return filled


def _wanted(name: str, hints: Hints) -> bool:
    return hints.named(name) is not None or (name.lower() in _PLACE_NAMES and bool(hints.places))


def _array(schema: dict[str, Any], hints: Hints, name: str, root: Any, depth: int) -> list[Any]:
    prefix = [fill(each, hints, name, root, depth + 1) for each in schema.get("prefixItems") or []]
    least = max(int(schema.get("minItems", 0)), 0 if prefix or schema.get("maxItems") == 0 else 1)
    items = schema.get("items", {"type": "string"})
    while len(prefix) < least:
        value = fill(items, hints, name, root, depth + 1)
        if schema.get("uniqueItems") and value in prefix:
            value = f"{value} {len(prefix) + 1}" if isinstance(value, str) else len(prefix)
        prefix.append(value)
    return prefix


def _numeric(schema: dict[str, Any], hints: Hints, name: str, *, whole: bool) -> float:
    value = _given_number(hints, name, whole=whole)
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + (1 if whole else 0.5)
    if high is None and "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - (1 if whole else 0.5)
    if value is None:
        value = 1 if low is None or low < 0 else low  # -9007199254740991 is what zod says of any integer
    value = max(value, low) if low is not None else value
    value = min(value, high) if high is not None else value
    step = schema.get("multipleOf")
    if step:
        value = -(-value // step) * step
    return int(value) if whole or float(value).is_integer() else value


def _given_number(hints: Hints, name: str, *, whole: bool) -> float | None:
    named = hints.named(name)
    if named and _NUMBER.fullmatch(named):
        return float(named)
    for position, number in enumerate(hints.numbers):
        if not whole or number.is_integer():
            return hints.numbers.pop(position)
    return None


def _text(schema: dict[str, Any], hints: Hints, name: str) -> str:
    value = _FORMATS.get(schema.get("format", "")) or _given_text(hints, name) or name
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    if len(value) < shortest:
        value = value.ljust(shortest, "x")
    return value if longest is None else value[:longest]


def _given_text(hints: Hints, name: str) -> str | None:
    named = hints.named(name)
    if named:
        return named
    if hints.places and any(place in name.lower() for place in _PLACE_NAMES):
        return hints.places[0]
    return hints.quotations.pop(0) if hints.quotations else None


def _chosen(values: list[Any], hints: Hints) -> Any:
    lowered = hints.text.lower()
    return next((value for value in values if isinstance(value, str) and value.lower() in lowered), values[0])


def _first_real(choices: list[Any]) -> Any:
    return next((each for each in choices if isinstance(each, dict) and each.get("type") != "null"), choices[0])


def _merged(schema: dict[str, Any], root: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        resolved = _referred(part["$ref"], root) if "$ref" in part else part
        for key, value in resolved.items():
            if key == "properties":
                merged[key] = {**merged.get(key, {}), **value}
            elif key == "required":
                merged[key] = [*merged.get(key, []), *value]
            else:
                merged.setdefault(key, value)
    return merged


def _referred(reference: str, root: Any) -> Any:
    found = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key, {}) if key and isinstance(found, dict) else found
    return found
