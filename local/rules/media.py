"""Rules about images, documents, video and audio: who takes them, how large, and that they are what they say."""

import re
from base64 import b64decode
from collections.abc import Iterator

from local.behaviour.prompt import dimensions
from local.rules.asked import Asked, Block, model_says, unsupported

_IMAGE_BYTES = 3_932_160  # 3.75 MB
_DOCUMENT_BYTES = 4_718_592  # 4.5 MB
_VIDEO_BYTES = 25_000_000
_IMAGES = 20
_DOCUMENTS = 5
_NAME = re.compile(r"[a-zA-Z0-9\-()\[\]]+(?:\s[a-zA-Z0-9\-()\[\]]+)*")
_NAME_RULE = (
    "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, "
    "and square brackets. The name can't contain more than one consecutive whitespace character."
)
_MODALITY = {"image": "IMAGE", "video": "VIDEO", "audio": "SPEECH"}
_HEAD = 64


def broken(asked: Asked) -> Iterator[str]:
    """Violations within media blocks, in messages and in tool results."""
    names: list[str] = []
    yield from _sides(asked)
    for number, message in enumerate(asked.messages):
        yield from _counts(message, number)
        for index, block in enumerate(message["content"]):
            yield from _block(asked, block, f"messages.{number}.content.{index}", names)
            for inner, result in enumerate(block.get("toolResult", {}).get("content") or []):
                yield from _block(asked, result, f"messages.{number}.content.{index}.toolResult.content.{inner}", names)
    if len(set(names)) < len(names):
        yield "Messages can't contain duplicate document names. Rename the document and retry your request."


def sniff(head: bytes) -> str | None:
    """The image format that the first bytes show; None for none of the four that Bedrock takes."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _sides(asked: Asked) -> Iterator[str]:
    """Anthropic's rule for requests of many images is narrower than the one for few."""
    found: list[tuple[str, Block]] = []
    for number, message in enumerate(asked.messages):
        for index, block in enumerate(message["content"]):
            path = f"messages.{number}.content.{index}"
            found += [
                (path, each["image"])
                for each in (block, *block.get("toolResult", {}).get("content", ()))
                if "image" in each
            ]
    many = asked.facts.is_claude and len(found) > _IMAGES
    most = 2000 if many else 8000
    for path, image in found:
        if max(dimensions(b64decode(image.get("source", {}).get("bytes", "")))) > most:
            kind = " for many-image requests" if many else ""
            yield model_says(
                f"{path}.image.source.base64.data: At least one of the image dimensions exceed max allowed size{kind}: "
                f"{most} pixels"
            )


def _counts(message: Block, number: int) -> Iterator[str]:
    kinds = [kind for block in message["content"] for kind in block]
    if kinds.count("image") > _IMAGES:
        yield f"You can't include more than {_IMAGES} images in a message."
    if kinds.count("document") > _DOCUMENTS:
        yield f"You can't include more than {_DOCUMENTS} documents in a request."
    if "document" in kinds and "text" not in kinds:
        yield f"The message at messages.{number} contains a document. Add a text block to the message and try again."


def _block(asked: Asked, block: Block, path: str, names: list[str]) -> Iterator[str]:
    for kind, modality in _MODALITY.items():
        if kind in block and modality not in asked.facts.inputs:
            yield unsupported(kind)
            return
    if "image" in block:
        yield from _image(block["image"], path)
    elif "document" in block:
        names.append(block["document"]["name"])
        yield from _document(block["document"], path)
    elif "video" in block and _size(block["video"]) > _VIDEO_BYTES:
        yield f"The video at {path} exceeds the maximum size of 25 MB."


def _image(image: Block, path: str) -> Iterator[str]:
    encoded = image.get("source", {}).get("bytes")
    if encoded is None:
        return
    if _size(image) > _IMAGE_BYTES:
        yield model_says(
            f"{path}.image.source.base64: image exceeds 3.75 MB maximum: {_size(image)} bytes > {_IMAGE_BYTES} bytes"
        )
        return
    found = sniff(b64decode(encoded[:_HEAD]))
    if found is None:
        yield model_says("Could not process image")
    elif found != image["format"]:
        yield model_says(
            f"{path}.image.source.base64: The image was specified using the image/{image['format']} media type, "
            f"but the image appears to be a image/{found} image"
        )


def _document(document: Block, path: str) -> Iterator[str]:
    if not _NAME.fullmatch(document["name"]):
        yield _NAME_RULE
    source = document["source"]
    if "bytes" in source:
        if not source["bytes"]:
            yield f"The document at {path} is empty."
        if _size(document) > _DOCUMENT_BYTES:
            yield f"The document at {path} exceeds the maximum size of 4.5 MB."


def _size(media: Block) -> int:
    """Bytes that a base64 source stands for; 0 for a source elsewhere."""
    encoded = media.get("source", {}).get("bytes") or ""
    return len(encoded) * 3 // 4 - encoded.count("=", -2) if encoded else 0
