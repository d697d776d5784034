"""The body of `POST /embeddings` and of its answer.

OpenAI's API reference, "Create embeddings" (2026-11), and three extensions: `input_type`, `truncate`, and inputs that
are objects with `text`, `image` or both. `input` is read by hand in `decode`: a union of its forms would answer a
mistake in one with a line about each.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

Encoding = Literal["float", "base64"]


class EmbeddingsBody(BaseModel):
    """Every optional field may be null. Fields that are not named here have no effect, and are told as ignored."""

    model_config = ConfigDict(extra="allow", defer_build=True)  # built when first used, not by every cold start

    model: Annotated[str, Field(min_length=1, max_length=2048)]
    input: Any
    encoding_format: Encoding | None = None
    dimensions: Annotated[int, Field(ge=1, strict=True)] | None = None
    input_type: str | None = None
    truncate: str | None = None
    user: Any = None


class EmbeddingBody(TypedDict):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class UsageBody(TypedDict):
    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(TypedDict):
    object: Literal["list"]
    data: list[EmbeddingBody]
    model: str
    usage: UsageBody
