"""A legacy completion as chat prompts: the text becomes a user turn that asks for its continuation. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.api.completions.parameters import TUNING
from app.api.completions.schema import CompletionRequest
from app.core.prompt import Message, Prompt, Sampling, Text
from app.core.request_options import unknown_names
from app.errors import InvalidRequest

MAX_PROMPTS = 32
CONTINUE = "Continue the text you are given. Answer with the continuation only, without repeating or commenting on it."
FILL = "Answer only with the text that belongs between the prefix and the suffix you are given."


@dataclass(frozen=True, slots=True)
class Decoded:
    """`prompts` in order, each answered `n` times; `echoes` is what precedes each answer."""

    model: str
    prompts: tuple[Prompt, ...]
    echoes: tuple[str, ...]
    stream: bool
    n: int
    include_usage: bool


def decode(body: Any, *, max_choices: int = 128) -> Decoded:
    request = CompletionRequest.model_validate(body)
    _refuse(request)
    texts = _texts(request.prompt)
    n = request.n or 1
    if n * len(texts) > max_choices:
        raise InvalidRequest(f"At most {max_choices} answers per request here.", param="n", code="invalid_value")
    stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    ignored = tuple(name for name in TUNING if getattr(request, name) not in (None, 0, 0.0, {}))
    ignored += unknown_names(request.model_extra)
    prompts = tuple(
        Prompt(
            request.model,
            _messages(text, request.suffix or ""),
            sampling=Sampling(request.max_tokens, request.temperature, request.top_p, None, stop),
            user=request.user or "",
            ignored=ignored,
        )
        for text in texts
    )
    options = request.stream_options
    return Decoded(
        request.model,
        prompts,
        tuple(texts) if request.echo else ("",) * len(texts),
        stream=bool(request.stream),
        n=n,
        include_usage=bool(options and options.include_usage),
    )


def _refuse(request: CompletionRequest) -> None:
    if (request.best_of or 1) > (request.n or 1):
        raise InvalidRequest("best_of is not supported.", param="best_of", code="unsupported_parameter")


def _texts(prompt: Any) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    if prompt is None:
        raise InvalidRequest("Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter")
    if isinstance(prompt, list) and prompt and all(isinstance(item, str) for item in prompt):
        if len(prompt) > MAX_PROMPTS:
            raise InvalidRequest(f"At most {MAX_PROMPTS} prompts per request.", param="prompt", code="invalid_value")
        return list(prompt)
    raise InvalidRequest("prompt must be a string or an array of strings.", param="prompt", code="invalid_type")


def _messages(text: str, suffix: str) -> tuple[Message, ...]:
    if suffix:
        return (
            Message("system", (Text(FILL),)),
            Message("user", (Text(f"<prefix>{text}</prefix>\n<suffix>{suffix}</suffix>"),)),
        )
    return Message("system", (Text(CONTINUE),)), Message("user", (Text(text),))
