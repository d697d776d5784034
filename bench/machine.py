"""Where and with what a run was made."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.contenders import LITELLM_VENV

_PACKAGES = ("boto3", "fastapi", "starlette", "uvicorn", "httptools", "pydantic", "urllib3")


def describe() -> str:
    """One line: processor, cores, kernel, date, versions."""
    cpu = next((value for name, value in _cpu_fields() if name == "model name"), platform.machine())
    number = next((value for name, value in _cpu_fields() if name == "model"), "?")
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)]
    litellm = _litellm_version()
    versions += [f"litellm {litellm} (in its own environment)"] if litellm else []
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"{cpu} (model {number}), {os.cpu_count()} cores, Linux {platform.release()}; {today}; {', '.join(versions)}"


def _cpu_fields() -> list[tuple[str, str]]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def _litellm_version() -> str:
    python = LITELLM_VENV / "bin" / "python"
    if not python.exists():
        return ""
    code = "from importlib.metadata import version; print(version('litellm'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
