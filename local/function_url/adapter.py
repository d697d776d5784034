"""The real Web Adapter: where it is, and how it is built where it is not.

0.9.1 is the newest release in the crate registry (2026-11), beside a candidate of 1.0.0. The layer that the template pins is
newer: where they differ, the tests say so. `LWA_VERSION` names another version to build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local import tool_cache
from local.family import Failed

VERSION = "0.9.1"
CANDIDATE = "1.0.0-rc1"
"""The newest candidate in the crate registry (2026-11); tests/function_url/test_newer_adapter.py runs it."""
NAME = "lambda-adapter"
OLDEST = (1, 78)  # the first cargo that reads version 4 of Cargo.lock, which the crate has
ABSENT = f"""\
The Lambda Web Adapter is not here. Either install Rust (https://rustup.rs), with which it is built in about two minutes:
that takes cargo {".".join(map(str, OLDEST))} or newer. Or have LWA_BIN name a `{NAME}` {VERSION} or newer."""


def wanted(env: Mapping[str, str]) -> str:
    """Returns the version to run: `LWA_VERSION`, or else the default."""
    return env.get("LWA_VERSION") or VERSION


def place(version: str = VERSION) -> Path:
    """The folder that cargo installs into."""
    return tool_cache.folder("web-adapter", version)


def find(env: Mapping[str, str]) -> Path | None:
    """Returns `LWA_BIN`, then what was built of the wanted version, then what is on the PATH.

    An adapter on the PATH has an unknown version: it is not used where `LWA_VERSION` names one. Raises Failed where LWA_BIN
    names nothing that can be run.
    """
    named = env.get("LWA_BIN")
    if named:
        if not os.access(named, os.X_OK):
            raise Failed(f"LWA_BIN names {named}, which is no program.")
        return Path(named).resolve()
    built = place(wanted(env))
    if tool_cache.is_ready(built):
        return built / "bin" / NAME
    found = None if env.get("LWA_VERSION") else shutil.which(NAME, path=env.get("PATH"))
    return Path(found).resolve() if found else None


def can_build(env: Mapping[str, str]) -> bool:
    """Whether there is a cargo, and one that is new enough."""
    cargo = shutil.which("cargo", path=env.get("PATH"))
    if cargo is None:
        return False
    try:
        asked = subprocess.run([cargo, "--version"], env=dict(env), capture_output=True, text=True, check=False)
    except OSError:
        return False
    told = re.match(r"cargo (\d+)\.(\d+)\.", asked.stdout)  # nothing from a rustup without a toolchain
    return told is not None and (int(told[1]), int(told[2])) >= OLDEST


def find_or_build(env: Mapping[str, str]) -> Path:
    """Raises Failed where it is not here and can't be built."""
    found = find(env)
    if found:
        return found
    if not can_build(env):
        raise Failed(ABSENT)
    version = wanted(env)
    with tool_cache.filling(place(version)) as needed:
        if needed:
            _build(place(version), version, env)
    return place(version) / "bin" / NAME


def _build(folder: Path, version: str, env: Mapping[str, str]) -> None:
    """Shows cargo's own progress: a silent build of two minutes looks like one that hangs."""
    print(f"dev: building the Lambda Web Adapter {version}, which takes about two minutes", file=sys.stderr, flush=True)
    command = ["cargo", "install", "lambda_web_adapter", "--version", version, "--locked", "--root", str(folder)]
    if subprocess.run(command, env=dict(env), stdout=sys.stderr, check=False).returncode:
        raise Failed("cargo could not build the Lambda Web Adapter. Its messages are above.")


if __name__ == "__main__":
    try:
        print(find_or_build(os.environ))
    except Failed as problem:
        sys.exit(f"dev: {problem}")
