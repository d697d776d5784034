"""What the handlers of this endpoint work with, put together by the first request."""

from __future__ import annotations

from app.api.responses.background import Background
from app.api.responses.keeping import Keeping
from app.api.responses.state import State
from app.errors import InvalidRequest
from app.gateway import Gateway
from app.web.endpoint import Door


class Desk:
    def __init__(self, gateway: Gateway, door: Door, keeping: Keeping) -> None:
        store = keeping.store() if keeping.store else None
        self.gateway = gateway
        self.door = door
        self.state = State(store, keeping.clock, keeping.limits)
        self.jobs: Background | None = None
        if store is not None and (keeping.invoke is not None or not keeping.elsewhere):
            self.jobs = Background(gateway, self.state, store, keeping)

    @property
    def background(self) -> Background:
        """Raises InvalidRequest where nothing can be made in the background."""
        if self.jobs is None:
            raise InvalidRequest(
                "This gateway can't make responses in the background: on Lambda that takes a table (TABLE_NAME).",
                param="background",
                code="unsupported_parameter",
            )
        return self.jobs

    async def finish(self) -> None:
        if self.jobs is not None:
            await self.jobs.finish()
