"""The packages whose cold start is measured, staged under `.bench/package/`: ours by `prepare_source.sh`, the plain one
from the same layer with tiktoken beside it, all compiled by the same Python in the same way."""

from __future__ import annotations

import gzip
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.contenders import ROOT

ARM64 = "arm64"
PLACE = ROOT / ".bench" / "package"
LOCK = ROOT / "tests" / "requirements.txt"
TIKTOKEN = ("certifi", "charset-normalizer", "regex", "requests", "tiktoken")
"""tiktoken and what it imports, less what the slim layer has already."""
VOCABULARY = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""The name under which tiktoken caches cl100k_base: the SHA-1 of the address it would download it from."""

OURS, SOURCES = "this gateway", "this gateway, not compiled"
PLAIN, IMPORTED, LOADED = (
    "plain FastAPI + boto3",
    "the same, with tiktoken imported",
    "the same, with its vocabulary loaded",
)


@dataclass(frozen=True, slots=True)
class Package:
    """`folder` has `function/` and `layers/*/python/`, as `prepare_source.sh` lays them out."""

    name: str
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def python_path(self) -> str:
        """What PYTHONPATH would be on Lambda, but with the folders where they are."""
        return os.pathsep.join(map(str, [self.folder / "function", *sorted(self.folder.glob("layers/*/python"))]))


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that stands in for the runtime's."""

    program: str
    version: str  # minor

    @property
    def path(self) -> str:
        """A PATH on which `python3` is this one."""
        return f"{Path(self.program).parent}{os.pathsep}{os.environ['PATH']}"


def interpreter() -> Interpreter:
    """The template's default runtime where it is installed, else the Python that runs this."""
    code = "import sys; print(getattr(sys, '_base_executable', sys.executable)); print('%d.%d' % sys.version_info[:2])"
    for name in ("python3.13", sys.executable):
        try:
            done = subprocess.run([name, "-ISc", code], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return Interpreter(*done.stdout.split())
    raise RuntimeError("no Python runs")


def architecture() -> str:
    """This machine's, by the name that `prepare_source.sh` has for it."""
    return ARM64 if platform.machine() in ("aarch64", "arm64") else "x86_64"


def stage(python: Interpreter) -> list[Package]:
    """All packages, made anew. That of sources alone is missing where no second Python is there to stage it with."""
    PLACE.mkdir(parents=True, exist_ok=True)
    ours = PLACE / "ours"
    prepare(ours, python, python.path)
    packages = [Package(OURS, ours)]
    with tempfile.TemporaryDirectory() as folder:
        if (path := without(python, Path(folder))) is not None:
            sources = PLACE / "sources"
            prepare(sources, python, path)
            packages.append(Package(SOURCES, sources))
    plain = stage_plain(python, ours)
    tiktoken, cache = stage_tiktoken(python, plain)
    packages.append(Package(PLAIN, plain))
    packages.append(Package(IMPORTED, tiktoken, {"TOKENIZER": "imported"}))
    packages.append(Package(LOADED, tiktoken, {"TOKENIZER": "loaded", "TIKTOKEN_CACHE_DIR": str(cache)}))
    return packages


def prepare(out: Path, python: Interpreter, path: str, machine: str = "") -> None:
    arguments = ["--arch", machine or architecture(), "--python", python.version, "--out", str(out)]
    run([str(ROOT / "prepare_source.sh"), *arguments], {**os.environ, "PATH": path})


def without(python: Interpreter, folder: Path) -> str | None:
    """A PATH on which `python3` is of another minor version, so that nothing is compiled; None where there is no such."""
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    for name in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run([name, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() != python.version:
            (folder / "python3").write_text(f'#!/bin/sh\nexec {name} "$@"\n')
            (folder / f"python{python.version}").write_text("#!/bin/sh\nexit 1\n")
            for program in folder.iterdir():
                program.chmod(0o755)
            return f"{folder}{os.pathsep}{os.environ['PATH']}"
    return None


def stage_plain(python: Interpreter, ours: Path) -> Path:
    """The plain gateway over our own slim layer."""
    place = PLACE / "plain"
    shutil.rmtree(place, ignore_errors=True)
    function = place / "function"
    (function / "bench").mkdir(parents=True)
    for name in ("__init__.py", "bare.py", "plain_package.py"):
        shutil.copy(ROOT / "bench" / name, function / "bench" / name)
    shutil.copy(ROOT / "bench" / "plain_package.sh", function / "run.sh")
    (function / "run.sh").chmod(0o755)
    compile_tree(python, function, "/var/task", "bench")
    (place / "layers").mkdir()
    (place / "layers" / "slim").symlink_to(ours / "layers" / "slim")
    return place


def stage_tiktoken(python: Interpreter, plain: Path) -> tuple[Path, Path]:
    """The same with a layer that has tiktoken; and the folder in which it finds its vocabulary, so that it asks nobody."""
    place = PLACE / "tiktoken"
    shutil.rmtree(place, ignore_errors=True)
    target = place / "layers" / "tiktoken" / "python"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lock:
        lock.write("".join(locked(name) for name in TIKTOKEN))
        lock.flush()
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--ignore-requires-python"]
        command += ["--python-version", python.version, "--implementation", "cp"]
        command += [f"--abi=cp{python.version.replace('.', '')}", "--target", str(target), "-r", lock.name]
        command += [f"--platform={tag}_{platform.machine()}" for tag in ("manylinux_2_28", "manylinux2014")]
        run(command, os.environ)
    compile_tree(python, target, "/opt/python")
    (place / "function").symlink_to(plain / "function")
    (place / "layers" / "slim").symlink_to(plain / "layers" / "slim")
    cache = place / "vocabulary"
    cache.mkdir()
    packed = ROOT / "layers" / "embeddings" / "cl100k_vocabulary" / "cl100k_base.tiktoken.gz"
    (cache / VOCABULARY).write_bytes(gzip.decompress(packed.read_bytes()))
    return place, cache


def compile_tree(python: Interpreter, tree: Path, prefix: str, *kept: str) -> None:
    run([python.program, "-sS", str(ROOT / "layers" / "bytecode.py"), str(tree), prefix, *kept], os.environ)


def locked(name: str) -> str:
    """A package's lines in the lock, hashes included."""
    found = re.search(rf"^{name}==.*?(?=^\S|\Z)", LOCK.read_text(), re.MULTILINE | re.DOTALL)
    if found is None:
        raise RuntimeError(f"{LOCK} has no {name}")
    return "\n".join(line for line in found[0].splitlines() if "#" not in line) + "\n"


def run(command: list[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
