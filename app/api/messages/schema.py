"""What a client may send to `/messages`, by the types of Anthropic's SDK (2.12); unknown fields and nulls are accepted.

Messages, blocks and tools are checked in `turns`, `blocks` and `tools`, where an error can name the very part that is wrong.

Values are closed only where another one would change the shape of the answer (`tool_choice.type`, `output_format.type`).
Unknown values of other switches are ignored and reported (`decode.py`): clients send newer ones than a gateway knows.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

EFFORTS = ("low", "medium", "high", "xhigh", "max")
THINKING_TYPES = ("enabled", "adaptive", "disabled", "between_tools")
DISPLAYS = ("summarized", "omitted")
SERVICE_TIERS = ("auto", "standard_only")


class Ephemeral(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    type: str | None = None
    ttl: str | None = None


class Metadata(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    user_id: str | None = None


class ThinkingConfig(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    type: str
    budget_tokens: Annotated[int, Field(ge=1024)] | None = None
    display: str | None = None


class OutputFormat(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class OutputConfig(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    effort: str | None = None
    format: OutputFormat | None = None


class ToolChoiceConfig(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class CountRequest(BaseModel):
    """The body of `/messages/count_tokens`: a message's, of which nothing but the model and the messages is required."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    model: Annotated[str, Field(min_length=1, max_length=2048)]
    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: ToolChoiceConfig | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    cache_control: Ephemeral | None = None
    context_management: dict[str, Any] | None = None
    mcp_servers: list[dict[str, Any]] | None = None
    speed: str | None = None
    user_profile_id: str | None = None
    workspace_id: str | None = None


class MessagesRequest(CountRequest):
    max_tokens: Annotated[int, Field(ge=0)]
    stream: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    stop_sequences: Annotated[list[str], Field(max_length=8192)] | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None
    container: str | dict[str, Any] | None = None
    inference_geo: str | None = None
    diagnostics: dict[str, Any] | None = None
    thread: dict[str, Any] | None = None
    compaction: dict[str, Any] | None = None
    fallbacks: list[Any] | Literal["default"] | None = None
    fallback_credit_token: str | None = None
    billing_policy: Any = None
