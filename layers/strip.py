"""Removes from a staged build what a Lambda never reads. `strip.py BUILD`.

Every rule is tried by tests/deploy/test_package.py, which runs the gateway and makes all its clients from the stripped
trees. A rule that no longer finds anything is an error: the package has changed, and its rule needs a look.
"""

from __future__ import annotations

import filecmp
import json
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

SERVICES = ("bedrock", "bedrock-runtime", "dynamodb", "s3", "secretsmanager", "ssm", "sts")
"""What the gateway and the canary make clients for, and `sts`, which botocore uses to assume roles. Single sign-on and
logins by browser need a person's home directory."""

EVERYWHERE = ("*.pyi", "*.pyx", "*.pxd", "py.typed", "__pycache__", ".DS_Store")
"""For type checkers and C compilers, and what this machine left behind."""

SLIM = (
    "bin",
    "aws_lambda_powertools/event_handler",  # the metrics are all that is used
    "aws_lambda_powertools/utilities/[!_jst]*",  # __init__, jmespath_utils, serialization and typing stay
    "aws_lambda_powertools/utilities/streaming",
    "anyio/_backends/_trio.py",
    "anyio/pytest_plugin.py",
    "boto3/data",  # of boto3.resource(); the gateway makes clients only
    "boto3/ec2",
    "boto3/examples",
    "click/_winconsole.py",
    "click/testing.py",
    "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz",  # for systems without time zones
    "fastapi/.agents",
    "fastapi/testclient.py",
    "pydantic/mypy.py",
    "pydantic/v1",  # FastAPI asks for it, and takes no for an answer
    "starlette/testclient.py",
    "uvicorn/workers.py",
)

CANARY = ("bin",)
"""Its packages are the slim layer's own, byte for byte, and go with `shared`."""

KEPT_METADATA = {"opentelemetry_api": ("METADATA", "entry_points.txt")}
"""Of all packages only OpenTelemetry looks itself up (`entry_points`), and only where OTEL_* variables name a part."""

DATA = ("service-2.json.gz", "service-2.sdk-extras.json", "endpoint-rule-set-1.json.gz", "paginators-1.json",
        "paginators-1.sdk-extras.json", "waiters-2.json")  # fmt: skip


def main(build: str) -> int:
    slim, canary = Path(build, "layers/slim/python"), Path(build, "canary")
    for tree in (Path(build, "function"), Path(build, "layers/embeddings"), slim, canary):
        everywhere(tree)
    shared(canary, slim)
    for tree in (slim, canary):
        metadata(tree)
    for tree, rules in ((slim, SLIM), (canary, CANARY)):
        for rule in rules:
            found = sorted(tree.glob(rule))
            if not found:
                raise SystemExit(f"strip: {tree} has no {rule}; is the rule out of date?")
            for path in found:
                remove(path)
    services(slim / "botocore" / "data")
    endpoints(slim / "botocore" / "data" / "endpoints.json")
    return 0


def everywhere(tree: Path) -> None:
    for path in sorted(tree.rglob("*")):
        if any(fnmatch(path.name, pattern) for pattern in EVERYWHERE):
            remove(path)


def shared(canary: Path, slim: Path) -> None:
    """Remove from the canary's package what the slim layer, which its function has as well, holds byte for byte."""
    for path in sorted(canary.iterdir()):
        if path.name not in ("app", "bin") and same(path, slim / path.name):
            remove(path)


def same(left: Path, right: Path) -> bool:
    if left.is_dir():
        names = {path.name for path in left.iterdir()}
        return (
            right.is_dir()
            and names == {path.name for path in right.iterdir()}
            and all(same(left / name, right / name) for name in names)
        )
    return right.is_file() and filecmp.cmp(left, right, shallow=False)


def metadata(tree: Path) -> None:
    for folder in sorted(tree.glob("*.dist-info")):
        kept = KEPT_METADATA.get(folder.name.split("-", 1)[0], ())
        for path in sorted(folder.iterdir()):
            if path.name not in kept:
                remove(path)
        if not kept:
            folder.rmdir()


def services(data: Path) -> None:
    """Keep the newest API version of the services in use, and of that what clients read; not the examples."""
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        if folder.name not in SERVICES:
            remove(folder)
    for service in SERVICES:
        if not (data / service).is_dir():
            raise SystemExit(f"strip: botocore has no data for {service}")
        newest = max(path for path in (data / service).iterdir() if (path / "service-2.json.gz").exists())
        for version in (data / service).iterdir():
            if version != newest:
                remove(version)
        for path in sorted(newest.iterdir()):
            if path.name not in DATA:
                remove(path)


def endpoints(path: Path) -> None:
    """Drop the rows of other services: 1.2 MB of JSON, which is half the time that the first client takes (2026-11)."""
    table = json.loads(path.read_text(encoding="utf-8"))
    for partition in table["partitions"]:
        rows = partition["services"]
        partition["services"] = {name: rows[name] for name in rows if name in SERVICES}
    path.write_text(json.dumps(table, separators=(",", ":")), encoding="utf-8")


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():  # not with its folder already
        path.unlink()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
