"""Who is calling: finds the key among the headers and asks the Keys port whose it is. Never repeats or logs it."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.ports import Caller, Keys
from app.errors import Unauthenticated

Headers = Iterable[tuple[bytes, bytes]]

_MISSING = (
    "You didn't provide an API key. Provide it in an Authorization header with Bearer auth "
    "(Authorization: Bearer YOUR_KEY), or in an x-api-key or api-key header."
)


def presented_keys(headers: Headers) -> list[str]:
    """The keys a request presents, at most three: `Authorization: Bearer`, then `x-api-key`, then `api-key`.

    More than one is tried, because SDKs always send an Authorization, if only a dummy one beside the real header.

    Header names in any case, as ASGI and other fronts give them. An Authorization of another scheme (Basic, or the
    SigV4 signature of a Function URL with IAM) is not ours, and the other headers are looked at.
    """
    found: dict[bytes, str] = {}
    for name, value in headers:
        name = name.lower()
        if name in (b"authorization", b"x-api-key", b"api-key"):
            key = _bearer(_text(value)) if name == b"authorization" else _text(value)
            if key:
                found.setdefault(name, key)
    order = (found.get(name) for name in (b"authorization", b"x-api-key", b"api-key"))
    return list(dict.fromkeys(key for key in order if key))


async def authenticate(headers: Headers, keys: Keys) -> Caller:
    """The caller. Raises Unauthenticated in OpenAI's words, and what the port raises where keys can't be had (503)."""
    presented = presented_keys(headers)
    for key in presented or [""]:  # a gateway without any key says so also to who presents none
        caller = await keys.authenticate(key)
        if caller is not None:
            return caller
    raise Unauthenticated("Incorrect API key provided." if presented else _MISSING)


def _bearer(value: str) -> str:
    scheme, _, key = value.replace("\t", " ").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _text(value: bytes) -> str:
    # Clients send what their platform makes of a non-ASCII key: UTF-8 mostly, Latin-1 (the old HTTP rule) otherwise.
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()
