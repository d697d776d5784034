"""An exception raised on the way to Bedrock, as one of the gateway's errors. By name: most of these classes cost an import."""

from __future__ import annotations

from app.errors import GatewayError, Internal, UpstreamFailure
from app.upstreams.errors import HIDDEN

# ClientError is STS's or SSO's, on the way to credentials: what Bedrock itself answers is read by `refusals`.
_NO_CREDENTIALS = frozenset(
    [
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "TokenRetrievalError",
        "NoAuthTokenError",
        "ClientError",
    ]
)
_UNREACHABLE = frozenset(
    [
        "NewConnectionError",
        "ConnectTimeoutError",
        "EndpointConnectionError",
        "NameResolutionError",
        "ProxyConnectionError",
        "ProxyError",
        "SSLError",
    ]
)


def from_exception(problem: BaseException) -> GatewayError:
    """The gateway's error for an exception of urllib3, http.client, ssl or botocore, raised on the way to Bedrock."""
    if isinstance(problem, GatewayError):
        return problem
    names = {kind.__name__ for kind in type(problem).__mro__}
    if names & _NO_CREDENTIALS:
        return UpstreamFailure(
            "The gateway has no AWS credentials.", status=500, code="upstream_auth", should_retry=False
        )
    if names & _UNREACHABLE:
        return UpstreamFailure("Bedrock can't be reached.", status=503, code="upstream_unreachable", retry_after=1.0)
    if names & {"ReadTimeoutError", "TimeoutError"}:
        return UpstreamFailure(
            "Bedrock did not answer in time.", status=504, code="upstream_timeout", should_retry=False
        )
    if names & {"BrokenStream"}:
        return UpstreamFailure("Bedrock's stream was damaged on its way.", code="upstream_broken_stream")
    if names & {"HTTPError", "HTTPException", "HTTPClientError", "OSError", "Aborted"}:
        return UpstreamFailure("The connection to Bedrock broke off.", code="upstream_disconnected")
    if names & {"BotoCoreError"}:
        return UpstreamFailure(HIDDEN["upstream_config"], status=500, code="upstream_config", should_retry=False)
    return Internal("The gateway failed while talking to Bedrock.")
