"""The canary runs from its own package: `app/__init__.py`, `app/canary` and Powertools, and starts fast."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.canary.fake import FakeGateway, said

ROOT = Path(__file__).parents[3]
CANARY = ROOT / "app" / "canary"
HEAVY = ("boto3", "botocore.session", "botocore.auth", "urllib3", "fastapi", "pydantic", "asyncio", "app.canary.deep")


@pytest.mark.parametrize("file", sorted(CANARY.glob("*.py")), ids=lambda file: file.name)
def test_nothing_of_the_rest_of_app_is_imported(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            assert not [name.name for name in node.names if name.name.split(".")[0] == "app"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "app":
            assert (node.module or "").startswith("app.canary") or [name.name for name in node.names] == ["__version__"]
            assert node.level == 0


def test_it_runs_staged_alone_and_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    shutil.copy(ROOT / "app" / "__init__.py", tmp_path / "app")
    shutil.copytree(CANARY, tmp_path / "app" / "canary", ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        "import sys\n"
        "from app.canary.handler import handler\n"
        "print(handler({}, None)['requests'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
        "import app.canary.deep, app.canary.prices\n"
        "print(app.canary.prices.price_of('x').input > 1, app.__file__)\n"
    )
    health = {"status": "ok", "version": "0.1.0"}
    with FakeGateway(lambda asked: said(health)) as gateway:
        ran = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={"PATH": "/usr/bin", "GATEWAY_URL": gateway.url, "WARM_INSTANCES": "2"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[1:] == ["2", "[]", f"True {tmp_path / 'app' / '__init__.py'}"]
