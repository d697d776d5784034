"""How many examples the fuzz tests make, and which."""

from __future__ import annotations

import os

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES") or 20)
"""Examples per test."""
SEED = int(os.environ.get("FUZZ_SEED") or 0)
REPRODUCE = f"FUZZ_EXAMPLES={EXAMPLES} FUZZ_SEED={SEED} ./dev test"
