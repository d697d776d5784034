"""What models have turned out to refuse, in memory. It is asked again after a while: models and AWS's rules change."""

from __future__ import annotations

import time
from collections.abc import Callable, Set

MAX_LEARNED = 2000
"""Models. Of each at most `MAX_QUIRKS`: the names are few, but limits of tokens carry their number."""
MAX_QUIRKS = 64
LEARNED_SECONDS = 3600.0


class RecentLessons:
    """Implements Lessons for one process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._learned: dict[str, dict[str, float]] = {}

    def known(self, base_id: str) -> Set[str]:
        learned = self._learned.get(base_id)
        if not learned:
            return frozenset()
        since = self._clock() - LEARNED_SECONDS
        return {quirk for quirk, at in learned.items() if at > since}

    def learn(self, base_id: str, quirk: str, at: float | None = None) -> None:
        if base_id not in self._learned and len(self._learned) >= MAX_LEARNED:
            self._learned.pop(next(iter(self._learned)))
        learned = self._learned.setdefault(base_id, {})
        if quirk not in learned and len(learned) >= MAX_QUIRKS:
            learned.pop(next(iter(learned)))
        learned[quirk] = max(self._clock() if at is None else at, learned.get(quirk, 0.0))
