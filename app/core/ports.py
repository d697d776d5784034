"""The protocols through which the rooms meet. `main.py` decides who stands behind each."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from app.core.access import DEFAULT_PROJECT, Access, Scope
from app.core.events import Batch
from app.core.plan import Plan, Receipt, Target
from app.core.prompt import Blob, Prompt, Reasoning

if TYPE_CHECKING:
    from app.core.route import Hop

Traffic = Literal["realtime", "flex", "batch"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is. `key_id` is safe to log: it names the key and cannot open anything.

    `scopes`: those that have limits, alerts or per-model rates. `stale`: the key is known from a while ago, because the
    table can't be reached now.
    """

    key_id: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    project: str = DEFAULT_PROJECT
    user: str = ""
    access: Access = Access()
    scopes: tuple[Scope, ...] = ()
    stale: bool = False


@dataclass(slots=True)
class Call:
    """One request on its way through: identity, start (epoch seconds) and what was done to it.

    `gone`: the client has left, and the answer is only read to its end for the sake of its usage.
    `stopping`: the process ends before the answer is whole.
    `deadline`: epoch seconds by which the answer must be over; None where there is no such limit.
    `metadata` and `user`: what the request says of itself, for the record. `cache`: what its `x-gateway-cache` header asks.
    `output_limit`: tokens per answer that a hard budget has reserved; None without one. `prompt_estimate` computes a likely
    number of the prompt's tokens, once it is planned.
    """

    request_id: str
    caller: Caller
    endpoint: str
    model: str = ""
    started: float = 0.0
    deadline: float | None = None
    gone: bool = False
    stopping: bool = False
    receipt: Receipt = field(default_factory=Receipt)
    metadata: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    cache: str = ""
    traffic: Traffic = "realtime"
    output_limit: int | None = None
    prompt_estimate: Callable[[], int] = lambda: 0


class ChatUpstream(Protocol):
    """Carries out a plan. Raises GatewayError; before the first batch it is an HTTP error, later a broken stream."""

    def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]: ...


@dataclass(frozen=True, slots=True)
class TokenCount:
    tokens: int
    estimated: bool


class TokenCounter(Protocol):
    async def count(self, plan: Plan, call: Call) -> TokenCount:
        """What the model will have to read, without asking it for an answer."""
        ...


class Planner(Protocol):
    """Turns a prompt into a plan, by the catalogue and the facts about the model."""

    async def plan(
        self,
        prompt: Prompt,
        call: Call,
        *,
        stream: bool,
        quirks: frozenset[str] = frozenset(),
        route: tuple[Hop, ...] = (),
    ) -> Plan:
        """`quirks`: what the model has refused of this very request, to be avoided beside what was learned before.

        `route`: what is left of the chain behind an alias, once it was begun; its first target that can be is planned for.
        """
        ...

    async def check(self, prompt: Prompt, call: Call) -> None:
        """Raises what `plan` would where the model is the reason: it is not there, or not for this key."""

    async def learn(self, target: Target, quirk: str) -> bool:
        """Remember that the model refuses something. False when that was known, so that trying again is pointless."""


class Lessons(Protocol):
    """What models have turned out to refuse (see `core.plan.QUIRKS`), by base model id. Neither method waits."""

    def known(self, base_id: str) -> Set[str]:
        """What was learned lately."""
        ...

    def learn(self, base_id: str, quirk: str, at: float | None = None) -> None:
        """`at`: epoch seconds at which that was; now, where it is None."""
        ...


Stage = Callable[[ChatUpstream], ChatUpstream]


class Preparer(Protocol):
    """Completes a prompt before it is planned: fetches links, recalls reasoning, reads files."""

    async def prepare(self, prompt: Prompt, call: Call) -> Prompt: ...


