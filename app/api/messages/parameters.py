"""The contract per parameter, block and beta: honoured, ignored (and reported in `x-gateway-ignored`), or refused with a 400.

`docs/messages.md` is written from these tables, and the tests hold them against the official SDK's types.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Outcome = Literal["honoured", "ignored", "refused"]


class Parameter(NamedTuple):
    outcome: Outcome
    note: str


PARAMETERS: dict[str, Parameter] = {
    "model": Parameter("honoured", "Bedrock model id, profile id, ARN or alias; echoed as asked."),
    "messages": Parameter("honoured", "Roles `user`, `assistant` and `system`, the last in mid-conversation, too."),
    "max_tokens": Parameter("honoured", "Required; `0` becomes the model's least. Lowered to the key's limit."),
    "system": Parameter(
        "honoured", "Text or text blocks. A billing line in front is left out: its hash would spoil every cache."
    ),
    "stream": Parameter("honoured", "The events below."),
    "stop_sequences": Parameter(
        "honoured", "The answer names the sequence that matched, if Bedrock reports it or the request had only one."
    ),
    "tools": Parameter(
        "honoured",
        "Custom ones, and typed ones that the client runs (`bash`, `text_editor`, `memory`, `computer`), as functions.",
    ),
    "tool_choice": Parameter("honoured", "`auto`, `any`, `tool`, `none`, `disable_parallel_tool_use`."),
    "thinking": Parameter(
        "honoured", "`enabled` with its budget, `adaptive`, `disabled`; the nearest level where the model has levels."
    ),
    "output_config": Parameter("honoured", "`effort`, clamped to what the model has; `format` with a JSON schema."),
    "cache_control": Parameter("honoured", "Switches automatic cache points on for this request, with its `ttl`."),
    "metadata": Parameter("honoured", "`user_id`, as a digest in requestMetadata."),
    "service_tier": Parameter("honoured", "`standard_only` is Bedrock's default tier; `auto` leaves it to the key."),
    "container": Parameter("ignored", "The gateway has no containers."),
    "inference_geo": Parameter("ignored", "The model's id says where it runs."),
    "speed": Parameter("ignored", "`fast` is not known on Bedrock."),
    "diagnostics": Parameter("ignored", "Earlier requests are not kept."),
    "user_profile_id": Parameter("ignored", "The vendor's own accounts."),
    "workspace_id": Parameter("ignored", "The vendor's own accounts."),
}
"""Every parameter of Anthropic's messages (SDK 2.12, 2026-11)."""

BETA_PARAMETERS: dict[str, Parameter] = {
    "context_management": Parameter("ignored", "Converse has no such edits; the history is sent as it is."),
    "compaction": Parameter("ignored", "As above; a `compaction` block in the history is sent as text."),
    "fallbacks": Parameter("ignored", "Name an alias with a chain as the model instead."),
    "fallback_credit_token": Parameter("ignored", "The vendor's own accounts."),
    "billing_policy": Parameter("ignored", "The vendor's own accounts."),
    "mcp_servers": Parameter("refused", "The gateway does not call MCP servers."),
    "thread": Parameter(
        "ignored", "A beginning; to `continue` one is 404 `thread_not_found`: none is kept, send the whole history."
    ),
}
"""Those of its beta types that are more than that."""

OLDER: dict[str, Parameter] = {
    "temperature": Parameter("honoured", "Ignored and reported if the model or its thinking fixes it."),
    "top_p": Parameter("honoured", "As `temperature`; of the two, where the model takes one, the temperature."),
    "top_k": Parameter("honoured", "In the model's own field; ignored and reported if it has none."),
    "output_format": Parameter("honoured", "The older name of `output_config.format`."),
}
"""What earlier versions of the SDK had, and clients go on sending."""

ALL = PARAMETERS | BETA_PARAMETERS | OLDER

TUNING = tuple(name for name, parameter in ALL.items() if parameter.outcome == "ignored")
NEUTRAL: dict[str, object] = {"speed": "standard"}
"""A value that asks for nothing."""

BLOCKS: dict[str, str] = {
    "text": "Text. Citations in a history are left out.",
    "image": "Source `base64` or `url`; `file` is refused.",
    "document": "Source `base64`, `text`, `content` or `url`, with `title`, `context` and `citations`; `file` is refused.",
    "search_result": "As text with its title and source.",
    "thinking": "Back to the model with its signature, byte for byte; unsigned where the model takes that.",
    "redacted_thinking": "Back to the model, byte for byte.",
    "tool_use": "A call; its result has to follow, or a note stands in for it.",
    "tool_result": "Text, images, documents, search results; `is_error` where the model takes it.",
}
"""The blocks a message may hold. `cache_control` on any of them is a cache point behind it, on a tool behind the tool."""

EVENTS: dict[str, str] = {
    "message_start": "The message, empty; `input_tokens` is an estimate: Bedrock counts at the end, see `message_delta`.",
    "content_block_start": "`text`, `thinking`, `redacted_thinking` (whole) or `tool_use`; indexes count from 0, without gaps.",
    "content_block_delta": "`text_delta`, `thinking_delta`, `signature_delta` (one, whole), `input_json_delta`, "
    "`citations_delta`.",
    "content_block_stop": "The block is complete.",
    "message_delta": "`stop_reason`, `stop_sequence` and the whole usage.",
    "message_stop": "The last one.",
    "ping": "Into every silence of `PING_INTERVAL` seconds.",
    "error": "What went wrong in mid-stream, in the envelope; nothing follows.",
}

STOP_REASONS: dict[str, str] = {
    "end_turn": "`end_turn`, and every reason that is not known",
    "tool_use": "`tool_use`, or any other when tools were called",
    "max_tokens": "`max_tokens`",
    "stop_sequence": "`stop_sequence`",
    "model_context_window_exceeded": "`model_context_window_exceeded`",
    "refusal": "`refusal`, `content_filtered`, `guardrail_intervened` (the guardrail's text is the answer)",
}
"""Anthropic's word -> Bedrock's."""

ERRORS: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Status -> type. Other 4xx are invalid requests, other 5xx API errors; 503 is sent as 529."""
