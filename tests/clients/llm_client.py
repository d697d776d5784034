"""Simon Willison's llm: its command line with a model from `extra-openai-models.yaml`, and its Python API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tests.clients.checks import API_KEY, BASE_URL, CLAUDE, NOVA, check, main

FOLDER = Path.home() / "llm"
MODEL = """\
- model_id: {name}
  model_name: {model}
  api_base: {base}
  api_key_name: gateway
  supports_tools: true
  supports_schema: true
  vision: true
"""


class City(BaseModel):
    name: str
    country: str


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


def command(*arguments: str, text: str = "") -> str:
    line = [sys.executable, "-m", "llm", *arguments]
    return subprocess.run(line, input=text, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def model(name: str) -> Any:
    import llm  # type: ignore[import-not-found]

    return llm.get_model(name)


@check
def knows_the_models_of_its_file() -> None:
    listed = command("models")
    assert "claude" in listed
    assert "nova" in listed


@check
def answers_on_the_command_line() -> None:
    assert command("-m", "nova", "Hello") == "You said: Hello"
    assert command("-m", "nova", "--no-stream", "-s", "Be brief.", "Hello") == "You said: Hello"


@check
def goes_on_with_a_conversation() -> None:
    command("-m", "claude", "Hello")
    assert command("-c", "And now?") == "You said: And now?"


@check
def fills_a_schema_on_the_command_line() -> None:
    for name in ("claude", "nova"):
        answer = command("-m", name, "--schema", "name, country", "name: Paris, country: France")
        assert json.loads(answer) == {"name": "Paris", "country": "France"}


@check
def runs_a_function_on_the_command_line() -> None:
    source = 'def get_weather(city: str) -> str:\n    "The weather."\n    return "18 degrees in " + city\n'
    for name in ("claude", "nova"):
        answer = command("-m", name, "--functions", source, "What is the weather in Paris?")
        assert answer.endswith("The tool answered: 18 degrees in Paris")


@check
def streams_with_usage() -> None:
    response = model("nova").prompt("Hello", stream=True)
    assert "".join(response) == "You said: Hello"
    assert response.usage().output


@check
def runs_a_chain_with_tools() -> None:
    for name in ("claude", "nova"):
        chain = model(name).chain("What is the weather in Paris?", tools=[get_weather])
        assert chain.text().endswith("The tool answered: 18 degrees in Paris")


@check
def fills_a_model() -> None:
    for name in ("claude", "nova"):
        response = model(name).prompt("name: Paris, country: France", schema=City)
        assert City.model_validate_json(response.text()) == City(name="Paris", country="France")


FOLDER.mkdir()
names = {"claude": CLAUDE, "nova": NOVA}
entries = [MODEL.format(name=name, model=names[name], base=BASE_URL) for name in names]
(FOLDER / "extra-openai-models.yaml").write_text("".join(entries))
os.environ["LLM_USER_PATH"] = str(FOLDER)
command("keys", "set", "gateway", "--value", API_KEY)
main()
