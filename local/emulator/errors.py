"""Errors as Bedrock puts them on the wire: status, `x-amzn-ErrorType`, a JSON message and a request id."""

import json
from typing import Any
from uuid import uuid4

from local.emulator.messages import Reply, Step

STATUS = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "ExpiredTokenException": 403,
    "InternalServerException": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "SerializationException": 400,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}

MESSAGE = {
    "AccessDeniedException": "You don't have access to the model with the specified model ID.",
    "ExpiredTokenException": "The security token included in the request is expired",
    "InternalServerException": "The system encountered an unexpected error during processing. Try your request again.",
    "ModelErrorException": "The system encountered an unexpected error during processing. Try your request again.",
    "ModelNotReadyException": "Model is not ready for inference. Wait and try your request again.",
    "ModelStreamErrorException": "The model stream ended with an error. Try your request again.",
    "ModelTimeoutException": "Model has timed out in processing the request. Try your request again.",
    "ResourceNotFoundException": "Could not resolve the foundation model from the provided model identifier.",
    "ServiceQuotaExceededException": "Your request exceeds the service quota for your account.",
    "ServiceUnavailableException": "Bedrock is unable to process your request.",
    "ThrottlingException": "Too many requests, please wait before trying again.",
    "UnrecognizedClientException": "The security token included in the request is invalid.",
    "ValidationException": "The request is not valid.",
}


class AwsError(Exception):
    """A refusal; `code` is AWS's error name, `extra` are modelled members besides the message."""

    def __init__(self, code: str, message: str | None = None, **extra: Any) -> None:
        super().__init__(message or MESSAGE.get(code, code))
        self.code = code
        self.message = str(self)
        self.extra = extra

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code; 500 for a code that AWS does not have."""
        return STATUS.get(self.code, 500)


class Invalid(AwsError):
    """A ValidationException."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


def error_reply(error: AwsError) -> Reply:
    """The reply that botocore turns into a ClientError with this code."""
    body = json.dumps({"message": error.message, **error.extra}).encode()
    return whole_reply(error.status, body, {"x-amzn-ErrorType": error.code})


def json_reply(document: Any, headers: dict[str, str] | None = None) -> Reply:
    """A 200 with a JSON body."""
    return whole_reply(200, json.dumps(document).encode(), headers or {})


def whole_reply(status: int, body: bytes, headers: dict[str, str], wait: float = 0.0) -> Reply:
    """A reply of one body, sent after `wait` seconds."""
    return Reply(status, {**standard_headers(), **headers}, iter((Step(body, wait),)))


def standard_headers(content_type: str = "application/json") -> dict[str, str]:
    """The headers of every reply; the request id is new each time."""
    return {"x-amzn-RequestId": str(uuid4()), "Content-Type": content_type}
