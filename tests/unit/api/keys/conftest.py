from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.api.keys.serving import Admin, Gateway, Listed, asking


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(Listed("acme.rocket-v1:0", "acme.glider"))


@pytest.fixture
async def admin(gateway: Gateway) -> AsyncIterator[Admin]:
    async with asking(gateway) as admin:
        yield admin
