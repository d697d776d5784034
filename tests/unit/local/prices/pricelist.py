"""A Price List API on loopback: GetProducts of api.pricing (JSON 1.1), two products a page, as botocore's model has it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = 2
MEMBERS = {"ServiceCode", "Filters", "FormatVersion", "NextToken", "MaxResults"}

Item = dict[str, Any]


def product(usagetype: str, usd: str, unit: str = "1K tokens", region: str = "us-east-1", **attributes: str) -> Item:
    """One item of PriceList, as the API gives it after its JSON is parsed."""
    sku, rate = usagetype[:16].upper(), "JRTCKXETXF.6YS6EN2CT7"
    dimension = {
        "rateCode": f"{sku}.{rate}", "unit": unit, "beginRange": "0", "endRange": "Inf", "appliesTo": [],
        "description": f"${usd} per {unit} for {usagetype}", "pricePerUnit": {"USD": usd},
    }  # fmt: skip
    return {
        "product": {
            "productFamily": "Amazon Bedrock", "sku": sku,
            "attributes": {"regionCode": region, "locationType": "AWS Region", "usagetype": usagetype} | attributes,
        },
        "serviceCode": "AmazonBedrock", "version": "20261119000000", "publicationDate": "2026-11-19T00:00:00Z",
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": {"priceDimensions": {f"{sku}.{rate}": dimension}, "termAttributes": {}}}},
    }  # fmt: skip


def marketplace(meter: str, usd: str, name: str) -> Item:
    servicename = f"{name} (Amazon Bedrock Edition)"
    return product(f"USE1-MP:USE1_{meter}-Units", usd, "1M tokens", servicename=servicename)


LIST: dict[str, list[Item]] = {
    "AmazonBedrock": [
        product("USE1-NovaPro-input-tokens", "0.0009000000", model="Nova Pro", inferenceType="Input tokens"),
        product("USE1-NovaPro-output-tokens", "0.0032000000", model="Nova Pro", inferenceType="Output tokens"),
        product("USE1-NovaPro-cache-read-input-token-count", "0.0002000000", model="Nova Pro"),
        product("USE1-NovaPro-input-tokens-flex", "0.0004500000", model="Nova Pro"),
        product("USE1-NovaPro-output-tokens-flex", "0.0016000000", model="Nova Pro"),
        product("USE1-NovaPro-input-tokens-custom-model", "0.5", model="Nova Pro"),
        product("USE1-NovaPro-input-image-token-count", "0.5", model="Nova Pro"),
        product("USE1-NovaPro-ProvisionedThroughput-NoCommit-ModelUnits", "24.5", "hour", model="Nova Pro"),
        product("USE1-Nova2.0Lite-input-tokens", "0.0003300000", model="Nova 2.0 Lite"),
        product("USE1-Nova2.0Lite-output-tokens", "0.0027500000", model="Nova 2.0 Lite"),
        product("USE1-Nova2.0Lite-input-tokens-cross-region-global", "0.0003000000", model="Nova 2.0 Lite"),
        product("USE1-Nova2.0Lite-output-tokens-cross-region-global", "0.0025000000", model="Nova 2.0 Lite"),
        product("USE1-TitanEmbeddingV2-Text-input-tokens", "0.0000200000", titanModel="TitanEmbeddingV2-Text"),
        product("EUW1-NovaPro-input-tokens", "0.5", region="eu-west-1", model="Nova Pro"),
        product("USE1-NovaPro-output-tokens-batch", "0.0000000000", model="Nova Pro"),
        product("USE1-Acme-input-tokens", "0.001", model="Acme Rocket 9"),
        product("USE1-cohere.rerank-search-units", "0.0020000000", "search units", model="Cohere Rerank v3.5"),
    ],
    "AmazonBedrockService": [],
    "AmazonBedrockFoundationModels": [
        marketplace("InputTokenCount_Global", "3.5000000000", "Claude Opus 5.5"),
        marketplace("OutputTokenCount_Global", "20.0000000000", "Claude Opus 5.5"),
        marketplace("CacheReadInputTokenCount_Global", "0.2000000000", "Claude Opus 5.5"),
        marketplace("cache_write_tokens_1h_global_standard", "8.0000000000", "Claude Opus 5.5"),
        marketplace("InputTokenCount_Global_Batch", "2.0000000000", "Claude Opus 5.5"),
        marketplace("OutputTokenCount_Global_Batch", "10.0000000000", "Claude Opus 5.5"),
        marketplace("InputTokenCount", "4.4000000000", "Claude Opus 5.5"),
        marketplace("OutputTokenCount", "22.0000000000", "Claude Opus 5.5"),
        marketplace("Reserved_1Month_InputTPM_Geo", "99.0", "Claude Opus 5.5"),
    ],
}  # fmt: skip


class Fake:
    def __init__(self, products: dict[str, list[Item]]) -> None:
        self.products = products
        self.asked: list[dict[str, Any]] = []
        self.refuses = ""
        self.url = ""

    def answer(self, target: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert target == "AWSPriceListService.GetProducts"
        assert asked.keys() <= MEMBERS
        self.asked.append(asked)
        if self.refuses:
            return 400, {"__type": self.refuses, "Message": "User: arn:aws:iam::111122223333:user/x is not authorized"}
        (only,) = asked["Filters"]
        assert only["Type"] == "TERM_MATCH"
        found = [
            item
            for item in self.products.get(asked["ServiceCode"], [])
            if item["product"]["attributes"].get(only["Field"]) == only["Value"]
        ]
        begin = int(asked.get("NextToken", "0"))
        more = {"NextToken": str(begin + PAGE)} if begin + PAGE < len(found) else {}
        page: Sequence[Item] = found[begin : begin + PAGE]
        return 200, {"FormatVersion": "aws_v1", "PriceList": [json.dumps(item) for item in page], **more}


@contextmanager
def running(products: dict[str, list[Item]]) -> Iterator[Fake]:
    fake = Fake(products)

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, answer = fake.answer(self.headers["x-amz-target"], asked)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
