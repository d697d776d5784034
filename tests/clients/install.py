"""Installs the clients, a folder per lock in the cache of tools (`local.tool_cache`)."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local import tool_cache

ROOT = Path(__file__).parents[2]
NODE_PROGRAMS = ROOT / ".clients" / "node"
PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")
VOCABULARY = ROOT / "layers" / "embeddings" / "cl100k_vocabulary" / "cl100k_base.tiktoken.gz"
VOCABULARY_NAME = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""The name under which tiktoken caches cl100k_base: the SHA-1 of the address it would download it from."""
OLDEST_NODE = 20


def install_python(lock: Path) -> list[str]:
    """The Python of an environment that holds exactly this lock."""
    place = python_place(lock)
    python = place / "bin" / "python"
    with tool_cache.filling(place) as needed:
        if needed:
            uv = str(Path(sys.executable).with_name("uv"))
            finish([uv, "venv", "--quiet", "--no-config", "--allow-existing", "--python", sys.executable, str(place)])
            finish([uv, "pip", "install", "--quiet", "--no-config", "--system-certs", "--require-hashes",
                     "--python", str(python), "-r", str(lock)])  # fmt: skip
    return [str(python)]


def python_place(lock: Path) -> Path:
    """The place of an environment for a lock and this Python."""
    return tool_cache.folder(f"client-{lock.stem}", lock, python=True)


def install_node(source: Path) -> list[str]:
    """Node. Programs find the packages of the lock in NODE_PROGRAMS: modules are looked for where a program lies."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or _major(node) < OLDEST_NODE:
        sys.exit(
            f"tests/clients/run: Node {OLDEST_NODE} or newer with npm is needed; on Debian: apt-get install nodejs npm"
        )
    packages = node_packages("client-node", source)
    install_packages(source, packages, npm)
    NODE_PROGRAMS.mkdir(parents=True, exist_ok=True)
    (NODE_PROGRAMS / "node_modules").unlink(missing_ok=True)
    (NODE_PROGRAMS / "node_modules").symlink_to(packages / "node_modules")
    for program in source.glob("*.mjs"):
        shutil.copy(program, NODE_PROGRAMS)
    return [node]


def node_packages(name: str, source: Path) -> Path:
    """The place of the packages that the `package-lock.json` in a folder names."""
    return tool_cache.folder(name, *(source / file for file in PACKAGE_FILES))


def install_packages(source: Path, place: Path, npm: str) -> None:
    """Install the packages of a lock. No package runs a program while it is installed."""
    with tool_cache.filling(place) as needed:
        if needed:
            for name in PACKAGE_FILES:
                shutil.copy(source / name, place)
            finish([npm, "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"], place)


def vocabulary() -> Path:
    """A cache folder in which tiktoken finds cl100k_base, unpacked from the one the gateway ships."""
    place = tool_cache.folder("tiktoken", VOCABULARY)
    with tool_cache.filling(place) as needed:
        if needed:
            (place / VOCABULARY_NAME).write_bytes(gzip.decompress(VOCABULARY.read_bytes()))
    return place


def finish(command: list[str], folder: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Run a command. Ends the process where the command fails, which has printed the reason."""
    if subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"tests/clients/run: {Path(command[0]).name} failed; the text above says why")


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").partition(".")[0])
