"""How a prompt will be put to a model: what the planner decides and an upstream carries out.

`Traits` are the facts about a model family (the data is in `plan/traits.py`), `Plan` the decision for one request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from app.core.prompt import Guardrail, Message, Prompt, ResponseFormat, Tool, ToolChoice

if TYPE_CHECKING:
    from app.core.route import Hop

ReasoningStyle = Literal["none", "always", "budget", "adaptive", "adaptive-always", "config", "flat", "nested"]
Verdict = Literal["yes", "try", "no"]

QUIRKS = (
    "temperature",
    "top_p",
    "sampling_pair",
    "stop",
    "cache_points",
    "cache_ttl",
    "strict",
    "text_format",
    "schema",
    "prefill",
    "reasoning",
    "reasoning_replay",
    "reasoning_history",
    "reasoning_missing",
    "forced_tool_choice",
    "tool_choice",
    "tools_in_stream",
    "stream",
    "system_role",
    "system_prompt",
    "tool_result_images",
    "service_tier",
    "effort",
    "profile",
    "max_tokens",
    "betas",
)
"""Names of what a model may turn out to refuse; learned from its 400s, see `upstreams/converse/errors.py`."""


MANY_IMAGES = 20


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model family takes. Defaults are those of an unknown model: everything is tried, nothing is invented.

    `context_window`, `max_output`: tokens. `modalities`: inputs beside text, None where unknown. `effort_levels`: in
    rising order; what is asked is clamped into them. `tool_choices`: forms that may be sent beside none at all.
    `max_output` is what a model card says and is only shown; `max_tokens_limit` was learned from a refusal and is kept.
    `betas`: features it may be asked for by name, in `betas_field`. `effort_alone`: levels it takes without thinking, where
    its thinking goes by a budget; `effort_beta` has to go with them. `counts_tokens`: Bedrock counts for it, free of charge.
    `cites`: it can say which passages of a document it used. `image_sides`: pixels that a side of an image may have, and of one
    of more than `MANY_IMAGES` in a request. `replay`: the reasoning it takes back: with its signature, only as redacted data,
    as plain text, or none. `end_of_life`: a day (`2026-11-30`), where one is known; it is only shown.
    """

    family: str = "unknown"
    temperature: bool = True
    top_p: bool = True
    sampling_pair: bool = True
    max_temperature: float = 1.0
    top_k_path: tuple[str, ...] = ()
    stop: bool = True
    max_stops: int = 2500
    min_max_tokens: int = 1
    reasoning: ReasoningStyle = "none"
    effort_levels: tuple[str, ...] = ()
    effort_can_be_off: bool = True
    sends_none: bool = False
    replay: Literal["signed", "redacted", "unsigned", "no"] = "no"
    replay_required: bool = False
    thinking_tags: bool = False
    tool_use: bool = True
    tool_choices: frozenset[str] = frozenset({"auto", "any", "tool"})
    forced_while_reasoning: bool = True
    parallel_switch: bool = False
    strict: bool = False
    structured: Verdict = "no"
    regex_lookaround: bool = True
    cache_points: bool = False
    cache_tools: bool = True
    cache_min_tokens: int = 1024
    cache_one_hour: bool = False
    prefill: bool = True
    system_prompt: bool = True
    system_role: bool = False
    streams: bool = True
    streams_tools: bool = True
    tool_result_images: bool = True
    tool_result_status: bool = False
    modalities: frozenset[str] | None = None
    image_sides: tuple[int, int] = (8_000, 8_000)
    response_paths: tuple[str, ...] = ()
    on_demand: bool | None = None
    context_window: int | None = None
    max_output: int | None = None
    max_tokens_limit: int | None = None
    grounding_tool: str = ""
    betas: frozenset[str] = frozenset()
    betas_field: str = ""
    counts_tokens: bool = False
    cites: bool = False
    effort_alone: tuple[str, ...] = ()
    effort_beta: str = ""
    end_of_life: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A model as the catalogue resolves it. `model_id` goes on the wire; `base_id` decides rules, price, capability.

    `region`: where it is called, empty for the gateway's own. `priced_id`: the system profile behind an ARN, where known.
    """

    model_id: str
    base_id: str
    traits: Traits
    region: str = ""
    priced_id: str = ""

    @property
    def shown(self) -> str:
        """The id as it may be told and logged: an ARN holds the account's number, so it is the base model then."""
        if not self.model_id.startswith("arn:"):
            return self.model_id
        return self.base_id if "." in self.base_id else "(arn)"

    @property
    def reasoning_family(self) -> str:
        """The family whose reasoning this model takes back; the vendor of a model without a row, empty for an ARN."""
        if self.traits.family != "unknown":
            return self.traits.family
        vendor, dot, _ = self.base_id.partition(".")
        return vendor if dot and ":" not in vendor else ""


@dataclass(slots=True)
class Receipt:
    """What the gateway did to a request, told in the `x-gateway-*` response headers and in the usage record.

    `target`: the model called last. `route`: the alias that led there. `cache`: `hit` or `miss` where the response cache
    was asked. `headers`: further response headers (rate limits). `tokens`: of embeddings, as far as they were made.
    `max_tokens`: the output limit that was sent under a hard budget; None without one.
    """

    model: str = ""
    target: Target | None = None
    route: str = ""
    cache: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    repairs: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    tokens: int = 0
    max_tokens: int | None = None

    def ignore(self, *names: str) -> None:
        self.ignored.update(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Plan:
    """A request as it will be sent. `messages` still need the repairer; everything else is final.

    `stream`: what the client asked; `whole`: call the model for a whole answer all the same.
    `fields` is Converse's `additionalModelRequestFields`. `json_tool` names the tool whose arguments are the answer
    (structured output by forced tool). `silent_tools`: the model may see tools but its calls are not to be passed on.
    `single_call`: only the first tool call of a turn may be passed on. `instructions` join the system prompt, because
    they hold for the conversation; `notes` the last user turn, because they hold for this turn and would cost the cache.
    `route`: for an alias, its chain from this plan's target on; empty for other names.
    """

    target: Target
    prompt: Prompt
    stream: bool
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice
    whole: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    response_paths: tuple[str, ...] = ()
    text_format: ResponseFormat | None = None
    json_tool: str = ""
    json_answer: bool = False
    unwrap: str = ""
    instructions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reasoning: bool = False
    cache_points: bool = False
    cache_auto: bool = False
    cache_ttl: str = ""
    service_tier: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    guardrail: Guardrail | None = None
    latency: str = ""
    grounding: bool = False
    silent_tools: bool = False
    single_call: bool = False
    route: tuple[Hop, ...] = ()
