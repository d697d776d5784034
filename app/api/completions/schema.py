"""What a client may send to the legacy `/completions`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)  # built when first used, not by every cold start

    include_usage: bool | None = None


class CompletionRequest(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)  # built when first used, not by every cold start

    model: Annotated[str, Field(min_length=1, max_length=2048)]
    prompt: Any = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    best_of: Annotated[int, Field(ge=1, le=20)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    stop: str | list[str] | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    user: str | None = None
