"""What `/models` sends: OpenAI's model object, with what clients otherwise have to guess."""

from __future__ import annotations

from typing import Literal, TypedDict


class ModelBody(TypedDict, total=False):
    """One model. The first four are OpenAI's and always there; the others only where they are known.

    `created`: epoch seconds. `context_window`, `max_output_tokens`: tokens. `kind`: foundation, profile,
    application-profile, provisioned, imported, custom, router, marketplace or alias. `lifecycle`: `legacy` where AWS says
    so, or where `end_of_life` (a day, `2026-11-30`) has passed.
    """

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    name: str
    kind: str
    context_window: int
    max_output_tokens: int
    input_modalities: list[str]
    output_modalities: list[str]
    capabilities: list[str]
    lifecycle: Literal["legacy"]
    end_of_life: str


class ModelListBody(TypedDict):
    """`GET /models`: never paginated."""

    object: Literal["list"]
    data: list[ModelBody]
