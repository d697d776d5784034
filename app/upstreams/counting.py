"""CountTokens: the very request that Converse would get, counted and not answered.

AWS documents it for the ids of foundation models, without the prefix of a profile (2026-11).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic_core import from_json, to_json

from app.core.plan import Plan
from app.core.ports import Call
from app.errors import UpstreamFailure
from app.upstreams.converse.request import to_body
from app.upstreams.exchange import Exchange
from app.upstreams.failures import from_exception
from app.upstreams.refusals import refusal
from app.upstreams.threads import in_thread

if TYPE_CHECKING:
    from app.upstreams.http import Endpoint  # urllib3 is loaded when a request, or the warm-up, needs it

COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")
_HEADERS = {"content-type": "application/json", "accept": "application/json"}


def to_count_path(plan: Plan) -> str:
    return f"/model/{quote(plan.target.base_id, safe='')}/count-tokens"


def to_count_body(plan: Plan) -> dict[str, Any]:
    """The members of a Converse request that are counted."""
    body, _ = to_body(plan)
    return {"input": {"converse": {name: body[name] for name in COUNTED if name in body}}}


class ConverseCounter:
    """`endpoint` gives the signed endpoint of a region (empty: the usual), when first needed."""

    def __init__(self, endpoint: Callable[[str], Endpoint], executor: Executor) -> None:
        self._endpoint = endpoint
        self._executor = executor

    async def count(self, plan: Plan, call: Call) -> int:
        """Input tokens. Raises GatewayError."""
        exchange = Exchange()
        return await in_thread(lambda: self._post(plan, exchange), exchange, self._executor)

    def _post(self, plan: Plan, exchange: Exchange) -> int:
        try:
            endpoint, body = self._endpoint(plan.target.region), to_json(to_count_body(plan))
            response = endpoint.post(to_count_path(plan), body, dict(_HEADERS), exchange)
            data = response.read()
            exchange.detach()
            response.release_conn()
            if response.status != 200:
                raise refusal(response.status, response.headers, data)
            return _told(data)
        except Exception as problem:
            raise from_exception(problem) from problem


def _told(data: bytes) -> int:
    try:
        value = from_json(data)
    except ValueError:
        value = None
    tokens = value.get("inputTokens") if isinstance(value, dict) else None
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        raise UpstreamFailure("Bedrock answered with something that is no count.", code="upstream_bad_answer")
    return tokens
