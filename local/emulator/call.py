"""One call to the emulated services, and the state that calls share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from local.behaviour.cache import CacheLedger
from local.emulator.errors import Invalid
from local.emulator.settings import Settings
from local.models import Target, geography, resolve

UNKNOWN_MODEL = "The provided model identifier is invalid."


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was routed: path labels unquoted, header names in lower case, `body` parsed JSON or None."""

    operation: str
    labels: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    raw: bytes
    region: str

    @property
    def model_id(self) -> str:
        """The model as the caller named it; empty for operations without one."""
        return self.labels.get("modelId", "")

    def target(self) -> Target:
        """What the model id stands for; raises Invalid for an unknown one, or a profile of another geography."""
        target = resolve(self.model_id)
        if target is None or (target.geography and target.geography not in geography(self.region)):
            raise Invalid(UNKNOWN_MODEL)
        return target


@dataclass(slots=True)
class State:
    """What outlives a call: settings, written cache prefixes, and how often `fail-once` has failed for a prompt."""

    settings: Settings
    random: Random
    ledger: CacheLedger = field(default_factory=CacheLedger)
    failures: dict[str, int] = field(default_factory=dict)

    def reset(self) -> None:
        """Back to the state of a new emulator."""
        self.ledger.clear()
        self.failures.clear()
        self.random.seed(self.settings.seed)
