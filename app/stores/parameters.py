"""Settings that are kept in an SSM parameter instead of the environment."""

from __future__ import annotations

from app.stores.secrets import Client, Unavailable, region_of


def parameter(name: str, client: Client) -> str:
    """The text of a parameter, by its name or ARN. Blocks. Raises Unavailable, whose text is safe to log."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client("ssm", region_of(name)).get_parameter(Name=name, WithDecryption=True)
    except ClientError as error:
        raise Unavailable(f"GetParameter: {error.response.get('Error', {}).get('Code', 'ClientError')}") from None
    except BotoCoreError as error:
        raise Unavailable(f"GetParameter: {type(error).__name__}") from None
    return str(answer["Parameter"]["Value"])
