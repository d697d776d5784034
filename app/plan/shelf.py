"""What `/models` shows to a caller: the catalogue and the aliases, as far as the caller's key may use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from app.core.access import Access
from app.core.ports import ModelEntry
from app.errors import NotFound, PermissionDenied
from app.plan import model_id
from app.plan.selection import Selection

if TYPE_CHECKING:
    from app.plan.routes import Chain


class Shelf:
    """Implements `core.ports.Models`."""

    def __init__(self, selection: Selection) -> None:
        self._catalog = selection.catalog
        self._aliases = selection.aliases
        self._selection = selection

    async def entries(self, access: Access) -> Sequence[ModelEntry]:
        """Everything that can be called, aliases too. Raises UpstreamFailure 503 as the catalogue does."""
        listed = await self._catalog.entries()
        chains = await self._aliases.all()
        aliases = [entry for name, chain in chains.items() if (entry := await self._alias(name, chain, access))]
        shadowed = {entry.id for entry in aliases}
        return [
            *(each for each in listed if each.id not in shadowed and self._selection.shows(access, each)),
            *aliases,
        ]

    async def entry(self, name: str, access: Access) -> ModelEntry | None:
        """The entry for any name that a request may use, None where it would be refused."""
        embedding = model_id.is_openai_embedding_name(name)
        chain = await self._selection.chain_of(name, embedding=embedding)
        if chain is not None:
            return await self._alias(name, chain, access)
        found = await self._catalog.entry(name)
        if found is not None and self._selection.concerns(name, access):
            try:
                await self._selection.choose(name, access, embedding=embedding)
            except (NotFound, PermissionDenied):
                return None
        return found

    async def _alias(self, name: str, chain: Chain, access: Access) -> ModelEntry | None:
        """Described by the first of its targets that can be called; None where none can: not every region has a preset's."""
        alias = self._aliases.alias_of(name)
        for hop in (hop for step in chain for weight, hop in step if weight):
            try:
                target = await self._selection.target(hop, embedding=model_id.is_openai_embedding_name(hop.model))
            except NotFound:
                continue
            if self._selection.permits(access, target, name, alias, hop.model):
                return replace(await self._catalog.describe(target), id=name, kind="alias", name="")
        return None
