"""The contract per parameter: honoured, ignored (and reported in `x-gateway-ignored`), or refused with a 400.

`docs/parameters.md` is written from this table, and the tests hold it against the official SDK's parameter list.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Outcome = Literal["honoured", "ignored", "refused"]


class Parameter(NamedTuple):
    outcome: Outcome
    note: str


PARAMETERS: dict[str, Parameter] = {
    "model": Parameter(
        "honoured",
        "Bedrock model id, profile id, ARN, or a name as [models.md](models.md) lists them; OpenAI's own names work.",
    ),
    "messages": Parameter(
        "honoured", "All roles; text, image, audio, video and file parts. Broken histories are mended."
    ),
    "stream": Parameter("honoured", "Server-sent events as OpenAI sends them."),
    "stream_options": Parameter("honoured", "`include_usage`; `include_obfuscation` makes no difference."),
    "max_completion_tokens": Parameter(
        "honoured", "Wins over `max_tokens`. Set by the gateway only under a hard budget."
    ),
    "max_tokens": Parameter("honoured", "The older name."),
    "temperature": Parameter(
        "honoured", "Lowered to the model's maximum; ignored and reported if the model rejects it."
    ),
    "top_p": Parameter("honoured", "Ignored and reported if the model accepts only one of `temperature` and `top_p`."),
    "n": Parameter(
        "honoured", "One upstream call per choice, whole and streamed, up to `MAX_CHOICES`; usage is their sum."
    ),
    "stop": Parameter("honoured", "Blank sequences are dropped; ignored and reported if the model accepts none."),
    "tools": Parameter("honoured", "`function` and `custom`; names and schemas that Bedrock refuses are mended."),
    "tool_choice": Parameter("honoured", "`none`, `auto`, `required`, `any`, a named tool, `allowed_tools`."),
    "parallel_tool_calls": Parameter("honoured", "`false`: at most one call per turn."),
    "functions": Parameter("honoured", "Legacy; answered with `function_call`."),
    "function_call": Parameter("honoured", "Legacy."),
    "response_format": Parameter(
        "honoured", "`json_schema` natively or by a forced tool, `json_object` by instruction."
    ),
    "reasoning_effort": Parameter(
        "honoured",
        "Every level, clamped to the model's levels; ignored and reported if it has none, or if the level is unknown.",
    ),
    "service_tier": Parameter(
        "honoured",
        "`auto`, `default`, `flex`, `priority`, `fast`, `scale` (reserved); others are ignored and reported.",
    ),
    "metadata": Parameter("honoured", "Goes to Bedrock's requestMetadata, cleaned to its alphabet."),
    "user": Parameter("honoured", "As a digest in requestMetadata."),
    "safety_identifier": Parameter("honoured", "Wins over `user`."),
    "prompt_cache_key": Parameter("honoured", "Switches automatic cache points on for this request."),
    "prompt_cache_options": Parameter(
        "honoured", "`mode` implicit or explicit; `ttl` above 5 minutes becomes one hour."
    ),
    "prompt_cache_retention": Parameter("honoured", "`24h` becomes one hour where the model has it."),
    "web_search_options": Parameter("honoured", "The model's grounding tool; refused on models without one."),
    "modalities": Parameter("honoured", "`text`; anything else is refused."),
    "frequency_penalty": Parameter("ignored", "Converse has no such field."),
    "presence_penalty": Parameter("ignored", "Converse has no such field."),
    "logit_bias": Parameter("ignored", "Converse has no such field."),
    "seed": Parameter("ignored", "No model on Converse promises determinism."),
    "prediction": Parameter("ignored", "It would only make the answer faster."),
    "store": Parameter("ignored", "Chat completions are not stored."),
    "verbosity": Parameter("ignored", "No Bedrock field."),
    "logprobs": Parameter("ignored", "Converse gives none: the answer has `logprobs: null`."),
    "top_logprobs": Parameter("ignored", "As `logprobs`."),
    "audio": Parameter("refused", "No model on Converse speaks."),
    "moderation": Parameter("refused", "Use a Bedrock guardrail (`GUARDRAIL_ID`, `guardrail_config`)."),
}
"""Every parameter of OpenAI's chat completions (SDK 3.52, 2026-11)."""

EXTENSIONS: dict[str, Parameter] = {
    "top_k": Parameter("honoured", "In the model's own field; ignored and reported if it has none."),
    "reasoning": Parameter("honoured", '`{"effort": ...}`, as Open WebUI sends it.'),
    "thinking": Parameter("honoured", "Passed on to the model as it is."),
    "cache_control": Parameter("honoured", "On parts, messages, tools or the request: a cache point there."),
    "guardrail_config": Parameter(
        "honoured", "`guardrailIdentifier`, `guardrailVersion`, `trace`, `streamProcessingMode`."
    ),
    "performance_config": Parameter("honoured", '`{"latency": "optimized"}`.'),
    "additional_model_request_fields": Parameter(
        "honoured", "Merged into the model's own request fields; output limits in them count as the request's."
    ),
    "extra_body": Parameter(
        "honoured", "A literal `extra_body`: its members are model fields, as in bedrock-access-gateway."
    ),
}

TUNING = tuple(name for name, parameter in PARAMETERS.items() if parameter.outcome == "ignored")
