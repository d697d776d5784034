"""Takes a request to the operation it asks for, and everything that can go wrong on the way there."""

import json
import logging
import re
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import unquote

from local.emulator.call import Call, State
from local.emulator.control_api import ControlApi
from local.emulator.control_plane import CONTROL_OPERATIONS
from local.emulator.converse import converse, converse_stream
from local.emulator.count_tokens import count_tokens
from local.emulator.errors import AwsError, Invalid, error_reply
from local.emulator.guardrail import apply_guardrail
from local.emulator.invoke import invoke_model, invoke_model_stream
from local.emulator.messages import Reply, Request
from local.emulator.record import Journal, Recorded
from local.emulator.script import Scripts
from local.emulator.service_model import CONTROL, RUNTIME, Route, routes
from local.emulator.settings import Settings
from local.emulator.shapes import check_body, check_label
from local.rules import violations

_log = logging.getLogger(__name__)
_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/")
_DEFAULT_REGION = "us-east-1"
_SEMANTIC = {"Converse": False, "ConverseStream": True}

Operation = Callable[[Call, State], Reply]

RUNTIME_OPERATIONS: dict[str, Operation] = {
    "ApplyGuardrail": apply_guardrail,
    "Converse": converse,
    "ConverseStream": converse_stream,
    "CountTokens": count_tokens,
    "InvokeModel": invoke_model,
    "InvokeModelWithResponseStream": invoke_model_stream,
}


class Service:
    """Both services and the control API, as one function from request to reply."""

    def __init__(self, settings: Settings) -> None:
        self.state = State(settings, Random(settings.seed))
        self.journal = Journal(settings.record)
        self.scripts = Scripts()
        self._control_api = ControlApi(self.journal, self.scripts, self.reset)
        # Reading the model of a service takes a few milliseconds; that of the control plane waits until it is needed.
        routes(RUNTIME)

    def reset(self) -> None:
        """Forgets requests, scripts, caches and failures."""
        self.journal.clear()
        self.scripts.clear()
        self.state.reset()

    def answer(self, request: Request) -> Reply:
        """The reply to any request; never raises."""
        record = Recorded(request.method, request.path, "", None, request.headers, None)
        try:
            if request.path.startswith("/_emulator/"):
                return self._control_api.answer(request)
            reply = self._dispatch(request, record)
        except AwsError as error:
            reply = error_reply(error)
        except Exception:  # noqa: BLE001 - a fault of the emulator must look like one of AWS, not end the connection
            _log.exception("the emulator failed on %s %s", request.method, request.path)
            reply = error_reply(AwsError("InternalServerException"))
        record.status, record.delivery = reply.status, reply.delivery
        self.journal.add(record)
        return reply

    def _dispatch(self, request: Request, record: Recorded) -> Reply:
        route, labels = find_route(request)
        record.operation, record.model_id = route.operation, labels.get("modelId")
        authorization = request.headers.get("authorization")
        if not authorization:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")
        is_invoke = route.operation.startswith("InvokeModel")
        body = record.body = _parse(request.body, native=is_invoke)
        scripted = self.scripts.take(route.operation)
        if scripted is not None:
            return scripted
        credential = _CREDENTIAL.search(authorization)
        region = credential[1] if credential else _DEFAULT_REGION
        call = Call(route.operation, labels, request.query, request.headers, body, request.body, region)
        if self.state.settings.validate:
            _validate(route, call)
        operations = RUNTIME_OPERATIONS if route.service == RUNTIME else CONTROL_OPERATIONS
        return operations[route.operation](call, self.state)


def find_route(request: Request) -> tuple[Route, dict[str, str]]:
    """The operation of a request and its path labels, unquoted once; UnknownOperationException for none."""
    for service, operations in ((RUNTIME, RUNTIME_OPERATIONS), (CONTROL, CONTROL_OPERATIONS)):
        for route in routes(service):
            if route.operation in operations and route.method == request.method:
                match = route.pattern.fullmatch(request.path)
                if match:
                    values = (unquote(value) for value in match.groups())
                    return route, dict(zip(route.labels, values, strict=True))
    raise AwsError("UnknownOperationException", "The requested operation is not recognized by the service.")


def _parse(raw: bytes, native: bool) -> Any:
    """JSON of a body, `{}` for an empty one; a `native` body may be anything, and is None when it is no JSON."""
    if not raw and not native:
        return {}
    try:
        return json.loads(raw)
    except ValueError as error:
        if native:
            return None
        raise AwsError("SerializationException", "Unexpected character or end of input in the JSON body") from error


def _validate(route: Route, call: Call) -> None:
    """The service model first, as AWS does; then the rules that the model's own side enforces."""
    for label, value in call.labels.items():
        check_label(route.service, route.input_shape, label, value)
    if route.method == "GET" or route.operation.startswith("InvokeModel"):
        return
    check_body(route.service, route.input_shape, call.body)
    if route.operation in _SEMANTIC:
        call.target()
        broken = violations(call.model_id, call.body, streaming=_SEMANTIC[route.operation])
        if broken:
            raise Invalid(broken[0])
