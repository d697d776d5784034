"""What bytes really are, in Converse's words. Pure.

Clients mislabel: JPEGs sent as image/png, spreadsheets as application/octet-stream, `image/jpg`. Bedrock refuses what
does not match, so the content decides where it can, and the declared MIME type and file name only where it can't (text,
old Office files, raw audio). The format lists are those of the Converse API (botocore 1.44, ImageFormat and its like).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal["image", "document", "audio", "video"]

HEAD_BYTES: Final = 65_535
"""How much of a file the functions here profit from; less works, with fewer Office files recognised by content.

A multiple of three, so that the base64 text of it (`HEAD_BYTES * 4 // 3` characters) can be cut off and decoded.
"""

_TEXT_ENDINGS: Final = (
    "txt text log json jsonl ndjson yaml yml xml toml ini cfg conf env tsv rst tex srt vtt sql py js mjs ts tsx jsx "
    "java c h cpp hpp cc cs go rs rb php sh bash ps1 kt swift scala lua pl r css scss diff patch ipynb tf proto rtf"
)
# kind -> file ending -> format
_ENDINGS: Final[Mapping[Kind, Mapping[str, str]]] = MappingProxyType(
    {
        "image": {
            "png": "png",
            "jpg": "jpeg",
            "jpeg": "jpeg",
            "jpe": "jpeg",
            "jfif": "jpeg",
            "gif": "gif",
            "webp": "webp",
        },
        "document": {"htm": "html", "xhtml": "html", "markdown": "md"}
        | {name: name for name in ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "md")}
        | dict.fromkeys(_TEXT_ENDINGS.split(), "txt"),
        "audio": {"oga": "ogg"}
        | {name: name for name in ("mp3", "opus", "wav", "aac", "flac", "ogg", "mka", "m4a", "mpga", "pcm")},
        "video": {"m4v": "mp4", "qt": "mov", "3gp": "three_gp", "3gpp": "three_gp", "3g2": "three_gp"}
        | {name: name for name in ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv")},
    }
)
# kind -> MIME type -> format; `application/` types and the odd spellings seen in the wild
_MIMES: Final[Mapping[Kind, Mapping[str, str]]] = MappingProxyType(
    {
        "image": {
            "image/png": "png", "image/x-png": "png", "image/apng": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg",
            "image/pjpeg": "jpeg", "image/gif": "gif", "image/webp": "webp",
        },
        "document": {
            "application/pdf": "pdf", "application/x-pdf": "pdf",
            "application/msword": "doc",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
            "application/vnd.ms-excel": "xls",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
            "text/html": "html", "application/xhtml+xml": "html",
            "text/markdown": "md", "text/x-markdown": "md",
            "text/csv": "csv", "application/csv": "csv",
            "application/json": "txt", "application/xml": "txt", "application/yaml": "txt", "application/x-yaml": "txt",
            "application/toml": "txt", "application/sql": "txt", "application/javascript": "txt",
            "application/x-ndjson": "txt", "application/x-sh": "txt",
        },
        "audio": {
            "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/x-mp3": "mp3", "audio/wav": "wav", "audio/wave": "wav",
            "audio/x-wav": "wav", "audio/vnd.wave": "wav", "audio/ogg": "ogg", "application/ogg": "ogg",
            "audio/opus": "opus", "audio/flac": "flac", "audio/x-flac": "flac", "audio/aac": "aac",
            "audio/x-aac": "aac", "audio/mp4": "mp4", "audio/x-m4a": "m4a", "audio/m4a": "m4a", "audio/webm": "webm",
            "audio/x-matroska": "mka", "audio/pcm": "pcm", "audio/l16": "pcm",
        },
        "video": {
            "video/mp4": "mp4", "video/x-m4v": "mp4", "video/quicktime": "mov", "video/x-matroska": "mkv",
            "video/webm": "webm", "video/x-flv": "flv", "video/mpeg": "mpeg", "video/x-ms-wmv": "wmv",
            "video/3gpp": "three_gp", "video/3gpp2": "three_gp",
        },
    }
)  # fmt: skip

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ASF: Final = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"
# ISO media brands that are still pictures, not films
_PICTURE_BRANDS: Final = frozenset({b"heic", b"heix", b"heif", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})
_CONTROLS: Final = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1a\x1b")) + b"\x7f"


def image_format(head: bytes) -> str | None:
    """`png`, `jpeg`, `gif` or `webp`, by the first 12 bytes."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def audio_format(head: bytes) -> str | None:
    """`wav`, `flac`, `opus`, `ogg`, `mp3`, `mpga`, `aac`, `m4a`, `mp4`, `webm` or `mka`; a container counts as sound.

    Raw samples (`pcm`) have no mark; they are what they are declared to be.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head.startswith(b"fLaC") and not _is_text(head[:8]):  # with what follows, for a text may begin with any of these
        return "flac"
    if head.startswith(b"OggS\0"):
        return "opus" if b"OpusHead" in head[:64] else "ogg"
    if head.startswith((b"ID3\x02", b"ID3\x03", b"ID3\x04")):
        return "mp3"
    if (brand := _brand(head)) is not None:
        return "m4a" if brand.startswith((b"M4A", b"M4B")) else "mp4"
    if (doctype := _matroska(head)) is not None:
        return "webm" if doctype == "webm" else "mka"
    return _mpeg_audio(head)


def video_format(head: bytes) -> str | None:
    """`mp4`, `mov`, `three_gp`, `mkv`, `webm`, `flv`, `mpeg` or `wmv`."""
    if (brand := _brand(head)) is not None:
        return _film(brand)
    if head[4:8] in (b"moov", b"mdat", b"wide") and not _is_text(head[:4]):  # QuickTime files older than the brand
        return "mov"
    if (doctype := _matroska(head)) is not None:
        return doctype
    if head.startswith(b"FLV\x01"):
        return "flv"
    if head.startswith((b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")):
        return "mpeg"
    return "wmv" if head.startswith(_ASF) else None


def document_format(head: bytes, *, mime: str = "", filename: str = "") -> str | None:
    """`pdf`, `docx`, `xlsx`, `doc`, `xls`, `html`, `md`, `csv` or `txt`; None for what Bedrock takes in no form.

    PDF and Office files are known by content, whatever they are called. The rest must be text, and is then what it is
    declared to be: code, JSON, XML and YAML are `txt`.
    """
    said = declared("document", mime=mime, filename=filename)
    if b"%PDF-" in head[: 1024 if said == "pdf" else 8]:  # readers allow some junk before it, and so a text may hold it
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _office_zip(head, said)
    if head.startswith(_OLE):
        return _office_ole(head, said)
    if not _is_text(head):
        return None
    if said in ("html", "md", "csv", "txt"):
        return said
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    return "html" if start.startswith((b"<!doctype html", b"<html")) else "txt"


def detect(head: bytes, *, mime: str = "", filename: str = "") -> tuple[Kind, str] | None:
    """The kind and format of a file of unknown kind; None for one that Bedrock takes in no form.

    A container that may hold sound or film (MP4, WebM) is a film unless it is declared, or named, as sound.
    """
    if (image := image_format(head)) is not None:
        return "image", image
    said = kind_of(mime=mime, filename=filename)
    sound, film = audio_format(head), video_format(head)
    if film is not None and (said != "audio" or sound is None):
        return "video", film
    if sound is not None:
        return "audio", sound
    document = document_format(head, mime=mime, filename=filename)
    return None if document is None else ("document", document)


def kind_of(*, mime: str = "", filename: str = "") -> Kind | None:
    """What a file is declared to be: by its MIME type, or by its name where that says nothing."""
    mime = _essence(mime)
    for kind, formats in _MIMES.items():
        if mime in formats or mime.startswith(kind + "/"):
            return kind
    if mime.startswith("text/"):
        return "document"
    ending = _ending(filename)
    return next((kind for kind, formats in _ENDINGS.items() if ending in formats), None)


def declared(kind: Kind, *, mime: str = "", filename: str = "") -> str | None:
    """The format that name and MIME type claim, the name first: `("report.md", "text/plain")` is Markdown.

    The only evidence where the bytes are not at hand (`s3://`).
    """
    mime = _essence(mime)
    said = _ENDINGS[kind].get(_ending(filename)) or _MIMES[kind].get(mime)
    return "txt" if said is None and kind == "document" and mime.startswith("text/") else said


def _essence(mime: str) -> str:
    return mime.partition(";")[0].strip().lower()


def _ending(filename: str) -> str:
    _, dot, ending = filename.rpartition(".")
    return ending.strip().lower() if dot else ""


def _brand(head: bytes) -> bytes | None:
    """The major brand of an ISO media file (MP4, QuickTime, 3GP), None for anything else."""
    if head[4:8] != b"ftyp" or _is_text(head[:4]):
        return None
    return head[8:12] if head[8:12] not in _PICTURE_BRANDS else None


def _film(brand: bytes) -> str | None:
    if brand.startswith((b"M4A", b"M4B")):
        return None
    if brand.startswith(b"3g"):
        return "three_gp"
    return "mov" if brand == b"qt  " else "mp4"


def _matroska(head: bytes) -> str | None:
    """The document type of an EBML file, which stands within its first bytes."""
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return "webm" if b"webm" in head[:64] else "mkv"


def _mpeg_audio(head: bytes) -> str | None:
    """The layer of an MPEG audio frame header (ISO 11172-3: 11 bits of sync, version, layer, bit rate, sample rate)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:  # ADTS: 12 bits of sync, and the layer always 0
        return "aac"
    if head[1] & 0x18 == 0x08 or head[2] & 0xF0 == 0xF0 or head[2] & 0x0C == 0x0C:  # reserved values
        return None
    return {0x02: "mp3", 0x04: "mpga"}.get(head[1] & 0x06)


def _office_zip(head: bytes, said: str | None) -> str | None:
    """`docx` or `xlsx` by the folder of a telling entry, else as declared; None for other archives (pptx, odt)."""
    at = 0
    while at >= 0:
        name = head[at + 30 : at + 38]  # the local header is 30 bytes long, and the entry's name follows
        for folder, found in ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", None), (b"mimetype", None)):
            if name.startswith(folder):
                return found
        at = head.find(b"PK\x03\x04", at + 4)
    return said if said in ("docx", "xlsx") else None


def _office_ole(head: bytes, said: str | None) -> str | None:
    """`doc` or `xls` by the streams its directory lists (in UTF-16), else as declared; None for others (ppt, msg)."""
    for stream, found in (("WordDocument", "doc"), ("Workbook", "xls"), ("PowerPoint Document", None)):
        if stream.encode("utf-16-le") in head:
            return found
    return said if said in ("doc", "xls") else None


def _is_text(head: bytes) -> bool:
    """Whether this may be text, in UTF-8, an 8-bit encoding or UTF-16 with a mark: not empty, no control characters."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return bool(head) and head.translate(None, _CONTROLS) == head
