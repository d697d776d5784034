"""Where the price list comes from: the Price List API with the caller's AWS credentials, or files that were saved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from app.errors import GatewayError
from app.upstreams.aws import Aws
from local.prices.offers import SERVICES

API_REGION = "us-east-1"
"""The API is in us-east-1, eu-central-1 and ap-south-1 only (botocore's endpoints, 2026-11), and has all regions' prices."""
_MOST_PAGES = 1000


class Unreadable(Exception):
    """The list can't be had; the text says why, for a person."""


def from_api(environ: Mapping[str, str], region: str) -> Iterator[object]:
    """The items of all of Bedrock's services in a region. Needs `pricing:GetProducts`. Raises Unreadable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = Aws(environ, read_timeout=60).client("pricing", API_REGION)
        for service in SERVICES:
            token = ""
            for _ in range(_MOST_PAGES):
                page = client.get_products(
                    ServiceCode=service,
                    Filters=[{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}],
                    FormatVersion="aws_v1",
                    **({"NextToken": token} if token else {}),
                )
                yield from map(_parsed, page.get("PriceList", []))
                token = page.get("NextToken", "")
                if not token:
                    break
    except ClientError as problem:
        code = problem.response.get("Error", {}).get("Code", "")
        raise Unreadable(f"the Price List API refused ({code}); pricing:GetProducts is needed") from None
    except (BotoCoreError, GatewayError) as problem:
        raise Unreadable(f"the Price List API can't be asked: {problem}") from None


def from_files(paths: Sequence[Path]) -> Iterator[object]:
    """The content of saved files: a bulk offer (`index.json`), or what `aws pricing get-products` printed."""
    for path in paths:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise Unreadable(f"{path} can't be read: {problem}") from None
        if isinstance(found, dict) and isinstance(found.get("PriceList"), list):
            yield from map(_parsed, found["PriceList"])
        else:
            yield found


def _parsed(item: object) -> object:
    """The API gives each product as a text of JSON."""
    try:
        return json.loads(item) if isinstance(item, str) else item
    except ValueError:
        return None
