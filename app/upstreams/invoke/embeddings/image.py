"""What an image really is, by its first bytes: clients mislabel, and the models refuse what does not match. Pure."""

from __future__ import annotations

from base64 import b64decode

from app.core.prompt import Blob


def format_of(image: Blob) -> str:
    """`png`, `jpeg`, `gif`, `webp`, or empty for anything else."""
    head = b64decode(image.base64[:16])  # 12 bytes: the longest of the signatures
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else ""


def data_url(image: Blob) -> str:
    """`data:image/png;base64,...`"""
    return f"data:image/{format_of(image)};base64,{image.base64}"
