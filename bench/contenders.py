"""Who is measured: how each is started and asked. All get the same environment and the same emulator."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.wire import post

ROOT = Path(__file__).resolve().parent.parent
LITELLM_VENV = ROOT / ".bench" / "litellm-venv"
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
KEY = "sk-bench"

OURS, BARE, LITELLM, BOTO3 = "this gateway", "bare FastAPI + boto3", "LiteLLM proxy", "boto3, no server"


@dataclass(frozen=True, slots=True)
class Contender:
    """`command` has `{port}` where the port goes; `model` is what it calls the model."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    model: str = MODEL

    def ask(self, prompt: str, *, stream: bool) -> bytes:
        """The request bytes for one question."""
        messages = [{"role": "user", "content": prompt}]
        return post("/v1/chat/completions", {"model": self.model, "messages": messages, "stream": stream}, KEY)


def aws_environment(endpoint: str) -> dict[str, str]:
    """What any AWS client needs to talk to the emulator, and nothing of the caller's own AWS configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "LITELLM_"))}
    return kept | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "API_KEY": KEY,
        "PYTHONUNBUFFERED": "1",
    }


def contenders(endpoint: str, folder: Path) -> list[Contender]:
    """All that are installed; `folder` takes their configuration files."""
    environ = aws_environment(endpoint)
    found = [
        Contender(OURS, (sys.executable, "-m", "app.serve", "--host", "127.0.0.1"), environ),
        Contender(BARE, (sys.executable, "-m", "bench.bare"), environ),
    ]
    if (LITELLM_VENV / "bin" / "litellm").exists():
        found.append(_litellm(environ, endpoint, folder))
    return found


def _litellm(environ: Mapping[str, str], endpoint: str, folder: Path) -> Contender:
    """One worker, no database, telemetry off, its price list not fetched: as fast as it gets."""
    parameters = {"model": f"bedrock/converse/{MODEL}", "aws_bedrock_runtime_endpoint": endpoint}
    parameters |= {"aws_region_name": "us-east-1"}
    config = {
        "model_list": [{"model_name": "claude", "litellm_params": parameters}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False},
    }
    path = folder / "litellm.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "DISABLE_ADMIN_UI": "True"}
    program = str(LITELLM_VENV / "bin" / "litellm")
    command = (program, "--config", str(path), "--host", "127.0.0.1", "--num_workers", "1", "--port", "{port}")
    return Contender(LITELLM, command, {**environ, **quiet}, "claude")
