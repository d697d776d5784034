"""`python -m bench.peers`: installs the peers from PyPI, each into a virtual environment of its own under `.bench/`."""

from __future__ import annotations

import subprocess
import sys

from bench.contenders import LITELLM_VENV


def main() -> int:
    if (LITELLM_VENV / "bin" / "litellm").exists():
        print(f"LiteLLM is there already: {LITELLM_VENV}")
        return 0
    print(f"Installing litellm[proxy] into {LITELLM_VENV}; that takes some minutes and 750 MB.")
    python = str(LITELLM_VENV / "bin" / "python")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(LITELLM_VENV)],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "litellm[proxy]"],
    ):
        if subprocess.run(command, check=False).returncode:
            print("That failed; the text above says why.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
