"""AWS's own description of the two services, read from the files that botocore ships, without botocore's code."""

import gzip
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

RUNTIME = "bedrock-runtime"
CONTROL = "bedrock"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its method, its path as a pattern with one group per label, and its input shape's name."""

    operation: str
    service: str
    method: str
    pattern: re.Pattern[str]
    labels: tuple[str, ...]
    input_shape: str


@cache
def service_model(service: str) -> dict[str, Any]:
    """The newest `service-2` document of a service."""
    versions = files("botocore") / "data" / service
    newest = max((entry for entry in versions.iterdir() if entry.is_dir()), key=lambda entry: entry.name)
    packed = newest / "service-2.json.gz"
    raw = gzip.decompress(packed.read_bytes()) if packed.is_file() else (newest / "service-2.json").read_bytes()
    model: dict[str, Any] = json.loads(raw)
    return model


@cache
def routes(service: str) -> tuple[Route, ...]:
    """Every operation of a service."""
    return tuple(_route(service, name, operation) for name, operation in service_model(service)["operations"].items())


def _route(service: str, name: str, operation: dict[str, Any]) -> Route:
    uri = operation["http"]["requestUri"].partition("?")[0]
    labels = tuple(re.findall(r"\{(\w+)\}", uri))
    pattern = re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(uri)) + "/?")
    return Route(
        name, service, operation["http"]["method"], pattern, labels, operation.get("input", {}).get("shape", "")
    )
