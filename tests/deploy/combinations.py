"""The parameters of deployments that matter, and what they were chosen from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, product

Parameters = Mapping[str, str]

KEY = "a-key-of-at-least-20-characters"
ORIGIN_SECRET = "an-origin-secret-of-at-least-20-characters"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:gateway/key-AbCdEf"
KMS_KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000"

KEYS: Sequence[Parameters] = (
    {},
    {"ApiKey": "-"},
    {"ApiKey": KEY},
    {"ApiKeyHash": "0123456789abcdef" * 4},
    {"ApiKeyParamName": "/gateway/key"},
    {"ApiKeyParamName": "gateway-key"},
    {"ApiKeySecretArn": SECRET_ARN},
    {"ApiKeyParamName": "/gateway/key", "ApiKeySecretArn": SECRET_ARN},
)
TABLES: Sequence[Parameters] = (
    {"Table": "false"},
    {"Table": "true", "TableDeletionPolicy": "Delete"},
    {"Table": "true", "TableDeletionPolicy": "Retain"},
)
EDGES: Sequence[Parameters] = (
    {"AuthType": "NONE"},
    {"AuthType": "AWS_IAM"},
    {"AuthType": "NONE", "Edge": "secret", "OriginSecret": ORIGIN_SECRET},
    {"AuthType": "AWS_IAM", "Edge": "oac"},
)
DEEP: Parameters = {"DeepProbeModels": "amazon.nova-micro-v1:0,openai.gpt-oss-20b", "DeepProbeCentsPerDay": "10"}
OPERATED: Parameters = {"Table": "true", "AdminKeyHash": "0123456789abcdef" * 4, "MeteredTags": "team,cost-center"}
EXTRAS: Sequence[Parameters] = (
    {},
    {"KmsKeyArn": KMS_KEY_ARN},
    {
        "KmsKeyArn": KMS_KEY_ARN,
        "MediaBucket": "our-media",
        "DefaultModel": "anthropic.claude-opus-5",
        "DefaultEmbeddingModel": "amazon.titan-embed-text-v2:0",
        "AllowedOrigins": "https://chat.example.com",
        "AllowedModels": "amazon.nova-*,fast",
        "CrossRegion": "false",
        "ReservedConcurrency": "20",
        "WarmInstances": "3",
        "AdapterLayerArn": "arn:aws:lambda:us-east-1:123456789012:layer:OurAdapter:7",
        "Runtime": "python3.12",
        "MemorySize": "1024",
        "LogRetentionDays": "30",
    },
)


def _joined(*parts: Parameters) -> dict[str, str]:
    return {name: value for part in parts for name, value in part.items()}


def _switch(name: str, *values: str) -> Sequence[Parameters]:
    return [{name: value} for value in values]


def combinations() -> Iterator[dict[str, str]]:
    """Every combination of what changes the shape of the stack, each with one of the extras, taken in turn."""
    extras = cycle(EXTRAS)
    alarm: Iterator[Parameters] = cycle(({}, {"AlarmEmail": "ops@example.com", "CanaryMetrics": "true"}))
    architectures = _switch("Architecture", "arm64", "x86_64")
    tokenizers = _switch("EmbeddingsTokenizer", "true", "false")
    adapters = _switch("Adapter", "web-adapter", "mangum")
    canaries: Sequence[Parameters] = ({"Canary": "false"}, {"Canary": "true"})
    yield {}
    for parts in product(architectures, tokenizers, adapters, KEYS, TABLES, EDGES, canaries):
        yield _joined(*parts, next(extras), next(alarm) if parts[-1]["Canary"] == "true" else {})
    for fronted in product(architectures, tokenizers, KEYS, TABLES, canaries):
        yield _joined(*fronted, next(extras), {"Adapter": "mangum", "HttpApi": "true"})
    own: Sequence[Parameters] = ({}, {"ProbeKeyParamName": "/gateway/probe-key"})
    for probed in product(adapters, KEYS, TABLES[1:], EDGES, own):
        if probed[-1] or (set(probed[1]) - {"ApiKeyHash"} and probed[1].get("ApiKey") != "-"):  # a key that can be read
            yield _joined(*probed, next(extras), next(alarm), DEEP)
    for name in ("/gateway/aliases", "aliases"):
        yield {"ApiKey": KEY, "ModelAliasesParamName": name, "Metrics": "model, traffic"}
        yield {"ApiKey": KEY, "SettingsParamName": name, "KmsKeyArn": KMS_KEY_ARN, "Table": "false"}
        yield {**OPERATED, "ApiKeyParamName": "/gateway/key", "ModelAliasesParamName": name}
        yield {**OPERATED, "ApiKey": KEY, "ModelAliasesParamName": name, "KmsKeyArn": KMS_KEY_ARN}
    for policy in ("Delete", "Retain"):
        table = {"TableDeletionPolicy": policy, "ExistingTable": "keys-of-old", "TableBackups": "true"}
        yield {**table, "ApiKey": KEY}
        yield {**table, **DEEP, "ApiKey": KEY, "AuthType": "AWS_IAM"}
    for networks in ("203.0.113.0/24", "203.0.113.0/24,2001:db8::/32"):
        yield {"ApiKey": KEY, "AllowedNetworks": networks}
