"""The model list, indexed: which ids exist, what is behind them, which profile serves a foundation model. Pure.

Built once per load from what the control plane said; what it does not say (limits, capabilities) comes from the traits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from app.core.plan import Traits
from app.core.ports import ModelEntry
from app.plan import model_id
from app.plan.short_names import ShortNames

_MODALITIES = {"speech": "audio", "embeddings": "embedding"}
"""Other words that Bedrock has used for the same thing."""


class Listing:
    """An immutable index over entries. `order` is the preference among profile prefixes, e.g. `("eu", "global")`; `today` is a
    day as `2026-11-30`."""

    def __init__(
        self, entries: Iterable[ModelEntry], *, order: Sequence[str], traits_of: Callable[[str], Traits], today: str
    ) -> None:
        known = [complete(entry, traits_of, today) for entry in entries]
        self.entries = tuple(entry for entry in known if callable_as_is(entry))
        self.has_foundation = any(entry.kind == "foundation" for entry in known)
        self.has_profiles = any(entry.kind == "profile" for entry in known)
        self._order = tuple(order)
        self._by_id = {entry.id: entry for entry in known}
        self._by_word = _words(known)
        self.short_names = ShortNames(known)
        self._profiles: dict[str, dict[str, str]] = {}
        for entry in known:
            name = model_id.parse(entry.id) if entry.kind == "profile" else None
            # The prefix of a provider that this version does not know is not parsed off; the base tells it.
            geography = (name and name.geography) or entry.id.removesuffix("." + entry.base_id)
            if entry.kind == "profile":
                self._profiles.setdefault(entry.base_id, {})[geography] = entry.id

    def find(self, name: str) -> ModelEntry | None:
        """An entry by its id; those of the account also by their name or the last part of their ARN."""
        return self._by_id.get(name) or self._by_word.get(name)

    def profile(self, base_id: str) -> str | None:
        """The system profile to call this foundation model by, None where no geography of `order` has one."""
        profiles = self._profiles.get(base_id, {})
        return next((profiles[geography] for geography in self._order if geography in profiles), None)


def callable_as_is(entry: ModelEntry) -> bool:
    """Whether the entry's own id can be put on the wire: not so for a foundation model that needs a profile."""
    return entry.kind != "foundation" or entry.on_demand


def _words(entries: Iterable[ModelEntry]) -> dict[str, ModelEntry]:
    """Short names of what belongs to the account. The first one wins, so a name never changes its meaning by order."""
    words: dict[str, ModelEntry] = {}
    for entry in sorted(entries, key=lambda entry: entry.id):
        arn = model_id.parse_arn(entry.id)
        if arn is not None:
            words.setdefault(arn.short, entry)
            words.setdefault(entry.name, entry)
    words.pop("", None)
    return words


def complete(entry: ModelEntry, traits_of: Callable[[str], Traits], today: str) -> ModelEntry:
    """The entry with its base as a plain model id, and with the facts the control plane leaves out. One whose end has passed is
    marked as legacy, whether the control plane knows it or not."""
    base = model_id.base_of(entry.base_id) or entry.base_id
    traits = traits_of(base)
    inputs = tuple(dict.fromkeys(map(_modality, entry.inputs)))
    outputs = tuple(dict.fromkeys(map(_modality, entry.outputs)))
    if not inputs and traits.modalities is not None:
        inputs = ("text", *sorted(traits.modalities))
    entry = replace(entry, base_id=base, inputs=inputs, outputs=outputs)
    end = entry.end_of_life or traits.end_of_life
    # A family's limits are those of its models that answer in text: not those of one that paints or embeds.
    speaks = set(outputs) <= {"text"} or traits.family == "embedding"
    return replace(
        entry,
        context_window=entry.context_window or (traits.context_window if speaks else None),
        max_output=entry.max_output or (traits.max_output if speaks else None),
        lifecycle="LEGACY" if "" < end <= today else entry.lifecycle,
        end_of_life=end,
        capabilities=entry.capabilities or capabilities(entry, traits),
    )


def _modality(word: str) -> str:
    lower = word.lower()
    return _MODALITIES.get(lower, lower)


def capabilities(entry: ModelEntry, traits: Traits) -> tuple[str, ...]:
    """What the model can do, as far as known: beyond what it puts out, nothing is claimed for an unknown family."""
    if traits.family == "embedding" or "embedding" in entry.outputs:
        return ("embeddings",)
    if "image" in entry.outputs:
        return ("images",)
    if traits.family == "unknown" or not set(entry.outputs) <= {"text"}:
        return ()
    facts = {
        "chat": True,
        "streaming": traits.streams if entry.streams is None else entry.streams,
        "tools": traits.tool_use,
        "vision": "image" in entry.inputs,
        "reasoning": traits.reasoning != "none",
        "structured_outputs": traits.structured == "yes",
        "prompt_caching": traits.cache_points,
    }
    return tuple(name for name, holds in facts.items() if holds)
