"""The gateway's events as legacy text completions. Pure but for per-stream state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from app.core.events import Batch, Finished, Metered, Reply, TextDelta, Usage

DONE = b"data: [DONE]\n\n"


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
    }


def _reason(reason: str) -> str:
    """Legacy completions know no tools."""
    return reason if reason in ("length", "content_filter") else "stop"


class CompletionStream:
    """The chunks of one stream: the same object name as a whole answer, `finish_reason` null until the last."""

    def __init__(
        self,
        completion_id: str,
        created: int,
        model: str,
        echoes: Sequence[str],
        n: int,
        *,
        include_usage: bool = False,
    ) -> None:
        head = {"id": completion_id, "object": "text_completion", "created": created, "model": model}
        self._head = b"data: " + to_json(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"
        self._include_usage = include_usage
        self._echoes = {place * n + copy: echo for place, echo in enumerate(echoes) for copy in range(n) if echo}
        self._usage: dict[int, Usage] = {}

    def feed(self, choice: int, batch: Batch) -> bytes:
        frames = []
        echo = self._echoes.pop(choice, "")
        if echo:
            frames.append(self._chunk(choice, echo, None))
        for event in batch:
            match event:
                case TextDelta(text):
                    frames.append(self._chunk(choice, text, None))
                case Finished(reason):
                    frames.append(self._chunk(choice, "", _reason(reason)))
                case Metered(usage):
                    self._usage[choice] = usage
                case _:
                    pass
        return b"".join(frames)

    def finish(self) -> bytes:
        if not self._include_usage:
            return DONE
        return self._head + b'],"usage":' + to_json(_usage(sum(self._usage.values(), Usage()))) + b"}\n\n" + DONE

    def fail(self, body: dict[str, Any]) -> bytes:
        """OpenAI's envelope, unnamed for the SDKs and then named `error`, as on chat completions."""
        frame = b"data: " + to_json(body) + b"\n\n"
        return frame + b"event: error\n" + frame

    def _chunk(self, choice: int, text: str, reason: str | None) -> bytes:
        body = {"text": text, "index": choice, "logprobs": None, "finish_reason": reason}
        return self._head + to_json(body) + self._tail


def encode_completion(
    completion_id: str, created: int, model: str, replies: Sequence[Reply], echoes: Sequence[str]
) -> dict[str, Any]:
    """`echoes`: what precedes each reply, one per reply."""
    usage = sum((reply.metered.usage for reply in replies), Usage())
    choices = [
        {"text": echo + reply.text, "index": index, "logprobs": None, "finish_reason": _reason(reply.finished.reason)}
        for index, (reply, echo) in enumerate(zip(replies, echoes, strict=True))
    ]
    return {
        "id": completion_id,
        "object": "text_completion",
        "created": created,
        "model": model,
        "choices": choices,
        "usage": _usage(usage),
    }
