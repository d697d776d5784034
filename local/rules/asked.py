"""A request laid out for the rules: the model's facts, and the parts of the body that most rules read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.models import ModelFacts

Block = dict[str, Any]

_MODEL_SAYS = "The model returned the following errors: "


@dataclass(frozen=True, slots=True)
class Asked:
    """`fields` are the additionalModelRequestFields, `inference` the inferenceConfig; absent parts are empty."""

    facts: ModelFacts
    body: dict[str, Any]
    streaming: bool
    messages: list[Block]
    inference: dict[str, Any]
    fields: dict[str, Any]

    @classmethod
    def of(cls, facts: ModelFacts, body: dict[str, Any], streaming: bool) -> "Asked":
        """Lays out a body."""
        fields = body.get("additionalModelRequestFields")
        return cls(
            facts,
            body,
            streaming,
            body.get("messages") or [],
            body.get("inferenceConfig") or {},
            fields if isinstance(fields, dict) else {},
        )

    def blocks(self) -> Iterator[tuple[str, str, Block]]:
        """Every content block of the messages, with its path (`messages.0.content.1`) and its role."""
        for number, message in enumerate(self.messages):
            for index, block in enumerate(message["content"]):
                yield f"messages.{number}.content.{index}", message["role"], block

    def native(self, name: str) -> dict[str, Any]:
        """A member of `fields` that is an object; empty otherwise."""
        value = self.fields.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def tools(self) -> list[Block]:
        """The entries of toolConfig.tools."""
        return (self.body.get("toolConfig") or {}).get("tools") or []

    @property
    def thinks(self) -> bool:
        """Whether the request itself turns Claude's thinking on."""
        return self.native("thinking").get("type") in ("enabled", "adaptive")


def model_says(text: str) -> str:
    """A text that the model's side words, as Converse passes it on."""
    return _MODEL_SAYS + text


def unsupported(field: str, where: str = "") -> str:
    """AWS's text for a field that a model does not take; `where` narrows it, as in `for assistant messages`."""
    return f"This model doesn't support the {field} field{' ' * bool(where)}{where}. Remove {field} and try again."
