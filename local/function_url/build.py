"""A staged build: what is in it, the Python it was made for, and how to have one for this machine."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.family import Failed

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".tools" / "local-build"  # not in build/, which prepare_source.sh replaces as a whole
STAMP = ".sources"
SOURCES = ("app", "layers", "run.sh", "prepare_source.sh")
_NATIVE = re.compile(r"\.cpython-3(\d+)-([^.]+)\.so$")


class Build:
    """`function/` becomes /var/task; the `python/` folders of all layers together become /opt/python.

    Raises Failed where the folder holds no build, or one that this machine can't run.
    """

    def __init__(self, folder: Path) -> None:
        self.function = folder / "function"
        self.layers = sorted(path for path in folder.glob("layers/*/python") if path.is_dir())
        if not (self.function / "run.sh").exists() or not self.layers:
            raise Failed(f"{folder} is no staged build; ./prepare_source.sh makes one.")
        found = {(match[1], match[2]) for match in self._natives()}
        if len(found) > 1:
            raise Failed(f"{folder} mixes native modules of several Pythons or machines: {sorted(found)}.")
        minor, machine = found.pop() if found else (str(sys.version_info.minor), platform.machine())
        self.minor = int(minor)
        if sys.platform == "linux" and not machine.startswith(platform.machine()):
            raise Failed(f"{folder} was staged for {machine}, and this machine is {platform.machine()}.")
        self.python = interpreter(self.minor)

    def _natives(self) -> Iterator[re.Match[str]]:
        for layer in self.layers:
            for path in layer.rglob("*.so"):
                match = _NATIVE.search(path.name)
                if match:
                    yield match


def interpreter(minor: int) -> Path:
    """The program of Python 3.`minor`, outside of any virtual environment. Raises Failed."""
    if minor == sys.version_info.minor:
        return Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    found = shutil.which(f"python3.{minor}")
    if found:
        # A name on the PATH may be a version manager's shim that only complains.
        code = "import os, sys; print(os.path.realpath(getattr(sys, '_base_executable', sys.executable)))"
        asked = subprocess.run([found, "-ISc", code], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return Path(asked.stdout.strip())
    raise Failed(f"The build is for Python 3.{minor}, which is not here. Install it, or stage for another version.")


def current() -> Path:
    """The build for this machine and this Python in .tools/local-build, staged anew where its sources have changed."""
    digest = digest_of(SOURCES)
    stamp = LOCAL / STAMP
    if not (stamp.exists() and stamp.read_text() == digest and (LOCAL / "function" / "run.sh").exists()):
        print("dev: staging .tools/local-build with prepare_source.sh", file=sys.stderr, flush=True)
        stage(LOCAL)
        stamp.write_text(digest)
    return LOCAL


def stage(folder: Path) -> None:
    """Run prepare_source.sh for this machine and this Python. Raises Failed."""
    machine = platform.machine()
    arch = {"aarch64": "arm64", "amd64": "x86_64"}.get(machine.lower(), machine)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [str(ROOT / "prepare_source.sh"), "--arch", arch, "--python", version, "--out", str(folder)]
    # This Python first: it has pip, which a distribution's own may lack, and it is the one that compiles for itself.
    env = dict(os.environ) | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"prepare_source.sh failed:\n{done.stdout.strip()}")


def copy(source: Path, target: Path) -> None:
    """A folder's contents into another, which may have some already. Links where it can: they cost less than copies."""
    shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def digest_of(names: tuple[str, ...]) -> str:
    """Of the contents of these files and folders, and of the Python that a build would be for."""
    digest = hashlib.sha256(f"{platform.machine()} {sys.version_info[:2]}".encode())
    for name in names:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(ROOT)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
