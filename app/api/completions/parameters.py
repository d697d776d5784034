"""The contract per parameter of the legacy completions; `docs/parameters.md` is written from this table."""

from __future__ import annotations

PARAMETERS: dict[str, tuple[str, str]] = {
    "model": ("honoured", "As for chat."),
    "prompt": ("honoured", "A string, or up to 32 of them; token arrays are refused."),
    "suffix": ("honoured", "The model is asked for what belongs between."),
    "stream": ("honoured", "Several prompts are streamed one after another."),
    "stream_options": ("honoured", "`include_usage`."),
    "max_tokens": ("honoured", "Set by the gateway only under a hard budget; OpenAI's default of 16 is not applied."),
    "temperature": ("honoured", "As for chat."),
    "top_p": ("honoured", "As for chat."),
    "n": ("honoured", "One upstream call per answer, up to `MAX_CHOICES` in all."),
    "best_of": ("refused", "Unless it is no more than `n`."),
    "echo": ("honoured", "The prompt before each answer."),
    "stop": ("honoured", "As for chat."),
    "user": ("honoured", "As a digest in requestMetadata."),
    "frequency_penalty": ("ignored", "Converse has no such field."),
    "presence_penalty": ("ignored", "Converse has no such field."),
    "logit_bias": ("ignored", "Converse has no such field."),
    "seed": ("ignored", "No model on Converse promises determinism."),
    "logprobs": ("ignored", "Converse gives none: the answer has `logprobs: null`."),
}
"""Parameter -> outcome (honoured, ignored, refused) and a note. OpenAI's whole list (SDK 3.52, 2026-11)."""

TUNING = tuple(name for name, (outcome, _) in PARAMETERS.items() if outcome == "ignored")
