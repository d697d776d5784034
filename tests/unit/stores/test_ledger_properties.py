"""Whatever happens in whatever order (lost requests, lost answers, killed processes, late settlements), a hard limit is not
passed by more than what requests under way were under-estimated, and the ledger adds up to what was really spent."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from app.core.access import Budget, Scope
from app.core.counting import Charge
from app.core.table import TableUnavailable
from app.stores.holds import Hold
from app.stores.ledger import Exhausted, Ledgers
from tests.examples import examples
from tests.unit.stores.failing import Clock, Fault, FaultyTable

LIMIT = 1000
LASTS = 60


FAULTS = st.lists(st.sampled_from(["", "refused", "lost"]), max_size=4)


class LedgerMachine(RuleBasedStateMachine):
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.table = FaultyTable(self.clock)
        self.ledgers = Ledgers(self.table, lasts=LASTS, clock=self.clock)
        self.scope = Scope("key", "k", budget=Budget(LIMIT, "month"))
        self.asked = 0
        self.open: dict[str, int] = {}
        self.final = 0
        self.over = 0
        self.doubtful = 0

    def run(self, work: Any) -> Any:
        return asyncio.run(work)

    @rule(target=holds, cost=st.integers(1, 600), faults=FAULTS)
    def reserve(self, cost: int, faults: list[Fault]) -> Any:
        self.asked += 1
        self.table.faults = list(faults)
        try:
            hold = self.run(
                self.ledgers.reserve(self.scope, f"r{self.asked}", "m", cost, 1, charge=Charge("k", ("km",)))
            )
        except Exhausted:
            assert sum(self.open.values()) + self.final + self.doubtful + cost > LIMIT
            return multiple()
        except TableUnavailable:
            # It may have got through all the same, and is charged then when it expires: never the other way round.
            self.doubtful += cost
            return multiple()
        finally:
            self.table.faults = []
        self.open[hold.mark] = cost
        return hold

    @rule(hold=consumes(holds), cost=st.integers(0, 900), faults=FAULTS)
    def settle(self, hold: Hold, cost: int, faults: list[Fault]) -> None:
        self.table.faults = list(faults)
        settled = self.run(self.ledgers.settle(hold, cost, 1))
        self.table.faults = []
        reserved = self.open.pop(hold.mark)
        if settled.item is None:  # charged at its estimate, or at its cost where only the answers were lost
            self.doubtful += max(cost, reserved)
        elif "lost" in faults:  # somebody may have swept it between two attempts
            self.final += min(cost, reserved)
            self.doubtful += abs(cost - reserved)
        else:
            self.final += cost
        self.over += max(0, cost - reserved)

    @rule(hold=consumes(holds))
    def kill(self, hold: Hold) -> None:
        """The process dies: what it had reserved is what it spent."""
        self.final += self.open.pop(hold.mark)

    @rule(hold=consumes(holds))
    def release(self, hold: Hold) -> None:
        self.run(self.ledgers.release(hold))
        self.open.pop(hold.mark)

    @rule(hold=holds, seconds=st.integers(1, 100))
    def wait_and_sweep(self, hold: Hold, seconds: int) -> None:
        self.clock.now += seconds
        hold.item = self.run(self.table.get(hold.pk, hold.sk)) or {}
        self.run(self.ledgers.sweep(hold))

    @invariant()
    def the_limit_holds(self) -> None:
        spent = self.run(self.ledgers.spent("key", "k", "month"))
        really = self.final + sum(self.open.values())
        assert spent.spent + spent.reserved <= LIMIT + self.over
        assert really <= spent.spent + spent.reserved <= really + self.doubtful
        assert spent.reserved >= 0


LedgerMachine.TestCase.settings = settings(max_examples=examples(80), stateful_step_count=30)
TestLedger = LedgerMachine.TestCase
