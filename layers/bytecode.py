"""Compiles a staged tree, with the Python that Lambda will run: `bytecode.py TREE PREFIX [PACKAGE...]`.

PREFIX is where the tree lies on Lambda, for tracebacks. The named packages keep their sources beside `__pycache__`; of
all others only `module.pyc` stays, which Python imports just so (a third smaller, and as fast), unless a module reads its
own source.

The bytecode is of the unchecked-hash kind (PEP 552): Lambda's file system is read-only and its times are not ours, so that
Python would otherwise compile everything again at each cold start.
"""

from __future__ import annotations

import marshal
import sys
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

UNCHECKED_HASH = (0b01).to_bytes(4, "little")

READS_ITSELF = b"not install_lazy_importer()"
"""anyio looks up in its own source what it may import later; without it imports all at once (16 ms, anyio 4.16)."""


def main(tree: str, prefix: str, *kept: str) -> int:
    root = Path(tree)
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        source = path.read_bytes()
        code = compile(source, f"{prefix}/{inside.as_posix()}", "exec", dont_inherit=True, optimize=0)
        pyc = MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source) + marshal.dumps(code)
        if inside.parts[0] in kept or READS_ITSELF in source:
            target = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            target.parent.mkdir(exist_ok=True)
        else:
            target = path.with_suffix(".pyc")
            path.unlink()
        target.write_bytes(pyc)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