class Allowance:
    """Bytes that the remote files of one request may have in all. Taken from while they are read, in several threads."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._left = size
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """False where it is used up."""
        with self._lock:
            self._left -= count
            return self._left >= 0


class Fetcher(Protocol):
    async def fetch(self, url: str, *, param: str, allowance: Allowance) -> Blob:
        """The bytes behind a URL, within the limits; raises InvalidRequest (`invalid_image_url`)."""
        ...


class Answers(Protocol):
    """Keeps the response cache's answers, by tenant and the hash of the request. Raises UpstreamFailure."""

    async def get(self, tenant: str, key: str) -> bytes | None: ...

    async def put(self, tenant: str, key: str, body: bytes, seconds: int) -> None:
        """`seconds`: how long it may be had. Nothing is promised."""
        ...


class Stash(Protocol):
    """Keeps reasoning blocks for clients that drop them, by tenant and tool-call id."""

    async def put(self, tenant: str, call_id: str, blocks: Sequence[Reasoning]) -> Awaitable[None] | None:
        """They can be had in this process once it returns. What is still to be written elsewhere: wait for it before
        the process may be frozen. It never raises."""
        ...

    async def get(self, tenant: str, call_id: str) -> Sequence[Reasoning]: ...

    async def get_many(self, tenant: str, call_ids: Sequence[str]) -> Mapping[str, Sequence[Reasoning]]:
        """The blocks of those calls that have any."""
        ...


class Keys(Protocol):
    async def authenticate(self, presented: str) -> Caller | None:
        """The caller whose key this is, None when it is nobody's; raises GatewayError 503 if keys can't be had."""
        ...


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model as `/models` lists it. `created` is epoch seconds; unknown facts are None or empty. `via`: the system profile
    that an application profile was made from, which decides its price. `lifecycle`: ACTIVE or LEGACY. `end_of_life`: a day."""

    id: str
    base_id: str
    kind: Literal[
        "foundation",
        "profile",
        "application-profile",
        "provisioned",
        "imported",
        "custom",
        "router",
        "marketplace",
        "alias",
    ]
    owner: str
    name: str = ""
    created: int = 0
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    streams: bool | None = None
    on_demand: bool = True
    lifecycle: str = "ACTIVE"
    end_of_life: str = ""
    context_window: int | None = None
    max_output: int | None = None
    capabilities: tuple[str, ...] = ()
    via: str = ""


class ModelSource(Protocol):
    """The control plane. Blocking; called from a worker thread."""

    def list(self) -> Sequence[ModelEntry]: ...

    def base_of(self, arn: str) -> str | None:
        """The foundation model behind an application profile, router or other ARN; None when it can't be told.

        With the prefix of the system profile that leads to it, where that is known.
        """
        ...


class Models(Protocol):
    """What `/models` serves: to each caller what its key may use."""

    async def entries(self, access: Access) -> Sequence[ModelEntry]: ...

    async def entry(self, name: str, access: Access) -> ModelEntry | None: ...


@dataclass(frozen=True, slots=True)
class EmbeddingItem:
    """One input: text, or an image (base64) where the model takes them."""

    text: str = ""
    image: Blob | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """`target`: the model, where a stage has chosen it already."""

    model: str
    items: tuple[EmbeddingItem, ...]
    dimensions: int | None = None
    input_type: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector per item, in the order of the items. `tokens` is what the model counted (or an estimate)."""

    vectors: Sequence[Sequence[float]]
    tokens: int
    model: str


class Embedder(Protocol):
    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings: ...


class TokenDecoder(Protocol):
    def decode(self, tokens: Sequence[int]) -> str:
        """The text of OpenAI's cl100k token ids; raises InvalidRequest for ids outside the vocabulary."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """What one check of the deep probe found. `ms`: how long it took, None where it did not run. `at`: epoch seconds."""

    status: Literal["ok", "failed", "skipped"]
    ms: int | None = None
    detail: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The checks of one model. `checked_at`: epoch seconds of the newest."""

    model: str
    checked_at: int
    checks: Mapping[str, Check]


class Statuses(Protocol):
    async def all(self) -> Sequence[ModelStatus] | None:
        """What the deep probe found; None where nothing is kept. Raises UpstreamFailure 503 where it can't be read."""
        ...
