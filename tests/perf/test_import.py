"""Nothing happens at import: a cold start pays for every module, and a client made too early can't be configured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 3.0  # measured: 0.3 to 0.6 on the machines at hand; generous, because CI shares its cores
HEAVY = {"anthropic", "boto3", "botocore", "tiktoken", "openai", "moto", "local", "tests"}

# Tells what an import of app.main does: sockets opened, variables read by our own code, modules loaded, time taken.
PROBE = """
import collections.abc, json, os, socket, sys, time

reads, sockets = [], []

class Spy(collections.abc.MutableMapping):
    def __init__(self, inner): self.inner = inner
    def note(self, name):
        frame = sys._getframe(2)
        while frame and ("_collections_abc" in frame.f_code.co_filename or frame.f_code.co_filename == os.__file__
                         or frame.f_code.co_filename == "<frozen os>"):
            frame = frame.f_back
        if frame and frame.f_globals.get("__name__", "").split(".")[0] == "app":
            reads.append(f"{frame.f_globals['__name__']}: {name}")
    def __getitem__(self, name): self.note(name); return self.inner[name]
    def __setitem__(self, name, value): self.note(name); self.inner[name] = value
    def __delitem__(self, name): self.note(name); del self.inner[name]
    def __iter__(self): self.note("all"); return iter(self.inner)
    def __len__(self): return len(self.inner)
    def copy(self): self.note("all"); return dict(self.inner)

def refuse(self, *args, **kwargs):
    sockets.append(str(args))
    raise OSError("no sockets at import")

os.environ = Spy(os.environ)
socket.socket.connect = socket.socket.bind = refuse
begun = time.perf_counter()
import app.main
taken = time.perf_counter() - begun
print(json.dumps({"reads": reads, "sockets": sockets, "seconds": taken, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    run = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_import_opens_no_socket(report: dict[str, Any]) -> None:
    assert report["sockets"] == []


def test_import_reads_no_variable(report: dict[str, Any]) -> None:
    assert report["reads"] == []


def test_import_leaves_the_sdk_for_later(report: dict[str, Any]) -> None:
    assert not HEAVY & {name.split(".")[0] for name in report["modules"]}


def test_import_is_quick(report: dict[str, Any]) -> None:
    assert report["seconds"] < SECONDS


def test_import_leaves_for_later_what_a_chat_does_not_need(report: dict[str, Any]) -> None:
    """Each of these was measured and taken out of the cold start (docs/decisions/0003)."""
    packages = {"fastapi", "starlette", "anyio", "click", "argparse", "moto", "httpx", "urllib3"}
    assert not packages & {name.split(".")[0] for name in report["modules"]}
    assert not {"app.upstreams.invoke.embedder", "app.upstreams.fetch"} & set(report["modules"])
    messages = {name for name in report["modules"] if name.startswith("app.api.messages.")}
    assert messages == {"app.api.messages.route"}
    assert not {"app.stages.count", "app.upstreams.counting", "app.api.models.pages"} & set(report["modules"])
    responses = {name for name in report["modules"] if name.startswith(("app.api.responses.", "app.stores.responses"))}
    assert responses == {"app.api.responses.keeping", "app.api.responses.route"}
    assert "app.api.conversations.handlers" not in report["modules"]
