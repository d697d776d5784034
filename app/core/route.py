"""A stage on the way of a request that names an alias. Loaded where one is asked for: plain model names need none of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hop:
    """One target of a chain, in the operator's words; what is really called is found out when its turn comes.

    `model`: any name that a request may use. `region`: where it is called, empty for the gateway's own. `profile`: the
    inference profile that is called instead. `tier`: the service tier, where the request names none. `larger`: takes what
    did not fit into the targets before it. `listed`: only where the account's model list has it.
    """

    model: str
    region: str = ""
    profile: str = ""
    tier: str = ""
    larger: bool = False
    listed: bool = False
