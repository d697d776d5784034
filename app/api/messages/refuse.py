"""What is wrong with a body, in Anthropic's words: the place, a colon, the fault (`messages.0.content: Field required`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from app.errors import InvalidRequest


def wrong(param: str, fault: str, code: str = "invalid_value") -> NoReturn:
    raise InvalidRequest(f"{param}: {fault}", param=param, code=code)


def missing(param: str) -> NoReturn:
    wrong(param, "Field required", "missing_required_parameter")


def text_of(body: Mapping[str, Any], name: str, param: str) -> str:
    """A member that has to be text."""
    value = body.get(name)
    if value is None:
        missing(f"{param}.{name}")
    if not isinstance(value, str):
        wrong(f"{param}.{name}", "Input should be a valid string", "invalid_type")
    return value


def filled(body: Mapping[str, Any], name: str, param: str) -> str:
    """A member that has to be text with something in it."""
    value = text_of(body, name, param)
    if not value:
        wrong(f"{param}.{name}", "String should have at least 1 character")
    return value


def object_of(body: Mapping[str, Any], name: str, param: str) -> Mapping[str, Any]:
    """A member that has to be an object."""
    value = body.get(name)
    if value is None:
        missing(f"{param}.{name}")
    if not isinstance(value, Mapping):
        wrong(f"{param}.{name}", "Input should be a valid dictionary", "invalid_type")
    return value


def unknown_type(kind: Any, known: tuple[str, ...], param: str) -> NoReturn:
    names = ", ".join(f"'{each}'" for each in known)
    wrong(
        f"{param}.type",
        f"Input tag {str(kind)[:40]!r} does not match any of the expected tags: {names}",
        "invalid_type",
    )


def one_word(name: Any) -> str:
    """A client's word, fit for a header."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "_" for letter in str(name)[:40]
    )
