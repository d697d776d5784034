"""The secrets of keys: how they look, and what is stored of them.

    sk-gw-<16>-<43>, sk-admin-<16>-<43>    the 16 name the item (`key_<16>`, `adm_<16>`), the 43 are 256 random bits

Stored are a random salt and SHA-256(salt + the 43). A slow hash would add nothing: nobody tries 2^256 secrets.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from typing import Final

KEY: Final = "key"
ADMIN_KEY: Final = "admin_key"
"""The partitions of the two kinds."""

_WORDS: Final = {KEY: ("sk-gw-", "key_"), ADMIN_KEY: ("sk-admin-", "adm_")}
_PRESENTED = re.compile(r"(sk-gw-|sk-admin-)([a-z2-7]{16})-([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Credential:
    """A new secret. `key` is what the client presents and is shown once; `salt` and `hash` (hexadecimal) are stored."""

    id: str
    key: str
    redacted: str
    salt: str
    hash: str


def new_name() -> str:
    """16 letters that name a thing in the table: 80 random bits."""
    return b32encode(secrets.token_bytes(10)).decode().lower()


def new_credential(kind: str, id: str = "") -> Credential:
    """A secret for a new thing of `kind` (KEY, ADMIN_KEY), or a further one for the thing `id`."""
    front, id_front = _WORDS[kind]
    name = id.removeprefix(id_front) or new_name()
    secret, salt = secrets.token_urlsafe(32), secrets.token_hex(16)
    return Credential(
        id=id_front + name,
        key=f"{front}{name}-{secret}",
        redacted=f"{front}{name[:4]}...{secret[-4:]}",
        salt=salt,
        hash=digest(salt, secret),
    )


def taken_apart(kind: str, presented: str) -> tuple[str, str] | None:
    """(id, secret) of what looks like a key of this kind; None for anything else."""
    found = _PRESENTED.fullmatch(presented)
    front, id_front = _WORDS[kind]
    return (id_front + found[2], found[3]) if found is not None and found[1] == front else None


def digest(salt: str, secret: str) -> str:
    return hashlib.sha256((salt + secret).encode()).hexdigest()


def matches(salt: str, hash: str, secret: str) -> bool:
    """Digests of equal length are compared, in constant time."""
    return bool(hash) and hmac.compare_digest(digest(salt, secret).encode(), hash.encode())
