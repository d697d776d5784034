"""What the emulator was asked, and what became of its answers."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.emulator.messages import Delivery


@dataclass(slots=True)
class Recorded:
    """One request. `body` is the parsed JSON, None without one; `delivery` tells how the answer ended."""

    method: str
    path: str
    operation: str
    model_id: str | None
    headers: Mapping[str, str]
    body: Any
    status: int = 0
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def hung_up(self) -> bool:
        """Whether the client left before the answer was complete."""
        return self.delivery.hung_up

    @property
    def events(self) -> int:
        """How many stream events were written."""
        return self.delivery.events

    def wait(self, timeout: float = 5.0) -> bool:
        """Blocks until the answer is complete, cut or abandoned; False when that takes longer than `timeout`."""
        return self.delivery.ended.wait(timeout)

    def as_json(self) -> dict[str, Any]:
        """The form in which `/_emulator/requests` lists it; credentials are left out."""
        headers = {name: value for name, value in self.headers.items() if name != "authorization"}
        return {
            "method": self.method,
            "path": self.path,
            "operation": self.operation,
            "modelId": self.model_id,
            "headers": headers,
            "body": self.body,
            "status": self.status,
            "events": self.events,
            "hungUp": self.hung_up,
            "ended": self.delivery.ended.is_set(),
        }


class Journal:
    """The last `limit` requests."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: deque[Recorded] = deque(maxlen=limit)

    def add(self, entry: Recorded) -> None:
        """Remembers a request, and forgets the oldest when there are too many."""
        if self._limit:
            self._entries.append(entry)

    def entries(self) -> list[Recorded]:
        """Oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Forgets all."""
        self._entries.clear()
