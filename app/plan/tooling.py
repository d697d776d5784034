"""Which tools the model sees and how it is told to use them."""

from __future__ import annotations

from dataclasses import replace

from app.core.prompt import Tool, ToolCall, ToolChoice
from app.errors import InvalidRequest
from app.plan.draft import Draft
from app.plan.reasoning import forgo_reasoning

EMPTY_SCHEMA = {"type": "object", "properties": {}}


def decide_tools(draft: Draft) -> None:
    """Fills `tools`, `tool_choice` and the switches for calls that must not be passed on."""
    prompt, traits = draft.prompt, draft.traits
    choice = prompt.tool_choice
    tools = prompt.tools
    if tools and not traits.tool_use and choice.mode != "none":
        raise InvalidRequest(
            f"The model {prompt.model!r} does not support tools.", param="tools", code="unsupported_value"
        )
    if choice.allowed is not None:
        allowed = frozenset(choice.allowed)
        tools = tuple(tool for tool in tools if tool.name in allowed)
        choice = replace(choice, allowed=None)
    history = _called(draft)
    if choice.mode == "none":
        tools = tools if history and traits.tool_use else ()
        draft.silent_tools = bool(tools)
        if tools:
            draft.notes.append("Answer in text. Do not call any tool in this turn.")
        choice = ToolChoice()
    if not tools and history and traits.tool_use:
        tools = tuple(Tool(name, schema=EMPTY_SCHEMA) for name in history)
        draft.silent_tools = True
        draft.receipt.repairs["tool-specs"] += 1
    draft.tools = tools
    draft.tool_choice = choice if tools and not draft.silent_tools else ToolChoice()
    draft.single_call = prompt.parallel_tool_calls is False and bool(tools)


def _called(draft: Draft) -> list[str]:
    """Names of the tools that the history calls, in order. A result without its call needs no tool: it is sent as text,
    and a model that sees an invented tool may call it instead of answering."""
    turns = (message.parts for message in draft.prompt.messages if message.role == "assistant")
    return list(dict.fromkeys(part.name for parts in turns for part in parts if isinstance(part, ToolCall)))


def decide_tool_choice(draft: Draft) -> None:
    """After reasoning and structured output: bring the choice into a form the model takes."""
    choice, traits = draft.tool_choice, draft.traits
    if not draft.tools:
        return
    if choice.mode == "tool" and "tool" not in traits.tool_choices and "any" in traits.tool_choices:
        draft.tools = tuple(tool for tool in draft.tools if tool.name == choice.name) or draft.tools
        choice = ToolChoice("any")
    forced = choice.mode in ("any", "tool")
    if forced and draft.reasoning and not traits.forced_while_reasoning and choice.mode in traits.tool_choices:
        forgo_reasoning(draft, "thinking-off")
    still = draft.reasoning and not traits.forced_while_reasoning
    if forced and (choice.mode not in traits.tool_choices or still):
        named = f"the tool `{choice.name}`" if choice.mode == "tool" else "one of the tools"
        draft.notes.append(f"You must call {named} in this turn; do not answer in text.")
        draft.receipt.repairs["tool-choice-told"] += 1
        choice = ToolChoice()
    draft.tool_choice = choice
    if draft.single_call and traits.parallel_switch:
        # Bedrock refuses the inner type beside toolConfig.toolChoice (litellm, checked live 2026-10).
        sent = choice.mode in ("any", "tool")
        switch = {"disable_parallel_tool_use": True}
        draft.fields["tool_choice"] = switch if sent else {"type": "auto"} | switch
