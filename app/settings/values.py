"""Kinds of values that settings share."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import BeforeValidator


def _words(value: object) -> object:
    """`a, b` -> ("a", "b"); lists pass."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _networks(value: object) -> object:
    """`10.0.0.0/8, 2001:db8::/32` -> networks; an address alone is a network of one. Host bits are forgiven."""
    words = _words(value)
    if not isinstance(words, tuple | list):
        return words
    try:
        return tuple(ipaddress.ip_network(word, strict=False) for word in words)
    except ValueError:
        raise ValueError("a list of networks such as 192.0.2.0/24, 2001:db8::/32 is expected") from None


def lowered(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Networks = Annotated[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...], BeforeValidator(_networks)]
Lower = BeforeValidator(lowered)
