"""Staged builds for tests, each made once per session by the real prepare_source.sh, and Pythons to make them with."""

from __future__ import annotations

import atexit
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
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
    out = Path(tempfile.mkdtemp(dir=scratch(), prefix="build-"))
    done = prepare(*arguments, "--out", str(out), python=python)
    assert done.returncode == 0, done.stdout + done.stderr
    (scratch() / f"{out.name}.txt").write_text(done.stdout)
    return out


def told(build: Path) -> str:
    """What the script printed when it made this build."""
    return build.with_name(f"{build.name}.txt").read_text()


@cache
def scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="staging-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def tools() -> Path:
    folder = scratch() / "tools"
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
