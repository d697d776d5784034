"""Which names are aliases, and their chains: from the setting itself, or from a parameter that is read when first needed.

    given directly     read at start; a lookup is one in a dict
    a parameter        read at the first request that may name an alias; anew after an hour, behind a request's back;
                       the old chains stay while it can't be read or is not valid

Age is wall-clock time: on Lambda the monotonic clock may stand still while the process is frozen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from app.plan import model_id
from app.plan.bases import RETRY_SECONDS, Run
from app.plan.presets import PRESETS

if TYPE_CHECKING:
    from app.plan.routes import Chain  # read when there is something to be read: a cold start needs none of it

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 3600.0
PATIENCE = 5.0
"""Seconds that a request waits for the parameter."""

Read = Callable[[], str]
"""Blocks. Raises whatever it likes; the text of its exceptions is safe to log."""


class Aliases:
    """`text`: the setting. `read`: reads the parameter instead, carried out by `run`. The defaults stand for OpenAI's
    own names, and may be aliases; with an empty `default_model` the presets do. Raises ValueError where `text` is wrong.
    """

    def __init__(
        self,
        text: str = "",
        *,
        read: Read | None = None,
        run: Run = asyncio.to_thread,
        clock: Callable[[], float],
        default_model: str = "",
        default_embedding_model: str = "",
    ) -> None:
        self._chains: Mapping[str, Chain] | None = _table(text) if text else None
        self._read = read
        self._run = run
        self._clock = clock
        self._default_model = default_model
        self._default_embedding_model = default_embedding_model
        self._know(PRESETS if self._chains is None else self._chains)
        self._refresh_at = 0.0
        self._loading: asyncio.Task[None] | None = None
        self.missing = read is not None
        """Whether the parameter was never read: a name that nobody knows may be one of its aliases."""

    def __contains__(self, name: str) -> bool:
        """Whether the name may be an alias, which `find` then knows for sure. Waits for nothing."""
        if name in self._names:
            return True
        if self._read is not None and (self.missing or self._clock() >= self._refresh_at):
            return not _is_id(name)
        return bool(self._default_of(name, False) or self._default_of(name, True))

    def alias_of(self, name: str, *, embedding: bool = False) -> str:
        """The alias that a name stands for, as far as it is known now: itself, a default for OpenAI's names, or none.

        Empty for none.
        """
        return name if name in self._names else self._default_of(name, embedding)

    def names_itself(self, name: str) -> bool:
        """Whether the name is an alias of its own, not one of OpenAI's names that a default stands for."""
        return name in self._names

    def _default_of(self, name: str, embedding: bool) -> str:
        """The alias that serves one of OpenAI's names: the default model where that is an alias, else a preset; or empty."""
        for_vectors = model_id.is_openai_embedding_name(name)
        if not for_vectors and not model_id.is_openai_name(name):
            return ""
        if embedding:
            default = self._default_embedding_model
        elif for_vectors:
            return ""
        else:
            default = self._default_model or model_id.openai_class(name)
        return default if default in self._names else ""

    async def find(self, name: str, *, embedding: bool = False) -> Chain | None:
        """The chain of an alias, None where the name is none."""
        chains = await self.all()
        return chains.get(self.alias_of(name, embedding=embedding))

    async def all(self) -> Mapping[str, Chain]:
        """Every alias with its chain."""
        if self._read is not None and self._clock() >= self._refresh_at:
            loading = self._start(self._read)
            if self.missing:
                # Not cancelled with a client that goes away: others wait for the same.
                await asyncio.wait({loading}, timeout=PATIENCE)
        if self._chains is None:
            self._chains = _table("")
        return self._chains

    def _know(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def _start(self, read: Read) -> asyncio.Task[None]:
        task = self._loading
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._loading = asyncio.create_task(self._load(read))
        return task

    async def _load(self, read: Read) -> None:
        try:
            chains = _table((await self._run(read)).strip())
        except Exception as problem:  # noqa: BLE001  whatever it is, what is known goes on being served
            kept = "there are only the presets" if self.missing else "the old ones stay in use"
            _log.error("the model aliases can't be read; %s (%s)", kept, str(problem)[:300] or type(problem).__name__)
            self._refresh_at = self._clock() + RETRY_SECONDS
            return
        self._chains = chains
        self._know(chains)
        self._refresh_at = self._clock() + REFRESH_SECONDS
        self.missing = False


def _table(text: str) -> dict[str, Chain]:
    from app.plan.routes import table

    return table(text)


def _is_id(name: str) -> bool:
    """Whether it is a model's id or ARN, which no alias can be named like."""
    parsed = None if model_id.is_arn(name) else model_id.parse(name)
    return parsed is None or parsed.geography is not None or model_id.has_provider(parsed.base)
