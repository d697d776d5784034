"""A plan in the making: what the deciding functions of this room fill in, one concern each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.core.model_fields import ModelFields
from app.core.plan import Receipt, Target, Traits
from app.core.prompt import Guardrail, Message, Prompt, ResponseFormat, Tool, ToolChoice

if TYPE_CHECKING:
    from app.core.route import Hop


@dataclass(slots=True)
class Draft:
    """The fields are those of `core.plan.Plan`; `quirks` what the model has refused of this request, `extra` the
    client's own model fields, which are merged on top of `fields` at the end. `unlimited`: the reasoning chosen allows
    neither a limit nor sampling. `own`: the limits among the client's model fields. `cap`: tokens per answer that nothing
    may exceed, by the key's rules or, where the client names no limit, by its budget. `bounded`: a hard budget needs a
    limit. `shortened`: the budget sets it, and not the client.
    """

    prompt: Prompt
    target: Target
    stream: bool
    receipt: Receipt
    quirks: frozenset[str]
    extra: dict[str, Any]
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    whole: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    text_format: ResponseFormat | None = None
    json_tool: str = ""
    json_answer: bool = False
    unwrap: str = ""
    instructions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reasoning: bool = False
    unlimited: bool = False
    cache_points: bool = False
    cache_auto: bool = False
    cache_ttl: str = ""
    service_tier: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    guardrail: Guardrail | None = None
    grounding: bool = False
    silent_tools: bool = False
    single_call: bool = False
    route: tuple[Hop, ...] = ()
    cap: int | None = None
    own: ModelFields = field(default_factory=ModelFields)
    bounded: bool = False
    shortened: bool = False

    @property
    def traits(self) -> Traits:
        return self.target.traits
