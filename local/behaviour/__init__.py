"""How the emulated model behaves: deterministic, and obliging. Pure but for the cache ledger."""
