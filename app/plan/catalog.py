"""From the name a client sent to what goes on the wire, and to what `/models` says of it.

    gpt-4o, text-embedding-3-small       the default models, where set (or an alias: selection.py)
    claude-haiku-4-5, gpt-oss-120b       the listed model of that name: short_names.py
    us.anthropic.claude-... , ARNs       as they are; an opaque ARN's foundation model is looked up, for its rules
    anthropic.claude-...                 as it is where the model can be called so, else by the profile that serves it
    a name out of the account            the ARN behind it
    anything else                        404 model_not_found

The control plane is asked only where the name leaves something open; where it can't be asked, the call goes out as the
name stands and Bedrock decides. docs/models.md says the same to users.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from app.core.plan import Target, Traits
from app.core.ports import ModelEntry, ModelSource
from app.errors import NotFound, model_not_found
from app.plan import model_id, short_names
from app.plan.bases import Bases, Run
from app.plan.listing import Listing, callable_as_is, complete
from app.plan.loader import Loader

Kind = Literal["application-profile", "provisioned", "imported", "custom", "router", "marketplace"]

_KINDS: dict[str, Kind] = {
    "application-inference-profile": "application-profile",
    "provisioned-model": "provisioned",
    "imported-model": "imported",
    "custom-model-deployment": "custom",
    "custom-model": "custom",
    "prompt-router": "router",
    "default-prompt-router": "router",
    "endpoint": "marketplace",
}
"""ARN resource type -> kind of entry."""


class Catalog:
    """Where the planner gets its targets, and `/models` its entries (by way of `shelf.py`).

    `run` carries a blocking call out in a worker thread; `clock` gives epoch seconds; `ttl` is the age in seconds at
    which the list is fetched anew; the defaults are model ids, or empty for none. With `enable_cross_region` off,
    system profiles and application profiles made from them are neither listed nor used, not even where a client names one.
    """

    def __init__(
        self,
        source: ModelSource,
        run: Run,
        *,
        clock: Callable[[], float],
        ttl: float,
        region: str,
        traits_of: Callable[[str], Traits],
        enable_cross_region: bool = True,
        enable_application_profiles: bool = True,
        prefer_global: bool = False,
        default_model: str = "",
        default_embedding_model: str = "",
    ) -> None:
        own = model_id.geography_of(region)
        self._own_prefix = own[0] if own else ""
        self._order = ("global", *own) if prefer_global else (*own, "global")
        self.leaves_region = enable_cross_region
        self._hidden = {"profile": not enable_cross_region, "application-profile": not enable_application_profiles}
        self._default = default_model
        self._default_embedding = default_embedding_model
        self._traits_of = traits_of
        self._refused: set[str] = set()
        self._clock = clock
        self._nothing = self._build(())
        self._loader = Loader(source, run, build=self._build, clock=clock, ttl=ttl)
        self._bases = Bases(source, run, clock)

    def _build(self, entries: Sequence[ModelEntry]) -> Listing:
        shown = [entry for entry in entries if not self._hidden.get(entry.kind, False) and self._may_call(entry.via)]
        return Listing(shown, order=self._order, traits_of=self._traits_of, today=self._today())

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d")

    async def entries(self) -> Sequence[ModelEntry]:
        """What `/models` lists: every id that can be called. Raises UpstreamFailure 503 before the first success."""
        return (await self._loader.listing()).entries

    async def entry(self, name: str) -> ModelEntry | None:
        """The entry for any name that a request may use, under that name; None where it would be a 404.

        Raises UpstreamFailure 503 as `entries` does.
        """
        listing = await self._loader.listing()
        for_vectors = model_id.is_openai_embedding_name(name)
        try:
            target = await self.resolve(name, embedding=for_vectors)
        except NotFound:
            return None
        found = self._describe(listing, name, target)
        if found is None:
            return None
        return replace(found, id=name, kind="alias" if for_vectors or model_id.is_openai_name(name) else found.kind)

    def _describe(self, listing: Listing, name: str, target: Target) -> ModelEntry | None:
        """The listed entry for a target, or one after the model behind it; None for what can't be called from here."""
        arn = model_id.parse_arn(target.model_id)
        found = listing.find(target.model_id) or (listing.find(arn.resource) if arn else None)
        if found is not None and callable_as_is(found):
            return found
        # An id that is sent just as it came, speaks for itself and is not listed: another region's, or nobody's.
        if target.model_id == name and model_id.parse(name) is not None:
            return None
        behind = listing.find(target.base_id)
        return behind and replace(behind, kind=_KINDS.get(arn.kind, behind.kind) if arn else behind.kind)

    async def describe(self, target: Target) -> ModelEntry:
        """The entry for a target, by what is listed or else by its traits. Never fails."""
        listing = await self._listing()
        found = listing.find(target.model_id) or listing.find(target.base_id)
        if found is not None:
            return found
        provider, dot, _ = target.base_id.partition(".")
        entry = ModelEntry(target.base_id, target.base_id, "foundation", provider if dot else "account")
        return complete(entry, self._traits_of, self._today())

    async def offers(self, target: Target) -> bool:
        """Whether the list has what would be called; True where the list can't tell."""
        listing = await self._listing()
        parsed = model_id.parse(target.model_id)
        judged = listing.has_profiles if parsed and parsed.geography else listing.has_foundation
        if not judged:
            # A model that needs a profile has none to be called by where none could be listed.
            return not listing.has_foundation or listing.find(target.base_id) is not None
        found = listing.find(target.model_id)
        return found is not None and callable_as_is(found)

    async def resolve(self, name: str, *, embedding: bool = False) -> Target:
        """The target for a client's model name. `embedding`: the request is for vectors.

        Raises NotFound `model_not_found`. Asks the control plane only for bare ids whose traits don't say that they
        can be called so, for names without a provider, and for opaque ARNs.
        """
        model = name
        if model_id.is_openai_embedding_name(name) or model_id.is_openai_name(name):
            found = None if embedding else await self.listed_openai(name)
            if found is not None:
                return found
            model = self._own_name(name, embedding)
        if not model or len(model) > model_id.MAX_LENGTH:
            raise model_not_found(name, self._advice(name, embedding))
        parsed = model_id.parse(model)
        if parsed is None:
            return await self._opaque(model)
        if parsed.geography is not None and not self.leaves_region:
            raise model_not_found(model)
        if parsed.geography is not None or model_id.is_arn(model):
            incomplete = model_id.lacks_version(parsed.base) and not model_id.is_arn(model)
            named = await self._named(model) if incomplete else None
            return named or self._target(model, parsed.base, _system_profile(model, parsed))
        return await self._bare(model, parsed.base)

    async def listed_openai(self, name: str) -> Target | None:
        """The target for a model on Bedrock that has this name of OpenAI's, such as `gpt-oss-120b`; None for none."""
        return await self._named(name) if model_id.may_be_on_bedrock(name) else None

    async def profile_for(self, base_id: str) -> str | None:
        """The system profile for a model that refused an on-demand call; None where there is none to be used.

        From then on `resolve` takes the bare id by its profile, whatever the traits and the list say.
        """
        if not self.leaves_region:
            return None
        listing = await self._listing()
        profile = listing.profile(base_id) or self._guess(listing, base_id)
        if profile is not None:
            self._refused.add(base_id)
        return profile

    def _own_name(self, name: str, embedding: bool) -> str:
        """The endpoint's default model, which stands for OpenAI's names; empty where there is none."""
        if embedding:
            return self._default_embedding
        return "" if model_id.is_openai_embedding_name(name) else self._default

    def _advice(self, name: str, embedding: bool) -> str:
        """What to do about one of OpenAI's names that stands for no model here."""
        if len(name) > model_id.MAX_LENGTH:
            return ""
        setting = "DEFAULT_EMBEDDING_MODEL" if embedding else "DEFAULT_MODEL"
        if model_id.is_openai_embedding_name(name) and not embedding:
            return "It makes embeddings."
        return f"Set {setting} to the model that stands for OpenAI's names."

    async def _named(self, name: str) -> Target | None:
        """The target for a listed model by a short name; None where no model is listed under it."""
        if len(name) > short_names.MAX_LENGTH:
            return None
        listing, short = await self._listing(), short_names.parse(name)
        base = listing.short_names.find(short)
        if base is None:
            return None
        if short.geography:
            wire = f"{short.geography}.{base}"
            return self._target(wire, base) if self.leaves_region and listing.find(wire) else None
        return await self._bare(base, base)

    def _target(self, wire: str, base: str, priced: str = "") -> Target:
        return Target(model_id=wire, base_id=base, traits=self._traits_of(base), priced_id=priced)

    async def _listing(self) -> Listing:
        """The list; an empty one where it can't be had."""
        return await self._loader.listing_or_none() or self._nothing

    async def _opaque(self, arn: str) -> Target:
        """An ARN that does not say its model. Where nobody can tell, the rules are those of an unknown model."""
        parts = model_id.parse_arn(arn)
        if parts is None or parts.service not in ("bedrock", "sagemaker"):
            raise model_not_found(arn)
        listed = self._loader.current and self._loader.current.find(arn)
        if listed and listed.base_id != parts.short:
            return self._target(arn, listed.base_id, listed.via)
        base, via = await self._bases.get(arn), ""
        if base is None:
            # The permission to list may be there where the one to look closer is not.
            found = (await self._listing()).find(arn)
            base, via = (found.base_id, found.via) if found else (None, "")
        behind = model_id.parse(base) if base else None
        if base and behind and behind.geography:
            via = base
        if not self._may_call(via):
            raise model_not_found(arn)
        return self._target(arn, behind.base if behind else parts.short, via)

    async def _bare(self, model: str, base: str) -> Target:
        refused = base in self._refused
        if model_id.lacks_version(base):
            listing = await self._listing()
            full = None if listing.find(base) else listing.short_names.find(short_names.parse(model))
            if full not in (None, base):
                return await self._bare(full, full)
        on_demand = not refused and self._traits_of(base).on_demand
        if on_demand and model_id.has_provider(base):
            return self._target(model, base)
        listing = await self._listing()
        entry = listing.find(model) or listing.find(base)
        if entry is not None and entry.kind != "foundation":
            return self._target(entry.id, entry.base_id, entry.via)
        if entry is not None and entry.on_demand and not refused:
            # As it was asked for, which may be a throughput variant of the entry.
            return self._target(model, base)
        profile = listing.profile(base)
        if entry is None and profile is None and listing.short_names.find(short_names.parse(model)) not in (None, base):
            named = await self._named(model)
            if named is not None:
                return named
        if entry is None and profile is None and (listing.has_foundation or "." not in model):
            nearest = listing.short_names.nearest(model)
            raise model_not_found(model, f"Did you mean {nearest!r}?" if nearest else "")
        if profile is None and (entry is not None or on_demand is False):
            profile = self._guess(listing, base)
        return self._target(profile or model, base)

    def _may_call(self, via: str) -> bool:
        """Whether what was made from the system profile `via` (empty for none) may be called."""
        return self.leaves_region or not via

    def _guess(self, listing: Listing, base: str) -> str | None:
        """The profile by its usual name, only where profiles are wanted and none at all could be listed."""
        if not self.leaves_region or listing.has_profiles or not self._own_prefix or not model_id.has_provider(base):
            return None
        return f"{self._own_prefix}.{base}"


def _system_profile(model: str, parsed: model_id.Name) -> str:
    """The system profile that an ARN names, which decides the price; empty for anything else."""
    return f"{parsed.geography}.{parsed.base}" if parsed.geography and model_id.is_arn(model) else ""
