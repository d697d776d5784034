"""instructor: each of its modes, and its second try after a validation error."""

from __future__ import annotations

from typing import Any

import instructor  # type: ignore[import-not-found]
import openai
from pydantic import BaseModel, field_validator

from tests.clients.checks import CLAUDE, NOVA, check, main

QUESTION: Any = [{"role": "user", "content": "name: Paris, country: France"}]
PARIS = {"name": "Paris", "country": "France"}
tries: list[str] = []


class City(BaseModel):
    """A city."""

    name: str
    country: str


class Doubted(BaseModel):
    """An answer that is not believed at first."""

    name: str

    @field_validator("name")
    @classmethod
    def _at_second_sight(cls, value: str) -> str:
        tries.append(value)
        if len(tries) == 1:
            raise ValueError("Think again.")
        return value


def extract(mode: str, model: str, kind: Any = City, **more: Any) -> Any:
    client = instructor.from_openai(openai.OpenAI(max_retries=0, timeout=20), mode=getattr(instructor.Mode, mode))
    return client.chat.completions.create(model=model, messages=QUESTION, response_model=kind, **more)


def _mode(mode: str, *models: str) -> None:
    for model in models:
        assert extract(mode, model).model_dump() == PARIS, model


@check
def extracts_by_tools() -> None:
    _mode("TOOLS", CLAUDE, NOVA)


@check
def extracts_by_strict_tools() -> None:
    _mode("TOOLS_STRICT", CLAUDE, NOVA)


@check
def extracts_by_json_schema() -> None:
    _mode("JSON_SCHEMA", CLAUDE, NOVA)


@check
def extracts_by_json() -> None:
    _mode("JSON", CLAUDE, NOVA)


@check
def extracts_by_json_in_markdown() -> None:
    _mode("MD_JSON", CLAUDE, NOVA)


@check
def asks_again_after_a_validation_error() -> None:
    for mode in ("TOOLS", "JSON_SCHEMA"):
        tries.clear()
        assert extract(mode, NOVA, Doubted, max_retries=2).name
        assert len(tries) == 2


@check
def streams_a_partial_object() -> None:
    client = instructor.from_openai(openai.OpenAI(max_retries=0, timeout=20))
    for model in (CLAUDE, NOVA):
        parts = list(client.chat.completions.create_partial(model=model, messages=QUESTION, response_model=City))
        assert parts[-1].name == "Paris"
        assert parts[-1].country == "France"


@check
def streams_a_list_of_objects() -> None:
    client = instructor.from_openai(openai.OpenAI(max_retries=0, timeout=20))
    # instructor leaves `tasks` optional, and the emulated model fills what is optional only when the prompt names it.
    question: Any = [{"role": "user", "content": "The tasks: name: Paris, country: France"}]
    cities = list(client.chat.completions.create_iterable(model=NOVA, messages=question, response_model=City))
    assert [city.model_dump() for city in cities] == [PARIS]


main()
