"""The scheduled function: keeps the gateway warm, and proves that it works. Staged alone, so it imports nothing of `app`
but its version."""
