"""Images, documents, audio and video as Converse's blocks: format by content, modality by the model. Pure."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from typing import Any

from app.core.plan import MANY_IMAGES, Traits
from app.core.prompt import Blob, Broken, Media, S3Object
from app.errors import InvalidRequest
from app.upstreams.converse import sniff
from app.upstreams.converse.image_size import dimensions
from app.upstreams.converse.names import DocumentNames

Block = dict[str, Any]
_INLINE = frozenset({"txt", "md", "csv", "html"})


class MediaBlocks:
    """The media of one request; document names are unique within it. `repairs` counts placeholders; `images`: how many images
    there are."""

    def __init__(self, traits: Traits, model: str, repairs: Counter[str] | None = None, images: int = 0) -> None:
        self._traits = traits
        self._model = model
        self._many = images > MANY_IMAGES
        self._names = DocumentNames()
        self._repairs: Counter[str] = Counter() if repairs is None else repairs

    def block(self, media: Media) -> Block:
        """A block for the media; a text that says why it is missing where an optional one cannot be used."""
        try:
            return self._block(media)
        except InvalidRequest as problem:
            if not media.optional:
                raise
            self._repairs["media-omitted"] += 1
            return {"text": f"[{media.called} omitted: {problem.message}]"}

    def _block(self, media: Media) -> Block:
        """`{"image": {...}}` and its like, or a text block for a text file the model takes in no other form."""
        source = media.source
        if isinstance(source, Blob):
            head = b64decode(source.base64[: sniff.HEAD_BYTES * 4 // 3])
            kind, form = self._detected(media, head)
            if kind == "image":
                self._check_sides(media, source)
        elif isinstance(source, S3Object):
            kind, form = self._declared(media, source)
        elif isinstance(source, Broken):
            raise InvalidRequest(source.reason, param=media.param, code=source.code)
        else:
            raise InvalidRequest("This URL was not fetched.", param=media.param, code="invalid_image_url")
        if not self._takes(kind):
            if kind == "document" and form in _INLINE and isinstance(source, Blob):
                return self._inlined(media, source)
            raise InvalidRequest(
                f"The model {self._model!r} does not take {kind} input.", param=media.param, code="unsupported_value"
            )
        body: Block = {"format": form, "source": _source(source)}
        if kind == "document":
            body["name"] = self._names.new(media.name)
            if media.context.strip():
                body["context"] = media.context
            if media.citations and self._traits.cites:
                body["citations"] = {"enabled": True}
        return {kind: body}

    def _check_sides(self, media: Media, source: Blob) -> None:
        sides, most = dimensions(source.base64), self._traits.image_sides[self._many]
        if sides is not None and max(sides) > most:
            where = f" in a request with more than {MANY_IMAGES} images" if self._many else ""
            raise InvalidRequest(
                f"The image has {sides[0]} x {sides[1]} pixels. Each side may have at most {most} pixels{where}.",
                param=media.param,
                code="image_too_large",
            )

    def _takes(self, kind: str) -> bool:
        return self._traits.modalities is None or kind in self._traits.modalities

    def _detected(self, media: Media, head: bytes) -> tuple[str, str]:
        form = _format(media, head)
        found = (media.kind, form) if form else sniff.detect(head, mime=media.mime, filename=media.name)
        if found is None or (
            media.kind in ("image", "audio", "video") and found[0] == "document" and found[1] in _INLINE
        ):
            raise InvalidRequest(
                f"This is not {_an(media.kind)} in a format that Bedrock takes.",
                param=media.param,
                code="invalid_image_format" if media.kind == "image" else "invalid_value",
            )
        return found

    def _declared(self, media: Media, source: S3Object) -> tuple[str, str]:
        name = media.name or source.uri.rsplit("/", 1)[-1]
        kind: sniff.Kind = media.kind
        form = sniff.declared(kind, mime=media.mime, filename=name)
        if form is None:
            other = sniff.kind_of(mime=media.mime, filename=name)
            kind, form = (other, sniff.declared(other, mime=media.mime, filename=name)) if other else (kind, None)
        if form is None:
            raise InvalidRequest(
                "The file's format can't be told from its name; give the object a usual ending.",
                param=media.param,
                code="invalid_value",
            )
        return kind, form

    def _inlined(self, media: Media, source: Blob) -> Block:
        text = b64decode(source.base64).decode("utf-8", "replace")
        return {"text": f"[file {self._names.new(media.name)}]\n{text}"}


def _format(media: Media, head: bytes) -> str | None:
    """The format where the bytes are what they are said to be; a file may be anything, so nothing is said of it."""
    match media.kind:
        case "image":
            return sniff.image_format(head)
        case "audio":
            return sniff.audio_format(head) or sniff.declared("audio", mime=media.mime, filename=media.name)
        case "video":
            return sniff.video_format(head)
        case _:
            return None


def _source(source: Blob | S3Object) -> Block:
    return {"bytes": source.base64} if isinstance(source, Blob) else {"s3Location": {"uri": source.uri}}


def _an(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
