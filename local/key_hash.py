"""`./dev hash [--new]`: the SHA-256 of a key, for the ApiKeyHash parameter, so that the key itself stands nowhere on AWS.

The key comes from the terminal, without echo, or as a line of standard input; never as an argument, which every process on
the machine could read. `--new` makes one: the hash is the first line, the key alone the last. Standard library only, so that
it also runs in CloudShell with `python3 -m local.key_hash`. Exit codes: 0, or 2 where the key can't be used.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import secrets
import sys
from collections.abc import Sequence

SHORTEST = 20
"""Characters, as for the ApiKey parameter: what is shorter could be found from its hash by trying."""


def digest(key: str) -> str:
    """As the gateway computes it: white space around a key does not count."""
    return hashlib.sha256(key.strip().encode("utf-8", "surrogatepass")).hexdigest()


def new_key() -> str:
    """256 random bits: `sk-` and 43 characters that are safe in URLs, headers and shells."""
    return f"sk-{secrets.token_urlsafe(32)}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./dev hash", description="Print a key's SHA-256, for the ApiKeyHash parameter."
    )
    parser.add_argument("--new", action="store_true", help="make a key: its hash is the first line, the key the last")
    if parser.parse_args(arguments).new:
        key = new_key()
        print(digest(key))
        _tell("Above: the value for ApiKeyHash. Below: the key for your clients, shown this once; keep it safe.")
        print(key)
        return 0
    try:
        key = (getpass.getpass("Key (not shown): ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    except (EOFError, KeyboardInterrupt):
        key = ""
    if len(key) < SHORTEST:
        _tell(f"A key of at least {SHORTEST} characters is needed; `--new` makes one.")
        return 2
    print(digest(key))
    return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
