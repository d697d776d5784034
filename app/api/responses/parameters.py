"""The contract per parameter, item, tool and event. `docs/responses.md` is written from these tables, and the tests hold
them against the official SDK (3.52, 2026-11)."""

from __future__ import annotations

from typing import Literal, NamedTuple

Outcome = Literal["honoured", "ignored", "refused"]


class Parameter(NamedTuple):
    outcome: Outcome
    note: str


PARAMETERS: dict[str, Parameter] = {
    "model": Parameter("honoured", "Bedrock model id, profile id, ARN or alias, as for chat completions."),
    "input": Parameter("honoured", "Text or items, see below. Broken histories are mended."),
    "instructions": Parameter("honoured", "The system prompt of this request; not inherited by the next one."),
    "stream": Parameter("honoured", "Server-sent events as OpenAI sends them, see below."),
    "stream_options": Parameter("honoured", "`include_obfuscation` makes no difference."),
    "store": Parameter("honoured", "Default true; `false`, or the gateway's setting, keeps nothing."),
    "background": Parameter("honoured", "Answered at once with status `queued`; needs `store`."),
    "previous_response_id": Parameter("honoured", "Its input and output come before this input."),
    "conversation": Parameter("honoured", "An id or `{id}`; not together with `previous_response_id`."),
    "include": Parameter(
        "honoured",
        "`reasoning.encrypted_content`. Logprobs and unknown values are ignored and reported; OpenAI's others name what never "
        "occurs here.",
    ),
    "max_output_tokens": Parameter(
        "honoured", "From 1 on (OpenAI: from 16). Set by the gateway only under a hard budget."
    ),
    "metadata": Parameter("honoured", "Repeated in the response; goes to Bedrock's requestMetadata, cleaned."),
    "parallel_tool_calls": Parameter("honoured", "`false`: at most one call per turn."),
    "temperature": Parameter(
        "honoured", "Lowered to the model's maximum; ignored and reported if the model rejects it."
    ),
    "top_p": Parameter("honoured", "Ignored and reported if the model accepts only one of `temperature` and `top_p`."),
    "reasoning": Parameter(
        "honoured",
        "`effort`: every level, clamped to what the model has. `summary`: thoughts are shown as summaries; without it as "
        "`reasoning_text`.",
    ),
    "text": Parameter(
        "honoured",
        "`format`: `json_schema` natively or by a forced tool, `json_object` by instruction. `verbosity` low and high: "
        "a sentence in the system prompt.",
    ),
    "tools": Parameter("honoured", "See below."),
    "tool_choice": Parameter(
        "honoured",
        "`none`, `auto`, `required`, a named function or custom tool, `allowed_tools`; hosted tools are ignored and reported.",
    ),
    "truncation": Parameter(
        "honoured", "`auto`: where the model says the input is too long, its older half goes, and again."
    ),
    "service_tier": Parameter("honoured", "`auto`, `default`, `flex`, `priority`, `fast`, `scale` (reserved)."),
    "prompt_cache_key": Parameter("honoured", "Switches automatic cache points on for this request."),
    "prompt_cache_options": Parameter(
        "honoured", "`mode` implicit or explicit; `ttl` above 5 minutes becomes one hour."
    ),
    "prompt_cache_retention": Parameter("honoured", "`24h` becomes one hour where the model has it."),
    "safety_identifier": Parameter("honoured", "As a digest in requestMetadata; wins over `user`."),
    "user": Parameter("honoured", "As a digest in requestMetadata."),
    "max_tool_calls": Parameter("ignored", "It limits OpenAI's built-in tools, of which none runs here."),
    "context_management": Parameter("ignored", "Compact by `/responses/compact` or a `compaction_trigger`."),
    "image": Parameter("ignored", "Images go to the model as they are."),
    "access_programs": Parameter("ignored", "OpenAI's own."),
    "top_logprobs": Parameter("ignored", "Converse gives none: `logprobs` are empty."),
    "prompt": Parameter("refused", "There are no stored prompts here."),
    "moderation": Parameter("refused", "Use a Bedrock guardrail (`GUARDRAIL_ID`, `guardrail_config`)."),
}
"""Every parameter of OpenAI's responses."""

EXTENSIONS: dict[str, Parameter] = {
    "client_metadata": Parameter("honoured", "Codex sends it; it means nothing to a model."),
    "top_k": Parameter("honoured", "In the model's own field; ignored and reported if it has none."),
    "thinking": Parameter("honoured", "Passed on to the model as it is."),
    "guardrail_config": Parameter(
        "honoured", "`guardrailIdentifier`, `guardrailVersion`, `trace`, `streamProcessingMode`."
    ),
    "performance_config": Parameter("honoured", '`{"latency": "optimized"}`.'),
    "additional_model_request_fields": Parameter(
        "honoured", "Merged into the model's own request fields; output limits in them count as the request's."
    ),
    "frequency_penalty": Parameter("ignored", "Converse has no such field."),
    "presence_penalty": Parameter("ignored", "Converse has no such field."),
}

