"""Checks a JSON body against a shape of the service model, with the constraints that botocore leaves to the server.

Every shape is compiled once into a closure; a check walks the body and appends complaints in AWS's wording. Paths
come in two spellings, as AWS's own: `messages.1.member.role` (constraints, from 1) and `#/messages/0` (stray keys).
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from functools import cache
from typing import Any

from local.emulator.errors import AwsError, Invalid
from local.emulator.service_model import service_model

Path = tuple[str | int, ...]
Check = Callable[[Any, Path, list[str]], None]

_JAVA_NAMES: dict[type, str] = {str: "STRING_VALUE", bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
_BODY = "body"


def check_body(service: str, shape: str, body: Any) -> None:
    """Raises Invalid for a body that breaks the shape, or a SerializationException for a wrong JSON type."""
    complaints: list[str] = []
    compiled(service, shape)(body, (), complaints)
    _raise(complaints)


def check_label(service: str, shape: str, label: str, value: str) -> None:
    """Raises Invalid for a path label that breaks the pattern or length of its member."""
    member = service_model(service)["shapes"][shape]["members"][label]["shape"]
    complaints: list[str] = []
    compiled(service, member)(value, (label,), complaints)
    _raise(complaints)


@cache
def compiled(service: str, shape: str) -> Check:
    """The check of one shape. Recursive shapes are JSON documents in these services, which take anything."""
    described = service_model(service)["shapes"][shape]
    if described.get("document"):
        return _anything
    return _COMPILERS[described["type"]](service, shape, described)


def _raise(complaints: list[str]) -> None:
    if not complaints:
        return
    plain = [text for text in complaints if not text.startswith("Value ")]
    if plain:
        raise Invalid(plain[0])
    noun = "error" if len(complaints) == 1 else "errors"
    raise Invalid(f"{len(complaints)} validation {noun} detected: " + "; ".join(complaints))


def _anything(value: Any, path: Path, complaints: list[str]) -> None:
    """A JSON document."""


def _structure(service: str, shape: str, described: dict[str, Any]) -> Check:
    members: dict[str, Check] = {}
    for name, member in described.get("members", {}).items():
        if member.get("location", _BODY) == _BODY:
            members[member.get("locationName", name)] = compiled(service, member["shape"])
    required = tuple(name for name in described.get("required", ()) if name in members)
    union = bool(described.get("union"))
    keys = ", ".join(members)

    def check(value: Any, path: Path, complaints: list[str]) -> None:
        if type(value) is not dict:
            raise _wrong_type(value, "object")
        if union and sum(1 for name in members if value.get(name) is not None) != 1:
            complaints.append(f"The {shape} object at {_dotted(path)} must set one of the following keys: {keys}.")
        for name, inner in value.items():
            member = members.get(name)
            if member is None:
                complaints.append(_stray(path, name))
            elif inner is not None:
                member(inner, (*path, name), complaints)
        complaints += [_missing((*path, name)) for name in required if value.get(name) is None]

    return check


def _list(service: str, shape: str, described: dict[str, Any]) -> Check:
    member = compiled(service, described["member"]["shape"])
    length = _length(described)

    def check(value: Any, path: Path, complaints: list[str]) -> None:
        if type(value) is not list:
            raise _wrong_type(value, "list")
        if length:
            length(len(value), value, path, complaints)
        for index, inner in enumerate(value):
            member(inner, (*path, index), complaints)

    return check


def _map(service: str, shape: str, described: dict[str, Any]) -> Check:
    key = compiled(service, described["key"]["shape"])
    member = compiled(service, described["value"]["shape"])
    length = _length(described)

    def check(value: Any, path: Path, complaints: list[str]) -> None:
        if type(value) is not dict:
            raise _wrong_type(value, "map")
        if length:
            length(len(value), value, path, complaints)
        for name, inner in value.items():
            key(name, path, complaints)
            member(inner, (*path, name, "value"), complaints)

    return check


def _string(service: str, shape: str, described: dict[str, Any]) -> Check:
    length = _length(described)
    pattern = re.compile(described["pattern"]) if "pattern" in described else None
    enum = frozenset(described.get("enum", ()))

    def check(value: Any, path: Path, complaints: list[str]) -> None:
        if type(value) is not str:
            raise _wrong_type(value, "string")
        if length:
            length(len(value), value, path, complaints)
        if enum and value not in enum:
            complaints.append(_failed(value, path, f"Member must satisfy enum value set: [{', '.join(sorted(enum))}]"))
        if pattern and not pattern.fullmatch(value):
            rule = f"Member must satisfy regular expression pattern: {described['pattern']}"
            complaints.append(_failed(value, path, rule))

    return check


def _blob(service: str, shape: str, described: dict[str, Any]) -> Check:
    length = _length(described)

    def check(value: Any, path: Path, complaints: list[str]) -> None:
        if type(value) is not str:
            raise _wrong_type(value, "blob")
        try:
            size = len(a2b_base64(value, strict_mode=True)) if value else 0
        except Base64Error as error:
            raise AwsError("SerializationException", "Invalid base64 data") from error
        if length:
            length(size, "<bytes>", path, complaints)

    return check


def _number(service: str, shape: str, described: dict[str, Any]) -> Check:
    lowest, highest = described.get("min"), described.get("max")
    whole = described["type"] in ("integer", "long")

    def check(value: Any, path: Path, complaints: list[str]) -> None:
        if type(value) is not int and (whole or type(value) is not float):
            raise _wrong_type(value, "number")
        if highest is not None and value > highest:
            rule = f"Member must have value less than or equal to {highest}"
            complaints.append(_failed(value, path, rule))
        if lowest is not None and value < lowest:
            rule = f"Member must have value greater than or equal to {lowest}"
            complaints.append(_failed(value, path, rule))

    return check


def _boolean(service: str, shape: str, described: dict[str, Any]) -> Check:
    def check(value: Any, path: Path, complaints: list[str]) -> None:
        if type(value) is not bool:
            raise _wrong_type(value, "boolean")

    return check


def _timestamp(service: str, shape: str, described: dict[str, Any]) -> Check:
    return _anything


def _length(described: dict[str, Any]) -> Callable[[int, Any, Path, list[str]], None] | None:
    lowest, highest = described.get("min"), described.get("max")
    if lowest is None and highest is None:
        return None

    def check(length: int, value: Any, path: Path, complaints: list[str]) -> None:
        if highest is not None and length > highest:
            complaints.append(_failed(value, path, f"Member must have length less than or equal to {highest}"))
        if lowest is not None and length < lowest:
            complaints.append(_failed(value, path, f"Member must have length greater than or equal to {lowest}"))

    return check


def _failed(value: Any, path: Path, rule: str) -> str:
    return f"Value '{value}' at '{_member_path(path)}' failed to satisfy constraint: {rule}"


def _missing(path: Path) -> str:
    return f"Value null at '{_member_path(path)}' failed to satisfy constraint: Member must not be null"


def _member_path(path: Path) -> str:
    return ".".join(f"{part + 1}.member" if isinstance(part, int) else part for part in path)


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path) or "the top level"


def _stray(path: Path, name: str) -> str:
    place = "#" + "".join(f"/{part}" for part in path)
    return (
        f"Malformed input request: {place}: extraneous key [{name}] is not permitted, "
        "please reformat your input and try again."
    )


def _wrong_type(value: Any, wanted: str) -> AwsError:
    if isinstance(value, dict):
        return AwsError(
            "SerializationException", f"Start of structure or map found where not expected: {wanted} wanted"
        )
    if isinstance(value, list):
        return AwsError("SerializationException", f"Start of list found where not expected: {wanted} wanted")
    name = _JAVA_NAMES.get(type(value), "NULL_VALUE")
    return AwsError("SerializationException", f"{name} can not be converted to {wanted}")


_COMPILERS: dict[str, Callable[[str, str, dict[str, Any]], Check]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "blob": _blob,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}
