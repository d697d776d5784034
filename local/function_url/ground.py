"""What all environments of one function share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.function_url.layout import Layout
from local.function_url.logs import Log
from local.function_url.processes import Guard
from local.function_url.settings import Settings

HANDLER = "run.sh"


@dataclass(frozen=True, slots=True)
class Ground:
    """`variables` are the function's own, as in the template; `work` is the folder for all that is written."""

    settings: Settings
    layout: Layout
    work: Path
    guard: Guard
    log: Log
    variables: Mapping[str, str]


def arn_of(settings: Settings) -> str:
    return f"arn:aws:lambda:{settings.region}:123456789012:function:{settings.name}"


def lambda_variables(settings: Settings, layout: Layout) -> dict[str, str]:
    """What Lambda sets by itself (AWS's page on environment variables, 2026-11), as far as it is the same for all."""
    return {
        "_HANDLER": HANDLER,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{layout.runtime}",
        "AWS_LAMBDA_EXEC_WRAPPER": layout.bootstrap,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory),
        "AWS_LAMBDA_FUNCTION_NAME": settings.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{settings.name}",
        "AWS_REGION": settings.region,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LANG": "en_US.UTF-8",
        "SHLVL": "0",
        "TZ": ":UTC",
        **layout.variables,
    }
