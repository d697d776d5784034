"""Staged builds for tests, each made once per run by the real prepare_source.sh, and Pythons to make them with.

All workers of a run share them: `scratch` is one folder, which tests/conftest.py makes and removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "prepare_source.sh"
RUNNING = "{}.{}".format(*sys.version_info[:2])
OTHER = "3.12" if RUNNING == "3.13" else "3.13"
"""A runtime whose Python is not the one that runs the tests."""
NATIVE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]

TOOLS = ("basename", "bash", "cat", "cp", "dirname", "env", "grep", "id", "ls", "mkdir", "mktemp", "mv", "rm")
"""All that the script may ask of the system, besides a Python."""

OLDEST_PIP = "21.3.1"
"""What comes with Amazon Linux 2023."""


def prepare(
    *arguments: str, python: Path | None = None, script: Path = SCRIPT, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing but TOOLS and, by default, the Python of the tests on its PATH."""
    folder = (python or Path(sys.executable)).parent
    return subprocess.run(
        ["bash", str(script), *arguments],
        env=_kept_environment() | {"PATH": f"{folder}:{tools()}"} | environ,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def staged(*arguments: str, python: Path | None = None) -> Path:
    """A build by these arguments; by default for this machine and the running Python, compiled."""
    return _staged(arguments or ("--arch", NATIVE, "--python", RUNNING), python or Path(sys.executable))


@cache
def _staged(arguments: tuple[str, ...], python: Path) -> Path:
    digest = hashlib.sha256("\0".join([*arguments, str(python)]).encode()).hexdigest()[:16]
    out = scratch() / f"build-{digest}"
    with _once(out) as needed:
        if needed:
            done = prepare(*arguments, "--out", str(out), python=python)
            assert done.returncode == 0, done.stdout + done.stderr
            out.with_name(f"{out.name}.txt").write_text(done.stdout)
    return out


@contextlib.contextmanager
def _once(folder: Path) -> Iterator[bool]:
    """Yields True to one worker of the run, and False to the others after the first has left the block."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_name(f"{folder.name}.done")
        if done.exists():
            yield False
            return
        yield True
        done.touch()


def told(build: Path) -> str:
    """What the script printed when it made this build."""
    return build.with_name(f"{build.name}.txt").read_text()


def scratch() -> Path:
    """The folder that all workers of this run share."""
    return Path(os.environ["GATEWAY_TEST_RUN"])


@cache
def tools() -> Path:
    folder = scratch() / "tools"
    with _once(folder) as needed:
        if needed:
            folder.mkdir()
            for name in TOOLS:
                found = shutil.which(name)
                assert found, name
                (folder / name).symlink_to(found)
    return folder


@cache
def oldest() -> Path:
    """Python 3.9 with pip 21.3.1, in an environment of its own. Without a 3.9, the running Python with that pip.

    From Python 3.12 on that pip does not run any more; pip 23.2 is the oldest that does.
    """
    interpreter = _interpreter("3.9")
    if interpreter is not None:
        return _with_pip("oldest", interpreter, f"pip=={OLDEST_PIP}")
    return _with_pip("oldest", Path(sys.executable), f"pip=={OLDEST_PIP if sys.version_info < (3, 12) else '23.2'}")


@cache
def newest() -> Path:
    """The newest Python at hand with the newest pip that there is, in an environment of its own."""
    found = (_interpreter(name) for name in ("3.14", "3.13", "3.12"))
    return _with_pip("newest", next(filter(None, found), Path(sys.executable)), "pip")


def _with_pip(name: str, interpreter: Path, pip: str) -> Path:
    folder = scratch() / name
    with _once(folder) as needed:
        if needed:
            subprocess.run([interpreter, "-m", "venv", "--without-pip", folder], check=True)
            (packages,) = folder.glob("lib/python3.*/site-packages")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*command, "--ignore-requires-python", "--target", str(packages), pip], check=True)
    return folder / "bin/python"


def _interpreter(name: str) -> Path | None:
    """`python3.9` on the PATH or of pyenv; one that runs, for a version manager leaves names that only complain."""
    on_path = shutil.which(f"python{name}")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted(Path.home().glob(f".pyenv/versions/{name}.*/bin/python{name}"))
    for path in candidates:
        works = subprocess.run([path, "-Ic", "import ensurepip, venv"], capture_output=True, check=False)
        if works.returncode == 0:
            return path
    return None


def part(name: str) -> ModuleType:
    """A program of layers/, as a module."""
    spec = importlib.util.spec_from_file_location(f"layers_{name}", ROOT / "layers" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_staged(code: str, *trees: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run code with only these trees and the standard library to import from; warnings are errors."""
    return subprocess.run(
        [sys.executable, "-s", "-S", "-B", "-W", "error", "-c", code],
        env={"PYTHONPATH": ":".join(map(str, trees)), "PYTHONHASHSEED": "0"} | environ,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _kept_environment() -> dict[str, str]:
    """What reaching a package index may need."""
    wanted = ("PIP_", "SSL_", "REQUESTS_", "UV_")
    names = {"HOME", "TMPDIR", "LANG", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
    return {name: value for name, value in os.environ.items() if name.startswith(wanted) or name in names}
