"""From the name that a client sent to the target that is called now, and the rest of the chain behind it.

Aliases are followed here, and the rules of the deployment and of a key about models are kept here, for chats and embeddings
alike. Where there are no rules, a name that is no alias does not come here: it is the catalogue's alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from app.core.access import Access
from app.core.plan import Target
from app.errors import NotFound, PermissionDenied, UpstreamFailure, model_not_found
from app.plan import model_id
from app.plan.access import OPEN, allows, by_profile, denied, permitted
from app.plan.aliases import Aliases
from app.plan.catalog import Catalog

if TYPE_CHECKING:
    from app.core.ports import ModelEntry
    from app.core.route import Hop
    from app.plan.routes import Chain


class Selection:
    """`abroad` makes the catalogue of another region, once for each that is named in a chain. `draw`: 0 <= x < 1.

    `allowed`: what the deployment lets anybody call, as globs and aliases; empty for all.
    """

    def __init__(
        self,
        catalog: Catalog,
        aliases: Aliases,
        *,
        region: Callable[[], str],
        abroad: Callable[[str], Catalog],
        allowed: Sequence[str] = (),
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.catalog = catalog
        self.aliases = aliases
        self._region = region
        self._make = abroad
        self._abroad: dict[str, Catalog] = {}
        self._allowed = tuple(allowed)
        self._draw = draw

    def concerns(self, name: str, access: Access) -> bool:
        """Whether `choose` has anything to add to what the catalogue says."""
        return access is not OPEN or bool(self._allowed) or name in self.aliases

    def permits(self, access: Access, target: Target, *names: str) -> bool:
        """Whether the deployment and the key allow the target that `names` led to."""
        return permitted(self._allowed, target, *names) and permitted(access.models, target, *names)

    def shows(self, access: Access, entry: ModelEntry) -> bool:
        """Whether an entry of the catalogue's may be called by its own id."""
        return all(allows(models, entry.id, entry.base_id) for models in (self._allowed, access.models))

    def alias_of(self, name: str, *, embedding: bool = False) -> str:
        """The alias that a name stands for, for the record; empty where it is none."""
        return self.aliases.alias_of(name, embedding=embedding)

    async def choose(
        self, name: str, access: Access, *, route: tuple[Hop, ...] = (), embedding: bool = False
    ) -> tuple[Target, tuple[Hop, ...]]:
        """The target, and the chain from its hop on: empty where the name is no alias.

        `route` is what is left of a chain that was begun. Raises NotFound, PermissionDenied where the key may not, and
        UpstreamFailure 503 where the name may be an alias and the aliases can't be read.
        """
        if not route:
            chain = await self.chain_of(name, embedding=embedding)
            if chain is None:
                return await self._plain(name, access, embedding), ()
            from app.plan.routes import drawn

            route = drawn(chain, self._draw)
        alias = self.alias_of(name, embedding=embedding)
        refused: Target | None = None
        for place, hop in enumerate(route):
            try:
                target = await self.target(hop, embedding=embedding)
            except NotFound:
                continue
            if self.permits(access, target, name, alias, hop.model):
                return by_profile(target, access), route[place:]
            refused = refused or target
        raise self._denied(name, refused, alias) if refused else model_not_found(name)

    async def chain_of(self, name: str, *, embedding: bool = False) -> Chain | None:
        """The chain that serves a name; None where it is no alias, or is one of OpenAI's names that a listed model has."""
        chain = await self.aliases.find(name, embedding=embedding) if name in self.aliases else None
        if chain is None or embedding or self.aliases.names_itself(name):
            return chain
        return None if await self.catalog.listed_openai(name) else chain

    async def target(self, hop: Hop, *, embedding: bool = False) -> Target:
        """What a hop stands for. Raises NotFound."""
        region = "" if hop.region in ("", self._region()) else hop.region
        if region and not self.catalog.leaves_region:
            raise model_not_found(hop.model)
        catalog = self._in(region)
        target = await catalog.resolve(hop.model, embedding=embedding)
        if hop.listed and not await catalog.offers(target):
            raise model_not_found(hop.model)
        if hop.profile:
            speaks = model_id.parse(hop.profile)
            if speaks and speaks.geography and not catalog.leaves_region:
                raise model_not_found(hop.model)
            priced = hop.profile if speaks and speaks.geography else target.priced_id or target.model_id
            if model_id.is_arn(priced):
                priced = ""
            target = replace(target, model_id=hop.profile, priced_id=priced)
        return replace(target, region=region) if region else target

    async def ahead(self, name: str, access: Access, route: tuple[Hop, ...]) -> list[tuple[Target, str]]:
        """All that a chain may still lead to, each with the chain's own tier: what a request may come to cost at most."""
        found = []
        while route:
            try:
                target, route = await self.choose(name, access, route=route)
            except (NotFound, PermissionDenied):
                break
            found.append((target, route[0].tier))
            route = route[1:]
        return found

    async def profile_for(self, target: Target) -> str | None:
        """As the catalogue's, in the target's region."""
        return await self._in(target.region).profile_for(target.base_id)

    async def _plain(self, name: str, access: Access, embedding: bool) -> Target:
        try:
            target = await self.catalog.resolve(name, embedding=embedding)
        except NotFound:
            if self.aliases.missing:
                raise UpstreamFailure(
                    "The gateway's model aliases can't be read just now. Try again shortly; the cause is in its log.",
                    status=503,
                    code="aliases_unavailable",
                    retry_after=10.0,
                ) from None
            raise
        if not self.permits(access, target, name):
            raise self._denied(name, target)
        return by_profile(target, access)

    def _denied(self, name: str, target: Target, alias: str = "") -> PermissionDenied:
        return denied(name, to_all=not permitted(self._allowed, target, name, alias))

    def _in(self, region: str) -> Catalog:
        if not region:
            return self.catalog
        if region not in self._abroad:
            self._abroad[region] = self._make(region)
        return self._abroad[region]
