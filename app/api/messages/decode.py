"""A messages body as a prompt. Pure; raises InvalidRequest in Anthropic's words, and NotFound for a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from app.api.messages.blocks import Blocks
from app.api.messages.parameters import NEUTRAL, TUNING
from app.api.messages.refuse import missing, one_word, wrong
from app.api.messages.schema import (
    DISPLAYS,
    EFFORTS,
    SERVICE_TIERS,
    THINKING_TYPES,
    CountRequest,
    MessagesRequest,
    ToolChoiceConfig,
)
from app.api.messages.tools import decode_choice, decode_tools
from app.api.messages.turns import decode_system, decode_turns
from app.core.prompt import Caching, Prompt, ResponseFormat, Sampling, Thinking, Tool
from app.core.request_limits import USUAL_LIMITS, RequestLimits
from app.core.request_options import known_value, unknown_values
from app.errors import InvalidRequest, NotFound

LOST_THREAD = "thread_not_found"
MAX_TOLD = 20
MAX_BETAS = 50
LONGEST_USER = 1024
_ANY = Sampling()

R = TypeVar("R", bound=CountRequest)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The prompt, and whether its answer is to be streamed."""

    prompt: Prompt
    stream: bool


def decode(body: Any, betas: Sequence[str] = (), *, limits: RequestLimits = USUAL_LIMITS) -> Decoded:
    """`body` is the decoded JSON of a request, `betas` the words of its header."""
    request = _validated(MessagesRequest, body, limits)
    stop = tuple(request.stop_sequences or ())
    sampling = Sampling(request.max_tokens, request.temperature, request.top_p, request.top_k, stop)
    user = (request.metadata.user_id if request.metadata else None) or ""
    tier = "default" if request.service_tier == "standard_only" else None
    prompt = _prompt(request, betas, sampling, user[:LONGEST_USER], tier)
    limits.check_schemas(prompt, "output_config.format")
    return Decoded(prompt, bool(request.stream))


def decode_count(body: Any, betas: Sequence[str] = (), *, limits: RequestLimits = USUAL_LIMITS) -> Prompt:
    """The body of a request to count tokens."""
    prompt = _prompt(_validated(CountRequest, body, limits), betas)
    limits.check_schemas(prompt, "output_config.format")
    return prompt


def decode_betas(headers: Sequence[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """The words of the header, which may come several times."""
    texts = [value.decode("latin-1") for name, value in headers if name.lower() == b"anthropic-beta"]
    words = (word.strip() for text in texts for word in text.split(","))
    return tuple(dict.fromkeys(word for word in words if word))[:MAX_BETAS]


def _validated(kind: type[R], body: Any, limits: RequestLimits) -> R:
    limits.check_lengths(body, "messages", "tools")
    try:
        return kind.model_validate(body)
    except ValidationError as problem:
        raise _invalid(problem) from None


def _invalid(problem: ValidationError) -> InvalidRequest:
    """pydantic's first complaint: its words are Anthropic's, whose API is built on it. The value is not repeated."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"] if not _is_branch(step))[:200]
    code = {"missing": "missing_required_parameter"}.get(first["type"], "invalid_value")
    return InvalidRequest(f"{place}: {first['msg']}" if place else first["msg"], param=place or None, code=code)


def _is_branch(step: object) -> bool:
    """pydantic names the branches of a union in its paths; they are no members."""
    return isinstance(step, str) and (step in ("str", "dict") or "[" in step)


def _prompt(
    request: CountRequest,
    betas: Sequence[str],
    sampling: Sampling = _ANY,
    user: str = "",
    tier: str | None = None,
) -> Prompt:
    _refuse(request)
    blocks = Blocks()
    tools, left_out = decode_tools(request.tools or ())
    choice = request.tool_choice
    control = request.cache_control
    output = request.output_config
    effort = known_value(output.effort, EFFORTS) if output else None
    return Prompt(
        model=request.model,
        messages=(*decode_system(request.system), *decode_turns(request.messages, blocks)),
        tools=tools,
        tool_choice=decode_choice(choice, tools),
        parallel_tool_calls=False if choice and choice.disable_parallel_tool_use else None,
        response_format=_format(request),
        sampling=sampling,
        effort=effort,
        caching=Caching(auto=True, ttl="1h" if control.ttl == "1h" else "") if control else Caching(),
        service_tier=tier,
        user=user,
        ignored=tuple(dict.fromkeys((*_ignored(request), *left_out, *blocks.ignored, *_unforced(choice, tools)))),
        thinking=_thinking(request, effort),
        betas=tuple(betas),
    )


def _refuse(request: CountRequest) -> None:
    """What would change the answer and can't be had."""
    if request.mcp_servers:
        wrong("mcp_servers", "MCP servers are not called by this gateway", "unsupported_parameter")
    thread = getattr(request, "thread", None)
    if thread and not (isinstance(thread, Mapping) and thread.get("type") == "create"):
        # The SDK's tool runner begins a thread of itself (2.12), and after this answer sends the whole history again.
        told = {"details": {"error_code": LOST_THREAD}}
        raise NotFound(
            "thread: Conversations are not kept here; send the whole history",
            param="thread",
            code=LOST_THREAD,
            detail=told,
        )


def _format(request: CountRequest) -> ResponseFormat | None:
    output = request.output_config
    wanted = (output.format if output else None) or request.output_format
    return ResponseFormat("json_schema", wanted.schema_) if wanted else None


def _thinking(request: CountRequest, effort: str | None) -> Thinking | None:
    """An effort without `thinking` is not a wish to think; `between_tools` is what adaptive thinking does by itself."""
    config = request.thinking
    if config is None or config.type not in THINKING_TYPES:
        return Thinking() if effort else None
    display = known_value(config.display, DISPLAYS) or ""
    if config.type == "disabled":
        return Thinking("off")
    if config.type != "enabled":
        return Thinking("adaptive", display=display)
    if config.budget_tokens is None:
        missing("thinking.enabled.budget_tokens")
    return Thinking("budget", config.budget_tokens, display)


def _ignored(request: CountRequest) -> list[str]:
    """Parameters given that will have no effect, and members of others; unknown ones by name."""
    names = [name for name in TUNING if getattr(request, name, None) not in (None, {}, [], "", NEUTRAL.get(name))]
    unknown = _unknown(request.model_extra)
    if request.output_config:
        unknown += [f"output_config.{name}" for name in _unknown(request.output_config.model_extra)]
    return names + _unknown_values(request) + unknown[:MAX_TOLD]


def _unknown_values(request: CountRequest) -> list[str]:
    thinking, output = request.thinking, request.output_config
    return unknown_values(
        {
            "thinking.type": (thinking and thinking.type, THINKING_TYPES),
            "thinking.display": (thinking and thinking.display, DISPLAYS),
            "output_config.effort": (output and output.effort, EFFORTS),
            "service_tier": (getattr(request, "service_tier", None), SERVICE_TIERS),
        }
    )


def _unforced(choice: ToolChoiceConfig | None, tools: Sequence[Tool]) -> tuple[str, ...]:
    """Without tools no call can be forced."""
    return ("tool_choice",) if choice and not tools and choice.type in ("any", "tool") else ()


def _unknown(extra: Mapping[str, Any] | None) -> list[str]:
    return [one_word(name) for name, value in (extra or {}).items() if value is not None]
