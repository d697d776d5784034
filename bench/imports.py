"""What each import costs on the way to the first token: `python -X importtime`, added up by package."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence

_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \| +([\w.]+)$", re.MULTILINE)
STANDARD, START = "the standard library", "Python's own start"
_START = {
    "site",
    "encodings",
    "codecs",
    "_frozen_importlib",
    "_frozen_importlib_external",
    "zipimport",
    "sitecustomize",
}


def by_module(log: str) -> dict[str, int]:
    """Microseconds of each module's own time, without what it imports in turn."""
    return {module: int(micros) for micros, module in _LINE.findall(log)}


def least(runs: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The least time of each module over the runs: on a shared machine all that is more is somebody else's."""
    return {module: min(run[module] for run in runs if module in run) for run in runs for module in run}


def by_package(modules: Mapping[str, int]) -> dict[str, float]:
    """Milliseconds by top-level package, the dearest first."""
    found: defaultdict[str, float] = defaultdict(float)
    for module, micros in modules.items():
        found[_package(module)] += micros / 1000
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _package(module: str) -> str:
    top = module.partition(".")[0]
    if top in _START:
        return START
    return STANDARD if top in sys.stdlib_module_names else top
