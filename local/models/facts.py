"""What the emulator knows about one model: the limits and habits that decide which requests it accepts."""

from dataclasses import dataclass
from enum import Enum


class Sampling(Enum):
    """What a model does with `temperature` and `topP`."""

    BOTH = "both"
    ONE = "one of the two"
    REFUSED = "refused"
    FIXED = "refused, but temperature 1 passes"


class Thinking(Enum):
    """The `thinking` forms a Claude accepts."""

    NONE = "none"
    BUDGET = "enabled with budget_tokens"
    EITHER = "adaptive, or enabled with budget_tokens"
    ADAPTIVE = "adaptive only"
    ALWAYS = "always on"


class Replay(Enum):
    """Which `reasoningContent` a model takes back in the history."""

    SIGNED = "text with its signature, or redacted"
    ENCRYPTED = "redacted, and so it comes"
    PLAIN = "text without a signature"
    REFUSED = "none"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One foundation model; sizes are tokens, `started` is an ISO date, `profiles` are geographic prefixes.

    `cache_minimum` None means that a cachePoint is refused, `stop_limit` 0 that stop sequences are;
    `request_fields` are the names accepted in `additionalModelRequestFields`.
    """

    id: str
    name: str
    provider: str
    context: int = 128_000
    max_output: int = 8_192
    started: str = "2025-01-01"
    on_demand: bool = True
    profiles: tuple[str, ...] = ()
    legacy: bool = False
    provisioned_only: bool = False
    inputs: tuple[str, ...] = ("TEXT",)
    outputs: tuple[str, ...] = ("TEXT",)
    streaming: bool = True
    sampling: Sampling = Sampling.BOTH
    thinking: Thinking = Thinking.NONE
    reasons_unasked: bool = False
    replay: Replay = Replay.REFUSED
    efforts: tuple[str, ...] = ()
    effort_beta: str | None = None
    tool_choice: tuple[str, ...] = ()
    forced_with_thinking: bool = False
    streams_tools: bool = True
    strict_tools: bool = False
    tool_result_images: bool = True
    lookaround: bool = True
    text_format: bool = False
    cache_minimum: int | None = None
    cache_hour: bool = False
    cache_tools: bool = False
    prefill: bool = True
    system_turns: bool = False
    stop_limit: int = 2500
    min_output: int = 1
    counts_tokens: bool = False
    request_fields: frozenset[str] = frozenset()

    @property
    def is_claude(self) -> bool:
        """Whether the model speaks Anthropic's native body."""
        return self.provider == "Anthropic"
