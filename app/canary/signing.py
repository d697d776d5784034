"""SigV4 for a Function URL with AuthType AWS_IAM: service `lambda`, the role of the canary."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from app.canary import aws
from app.canary.errors import Misconfigured

_FUNCTION_URL = re.compile(r"[^.]+\.lambda-url\.([a-z0-9-]+)\.on\.aws")


class Signer:
    """Signs with the credentials of the moment. Makes no call: on Lambda they are in the environment."""

    def __init__(self, url: str, region: str) -> None:
        match = _FUNCTION_URL.fullmatch(urlsplit(url).hostname or "")
        self._region = match[1] if match else region
        if not self._region:
            raise Misconfigured("GATEWAY_AUTH is AWS_IAM, but neither GATEWAY_URL nor AWS_REGION names a region")
        credentials = aws.session().get_credentials()
        if credentials is None:
            raise Misconfigured("GATEWAY_AUTH is AWS_IAM, but there are no AWS credentials")
        self._credentials: Any = credentials.get_frozen_credentials()

    def headers(self, method: str, url: str, body: bytes) -> dict[str, str]:
        """`Authorization` and what belongs to it. Signed are host, date and body; the other headers may be changed."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method=method, url=url, data=body)
        SigV4Auth(self._credentials, "lambda", self._region).add_auth(request)
        return dict(request.headers.items())
