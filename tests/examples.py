"""How many examples the property tests and the fuzz tests make, and which.

By default a run makes the same examples as the run before it. `./dev fuzz` sets FUZZ_SEED and a large budget.
"""

from __future__ import annotations

import os

PERCENT = int(os.environ.get("EXAMPLES_PERCENT") or 100)
"""The budget of every property test and fuzz test, in percent of what the test names."""
SEED = int(os.environ["FUZZ_SEED"]) if os.environ.get("FUZZ_SEED") else None


def examples(count: int) -> int:
    """Returns the budget of a test that makes `count` examples in a run of `./dev test`."""
    return max(5, count * PERCENT // 100)


def reproduce() -> str:
    """The start of a command line that makes the same examples again."""
    return f"EXAMPLES_PERCENT={PERCENT} FUZZ_SEED={SEED} ./dev fuzz" if SEED is not None else "./dev test"
