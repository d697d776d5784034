"""docs/tour.md, as it stands: create a key, spend, hit the limit, read the report."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.emulator import Emulator
from tests.dynamodb import DynamoDb
from tests.wire.gateway import KEY, NOVA, chat, environment, serving

ROOT = Path(__file__).parents[2]
ADMIN = "sk-admin-of-the-tour"
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", (ROOT / "docs/tour.md").read_text(), re.DOTALL)


@pytest.fixture
def environ(dynamodb: DynamoDb) -> Iterator[dict[str, str]]:
    """A shell's, beside a gateway over the table."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_"))}
    with Emulator() as emulator:
        own = environment(emulator.url) | {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url}
        with serving(emulator.url, environ=own, table_name=dynamodb.table, admin_key=ADMIN) as gateway:
            yield (
                bare
                | dynamodb.environ()
                | {
                    "OPENAI_BASE_URL": f"{gateway.url}/v1",
                    "OPENAI_ADMIN_KEY": ADMIN,
                    "OPENAI_API_KEY": "",
                }
            )


def test_the_tour_does_what_it_says(environ: dict[str, str], tmp_path: Path) -> None:
    shell = [text for kind, text in BLOCKS if kind == "bash"]
    assert len(shell) == 5
    # On the table of the environment, as one would on a deployment's.
    script = "\necho ===\n".join(shell).replace(" --local", "").replace("./dev", str(ROOT / "dev"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    created, spent, refused, looked_after, report = done.stdout.split("===\n")
    assert created == ""
    assert re.fullmatch(r"sk-gw-[a-z2-7]{16}-\S{43}", done.stderr.splitlines()[-1])
    assert list(tmp_path.iterdir()) == []
    assert "OPENAI_API_KEY" not in script  # later sections use the key of ./dev run
    assert spent.startswith("HTTP/1.1 200")
    assert "x-ratelimit-remaining-requests: 59" in spent
    assert "x-gateway-model: us.anthropic." in spent
    assert '"code":"insufficient_quota"' in refused
    assert "$0.002 limit per month" in refused
    assert "$20.00/month" in looked_after
    for word in ("Requests", "alice", "fast", "us.anthropic."):
        assert word in report


def test_the_tours_program_runs(environ: dict[str, str], tmp_path: Path) -> None:
    (program,) = [text for kind, text in BLOCKS if kind == "python"]
    url, headers = f"{environ['OPENAI_BASE_URL']}/chat/completions", {"authorization": f"Bearer {KEY}"}
    assert httpx.post(url, json=chat("hi"), headers=headers, timeout=30).status_code == 200
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    key, *lines = done.stdout.splitlines()
    assert key.startswith("sk-gw-")
    assert [line.split()[1:] for line in lines if " proj_default " in line] == [
        ["proj_default", f"{NOVA},", kind, cost] for kind, cost in (("input", "1.2e-07"), ("output", "9.6e-07"))
    ]
