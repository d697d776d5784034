"""Puts the clients where their programs find them: a folder per lock in `.clients/`, made anew when the lock changes."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".clients"
VOCABULARY = ROOT / "layers" / "embeddings" / "cl100k_vocabulary" / "cl100k_base.tiktoken.gz"
VOCABULARY_NAME = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""The name under which tiktoken caches cl100k_base: the SHA-1 of the address it would download it from."""
OLDEST_NODE = 20


def install_python(lock: Path) -> list[str]:
    """The Python of an environment that holds exactly this lock."""
    place = CACHE / lock.stem
    python = place / "bin" / "python"
    if not holds(place, lock):
        uv = str(Path(sys.executable).with_name("uv"))
        shutil.rmtree(place, ignore_errors=True)
        _finish([uv, "venv", "--quiet", "--no-config", "--python", sys.executable, str(place)])
        _finish([uv, "pip", "install", "--quiet", "--no-config", "--system-certs", "--require-hashes", "--python", str(python),
                 "-r", str(lock)])  # fmt: skip
        _mark(place, lock)
    return [str(python)]


def install_node(source: Path) -> list[str]:
    """Node, with the programs copied beside the packages of the lock: modules are looked for where a program lies."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or _major(node) < OLDEST_NODE:
        sys.exit(
            f"tests/clients/run: Node {OLDEST_NODE} or newer with npm is needed; on Debian: apt-get install nodejs npm"
        )
    install_packages(source, CACHE / "node", npm)
    for program in source.glob("*.mjs"):
        shutil.copy(program, CACHE / "node")
    return [node]


def install_packages(source: Path, place: Path, npm: str) -> None:
    """Fill a folder with what the `package-lock.json` of another one says; no package runs a program while it comes."""
    lock = source / "package-lock.json"
    if holds(place, lock):
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(source / name, place)
    _finish([npm, "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"], place)
    _mark(place, lock)


def vocabulary() -> Path:
    """A cache folder in which tiktoken finds cl100k_base, unpacked from the one the gateway ships."""
    place = CACHE / "tiktoken"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / VOCABULARY_NAME).exists():
        (place / VOCABULARY_NAME).write_bytes(gzip.decompress(VOCABULARY.read_bytes()))
    return place


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").partition(".")[0])


def holds(place: Path, lock: Path) -> bool:
    """Whether a folder was filled from exactly this lock."""
    stamp = place / ".lock"
    return stamp.exists() and stamp.read_text() == _digest(lock)


def _mark(place: Path, lock: Path) -> None:
    (place / ".lock").write_text(_digest(lock))


def _digest(lock: Path) -> str:
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version_info[:2]} {lock.parent}"


def _finish(command: list[str], folder: Path | None = None) -> None:
    """Runs it; where it fails, it has said why."""
    CACHE.mkdir(exist_ok=True)
    if subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"tests/clients/run: {Path(command[0]).name} failed; the text above says why")
