"""The AWS SDK, imported where it is first needed: it takes as long as all the rest of the canary."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from app.canary.errors import Unavailable

T = TypeVar("T")


@cache
def session() -> Any:
    """botocore's session: boto3 adds nothing that is used here."""
    import botocore.session

    return botocore.session.get_session()


def client(service: str, region: str, attempts: int = 3) -> Any:
    """A client for one service; `attempts` counts the first one. The region is named, as botocore would only look into
    AWS_DEFAULT_REGION for it; blank leaves it to botocore."""
    from botocore.config import Config

    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": attempts})
    return session().create_client(service, region_name=region or None, config=config)


def call(operation: str, act: Callable[[], T], *, expected: str = "") -> T | None:
    """What `act` gives; None where AWS answers with the error code `expected`. Raises Unavailable.

    Only the operation and the error's code are told: the SDK's messages name accounts, ARNs and tables.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return act()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "ClientError"))
        if expected and code == expected:
            return None
        raise Unavailable(f"{operation}: {code}") from None
    except BotoCoreError as error:
        raise Unavailable(f"{operation}: {type(error).__name__}") from None
