"""The model name in a path. Pure."""

from __future__ import annotations

from urllib.parse import unquote


def name_in(path: str) -> str:
    """The name after `/models/`, as the framework gives it: percent-decoded once, or not at all.

    SDKs encode an id once, some of them twice, and proxies decode `%2F` on the way or leave it. No model id has a
    percent sign or an outer slash, so all of them can be read as the same name.

    >>> name_in("anthropic.claude-3-haiku-20240307-v1%253A0")
    'anthropic.claude-3-haiku-20240307-v1:0'
    """
    return unquote(unquote(path)).strip("/")
