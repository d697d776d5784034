"""InvokeModel: a body of the model's own to the model, off the event loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.errors import UpstreamFailure
from app.upstreams.exchange import Exchange
from app.upstreams.failures import from_exception
from app.upstreams.refusals import refusal
from app.upstreams.threads import in_thread

if TYPE_CHECKING:
    from app.upstreams.http import Endpoint  # urllib3 is loaded when a request, or the warm-up, needs it


METADATA_HEADER = "x-amzn-bedrock-request-metadata"
"""A JSON object of up to 8500 characters; botocore 1.44.5's service model of InvokeModel (2026-11)."""


class InvokeClient:
    """`invoke(model_id, body, region, metadata)` gives the answer's bytes and lower-case headers; raises GatewayError.

    `region` is empty for the gateway's own. `metadata` is recorded in AWS's invocation logs, as Converse's is. One quick
    second try where the first never got anywhere: an embedding has no side effects and costs little.
    """

    def __init__(self, endpoint: Callable[[str], Endpoint], executor: Executor) -> None:
        self._endpoint = endpoint
        self._executor = executor

    async def invoke(
        self, model_id: str, body: bytes, region: str = "", metadata: Mapping[str, str] | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        headers = {"content-type": "application/json", "accept": "application/json"}
        if metadata:
            headers[METADATA_HEADER] = json.dumps(metadata)
        try:
            return await self._once(model_id, body, region, headers)
        except UpstreamFailure as problem:
            if not problem.passing:
                raise
            return await self._once(model_id, body, region, headers)

    async def _once(
        self, model_id: str, body: bytes, region: str, headers: Mapping[str, str]
    ) -> tuple[bytes, Mapping[str, str]]:
        exchange = Exchange()
        return await in_thread(lambda: self._post(model_id, body, region, headers, exchange), exchange, self._executor)

    def _post(
        self, model_id: str, body: bytes, region: str, headers: Mapping[str, str], exchange: Exchange
    ) -> tuple[bytes, Mapping[str, str]]:
        path = f"/model/{quote(model_id, safe='')}/invoke"
        try:
            response = self._endpoint(region).post(path, body, dict(headers), exchange)
            data = response.read()
            exchange.detach()
            response.release_conn()
        except Exception as problem:
            raise from_exception(problem) from problem
        if response.status != 200:
            raise refusal(response.status, response.headers, data)
        return data, {name.lower(): value for name, value in response.headers.items()}
