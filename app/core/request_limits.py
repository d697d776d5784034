"""Limits of a request's parts, checked before anything is made of them. Pure.

The work for a request grows with the number of its parts, and 24 MB of JSON hold millions of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.prompt import Prompt
from app.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """`messages` also limits the input items of a response; `schema_nodes` the objects and arrays of all schemas together."""

    messages: int = 20_000
    tools: int = 1_024
    schema_nodes: int = 50_000

    def check_length(self, body: Any, param: str, *, tools: bool = False) -> None:
        """Raises InvalidRequest where the list under `param` is too long. Types are for the schemas to check."""
        listed = body.get(param) if isinstance(body, Mapping) else None
        limit = self.tools if tools else self.messages
        if isinstance(listed, list) and len(listed) > limit:
            raise InvalidRequest(
                f"{param} may have at most {limit} entries, and has {len(listed)}.", param=param, code="invalid_value"
            )

    def check_lengths(self, body: Any, messages: str, *tools: str) -> None:
        """As `check_length`, for all the lists of a request."""
        self.check_length(body, messages)
        for param in tools:
            self.check_length(body, param, tools=True)

    def check_schemas(self, prompt: Prompt, format_param: str) -> None:
        """Raises InvalidRequest where the schemas of tools and answer have too many objects and arrays.

        `format_param`: where a client of this API puts the schema of the answer.
        """
        left = self.schema_nodes
        wanted = prompt.response_format
        schemas = [(format_param, wanted.schema)] if wanted is not None else []
        for param, schema in (*schemas, *(("tools", tool.schema) for tool in prompt.tools)):
            todo = [schema]
            while todo:
                node = todo.pop()
                if not isinstance(node, Mapping | list):
                    continue
                left -= 1
                if left < 0:
                    raise InvalidRequest(
                        f"The schemas of a request may have at most {self.schema_nodes} objects and arrays in all.",
                        param=param,
                        code="invalid_value",
                    )
                todo.extend(node.values() if isinstance(node, Mapping) else node)


USUAL_LIMITS = RequestLimits()