TUNING = tuple(name for name, parameter in (PARAMETERS | EXTENSIONS).items() if parameter.outcome == "ignored")

INCLUDES = (
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
    "message.input_image.image_url",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
)
"""Every value of `include`."""

ITEMS: dict[str, str] = {
    "message": "A turn, by its `role`: user, assistant, system or developer, anywhere. `type` may be left out.",
    "function_call": "A call in the assistant's turn; with its `namespace`.",
    "function_call_output": "Its result: text, or parts with images and files.",
    "custom_tool_call": "A call of a freeform tool.",
    "custom_tool_call_output": "Its result.",
    "reasoning": "The model's thought, signed where `encrypted_content` is ours; another's seal is dropped and counted.",
    "tool_search_call": "A call of the client's tool search.",
    "tool_search_output": "What was found: tools from here on.",
    "additional_tools": "Tools from here on.",
    "configuration_update": "`reasoning.effort` and `text.format` from here on.",
    "item_reference": "The item of that id, where it is kept; `type` may be left out.",
    "compaction": "The summary that `/responses/compact` wrote; another's is dropped and counted.",
    "compaction_trigger": "As the last item: the answer is one `compaction` item. Elsewhere dropped and counted.",
    "local_shell_call": "A call.",
    "local_shell_call_output": "Its result.",
    "shell_call": "A call.",
    "shell_call_output": "Its result.",
    "apply_patch_call": "A call.",
    "apply_patch_call_output": "Its result.",
    "computer_call": "A call.",
    "computer_call_output": "Its result: the screenshot.",
    "program": "A call.",
    "program_output": "Its result.",
    "mcp_call": "A call and its result in one.",
    "mcp_list_tools": "Dropped and counted.",
    "mcp_approval_request": "Dropped and counted.",
    "mcp_approval_response": "Dropped and counted.",
    "web_search_call": "Dropped and counted: what was found is in the text that follows.",
    "file_search_call": "Dropped and counted.",
    "code_interpreter_call": "Dropped and counted.",
    "image_generation_call": "Dropped and counted.",
}
"""Every type of an input item."""

TOOLS: dict[str, str] = {
    "function": "Honoured; names and schemas that Bedrock refuses are mended.",
    "custom": "Honoured: a function of one string whose description has the grammar; calls return as `custom_tool_call`.",
    "namespace": "Honoured: `namespace__name` towards the model, split again on the way back.",
    "tool_search": "`execution: client` is honoured. Without it, the model gets all tools at once, which is reported.",
    "web_search": "The model's own grounding tool, if it has one and `external_web_access` is not false; else ignored.",
    "web_search_preview": "As `web_search`.",
    "file_search": "Ignored and reported.",
    "code_interpreter": "Ignored and reported.",
    "computer": "Ignored and reported.",
    "computer_use_preview": "Ignored and reported.",
    "image_generation": "Ignored and reported.",
    "mcp": "Ignored and reported.",
    "local_shell": "Ignored and reported.",
    "shell": "Ignored and reported.",
    "apply_patch": "Ignored and reported; the custom tool of that name is honoured.",
    "programmatic_tool_calling": "Ignored and reported.",
}
"""Every type of a tool; dated names (`web_search_2025_08_26`) go with the plain ones."""

EVENTS: dict[str, str] = {
    "response.created": "First, with the response as it begins.",
    "response.queued": "Second, where it is made in the background.",
    "response.in_progress": "Before the first item.",
    "response.output_item.added": "An item begins, empty.",
    "response.content_part.added": "Its text, refusal or reasoning text begins.",
    "response.output_text.delta": "A piece of the text.",
    "response.output_text.annotation.added": "A source of the text.",
    "response.output_text.done": "The whole text.",
    "response.refusal.delta": "A filter stopped the model before it said a word.",
    "response.refusal.done": "The whole of it.",
    "response.content_part.done": "The whole part, with its annotations.",
    "response.reasoning_summary_part.added": "A thought begins, where `reasoning.summary` was asked for.",
    "response.reasoning_summary_text.delta": "A piece of it.",
    "response.reasoning_summary_text.done": "The whole thought.",
    "response.reasoning_summary_part.done": "The same as a part.",
    "response.reasoning_text.delta": "A piece of a thought, where no summary was asked for.",
    "response.reasoning_text.done": "The whole thought.",
    "response.function_call_arguments.delta": "A piece of a call's JSON.",
    "response.function_call_arguments.done": "The whole JSON.",
    "response.custom_tool_call_input.delta": "A piece of a freeform tool's input.",
    "response.custom_tool_call_input.done": "The whole input.",
    "response.output_item.done": "The whole item.",
    "response.completed": "Last: the whole response, with usage.",
    "response.incomplete": "Last: cut off by `max_output_tokens` or a `content_filter`.",
    "error": "Before `response.failed`: `error` as in the envelope; `code`, `message` and `param` beside it as well.",
    "response.failed": "Last: `error.code` says what to do, see below.",
}
"""Every event that may come."""
