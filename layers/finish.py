"""Gives a staged build its times and modes, so that the same sources make the same bytes, and prints its sizes.

`finish.py BUILD`; exit code 1 where the slim layer is over its limits.
"""

from __future__ import annotations

import io
import os
import sys
import zipfile
from pathlib import Path

TIME = 1577836800
"""2020-01-01 00:00 UTC, the time of every file."""

ARTEFACTS = ("function", "canary", "layers/slim", "layers/embeddings")
SLIM_ZIPPED, SLIM_UNZIPPED = 11.0, 34.0
"""The most that the slim layer may take, in MB of 1,000,000 bytes."""

MB = 1_000_000


def main(build: str) -> int:
    root = Path(build)
    settle(root)
    sizes = {name: (unzipped(root / name), zipped(root / name)) for name in ARTEFACTS}
    out = sys.stdout.write
    out(f"{'MB':26}{'unzipped':>9}{'zipped':>9}\n")
    for name, (raw, packed) in sizes.items():
        limits = f"   at most {SLIM_UNZIPPED:g} and {SLIM_ZIPPED:g}" if name == "layers/slim" else ""
        out(f"{name:26}{raw / MB:9.2f}{packed / MB:9.2f}{limits}\n")
    packages = {path.name: unzipped(path) for path in (root / "layers/slim/python").iterdir()}
    for name in sorted(packages, key=lambda name: (-packages[name], name))[:8]:
        out(f"  slim: {name:18}{packages[name] / MB:9.2f}\n")
    raw, packed = sizes["layers/slim"]
    if raw > SLIM_UNZIPPED * MB or packed > SLIM_ZIPPED * MB:
        sys.stderr.write("finish: the slim layer is over its limits\n")
        return 1
    return 0


def settle(root: Path) -> None:
    """Folders 755, files 644, what Lambda starts 755, all of one time. Deepest first: a folder's time is its content's."""
    for path in sorted(root.rglob("*"), reverse=True):
        executable = path.is_dir() or path.name == "run.sh"
        path.chmod(0o755 if executable else 0o644)
        os.utime(path, (TIME, TIME))
    root.chmod(0o755)
    os.utime(root, (TIME, TIME))


def files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())


def unzipped(path: Path) -> int:
    """Bytes of all files."""
    return sum(each.stat().st_size for each in files(path))


def zipped(path: Path) -> int:
    """Bytes of the archive that is uploaded: deflate at zlib's own level, as the SAM CLI packs it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in files(path):
            archive.write(each, each.relative_to(path))
    return packed.tell()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
