"""Names of models: what is stripped, what is left alone, what counts as OpenAI's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plan.model_id import (
    PROVIDERS,
    Arn,
    Name,
    base_of,
    geography_of,
    has_provider,
    is_openai_embedding_name,
    is_openai_name,
    lacks_version,
    may_be_on_bedrock,
    openai_class,
    parse,
    parse_arn,
)

SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"
ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012:"

NAMES = [
    (SONNET, Name(None, SONNET)),
    (f"us.{SONNET}", Name("us", SONNET)),
    ("us-gov.anthropic.claude-sonnet-4-5", Name("us-gov", "anthropic.claude-sonnet-4-5")),
    ("global.openai.gpt-6.1-sol", Name("global", "openai.gpt-6.1-sol")),
    ("apac.amazon.nova-pro-v1:0", Name("apac", "amazon.nova-pro-v1:0")),
    ("mx.meta.llama5-v1:0", Name("mx", "meta.llama5-v1:0")),
    ("deepseek.v3.2", Name(None, "deepseek.v3.2")),
    ("meta.amazon.nova", Name(None, "meta.amazon.nova")),
    ("us.newcomer.model-1", Name(None, "us.newcomer.model-1")),
    ("openai.gpt-oss-20b-1:0", Name(None, "openai.gpt-oss-20b-1:0")),
    ("anthropic.claude-v2:1:200k", Name(None, "anthropic.claude-v2:1")),
    ("amazon.nova-premier-v1:0:mm", Name(None, "amazon.nova-premier-v1:0")),
    ("cohere.embed-english-v3:0:512", Name(None, "cohere.embed-english-v3:0")),
    ("amazon.titan-embed-text-v1:2", Name(None, "amazon.titan-embed-text-v1:2")),
    ("arn:aws:bedrock:us-east-1::foundation-model/" + SONNET, Name(None, SONNET)),
    ("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/" + SONNET + ":48k", Name(None, SONNET)),
    (f"{ACCOUNT}inference-profile/eu.{SONNET}", Name("eu", SONNET)),
    (f"{ACCOUNT}custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl", Name(None, "amazon.nova-lite-v1:0")),
]

OPAQUE = [
    f"{ACCOUNT}application-inference-profile/a1b2c3d4e5f6",
    f"{ACCOUNT}provisioned-model/abcdefghijkl",
    f"{ACCOUNT}imported-model/abcdefghijkl",
    f"{ACCOUNT}custom-model-deployment/abcdefghijkl",
    f"{ACCOUNT}custom-model/imported/abcdefghijkl",
    f"{ACCOUNT}default-prompt-router/anthropic.claude:1",
    f"{ACCOUNT}foundation-model/arn:aws:bedrock:us-east-1::foundation-model",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/llama",
    "arn:aws:s3:::bucket/foundation-model/x",
    "arn:",
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_a_name_is_taken_apart(text: str, name: Name) -> None:
    assert parse(text) == name
    assert base_of(text) == name.base


@pytest.mark.parametrize("arn", OPAQUE)
def test_an_arn_that_hides_its_model_is_not_guessed_at(arn: str) -> None:
    assert parse(arn) is None
    assert base_of(arn) is None


def test_parts_of_an_arn() -> None:
    parts = parse_arn(f"{ACCOUNT}custom-model/amazon.nova-lite-v1:0/abcdefghijkl")
    assert parts == Arn("bedrock", "custom-model", "amazon.nova-lite-v1:0/abcdefghijkl")
    assert parts.short == "abcdefghijkl"
    assert parse_arn("us.anthropic.claude") is None


_prefixes = st.sampled_from(["", "us.", "us-gov.", "global.", "apac.", "xx.", "meta.", "toolong."])
_stems = st.sampled_from([*sorted(PROVIDERS), "newcomer", ""])
_suffixes = st.sampled_from(["", ":0", ":200k", ":0:48k", ":mm", ":mm:512", "\n", "."])
_ids = st.builds("{}{}.{}{}".format, _prefixes, _stems, st.from_regex(r"[a-z0-9.-]{0,12}", fullmatch=True), _suffixes)


@given(st.one_of(_ids, st.text(max_size=60), _ids.map("arn:aws:bedrock:us-east-1::foundation-model/{}".format)))
def test_stripping_twice_is_stripping_once(text: str) -> None:
    base = base_of(text)
    assert base is None or base_of(base) == base


@given(st.sampled_from(["us", "eu", "jp", "us-gov", "global", "sa"]), st.sampled_from(sorted(PROVIDERS)))
def test_any_geography_before_a_known_provider_is_stripped(geography: str, provider: str) -> None:
    assert parse(f"{geography}.{provider}.model-v1:0") == Name(geography, f"{provider}.model-v1:0")


def test_known_providers() -> None:
    assert has_provider("anthropic.claude-opus-5")
    assert not any(map(has_provider, ["us.anthropic.claude-opus-5", "gpt-5.6-sol", "anthropic", "anthropic.", ""]))


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o",
        "GPT-4",
        "gpt-5.6-sol",
        "gpt-oss-20b",
        "chatgpt-4o-latest",
        "o1",
        "o3-mini",
        "o10-pro",
        "codex-mini",
        "davinci-002",
        "text-davinci-003",
        "babbage-002",
        "ft:gpt-4o:org",
        "computer-use-preview",
    ],
)
def test_openais_own_names(name: str) -> None:
    assert is_openai_name(name)
    assert not is_openai_embedding_name(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o", "standard"), ("gpt-3.5-turbo", "standard"), ("codex-mini", "fast"), ("GPT-4o-Mini-2024-07-18", "fast"),
        ("o1", "reasoning"), ("o3-2025-04-16", "reasoning"), ("o4-mini-deep-research", "fast"), ("gpt-5-pro", "reasoning"),
    ],
)  # fmt: skip
def test_the_class_of_an_openai_name(name: str, expected: str) -> None:
    assert openai_class(name) == expected


@pytest.mark.parametrize(
    "name",
    ["gpt-image-1", "gpt-realtime-mini", "gpt-audio", "gpt-4o-transcribe", "gpt-4o-mini-tts", "gpt-4o-search-api"],
)
def test_openais_names_for_images_and_speech_are_no_chat_models(name: str) -> None:
    assert not is_openai_name(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o", False), ("gpt-4.1", False), ("o3", False), ("o4-mini", False), ("chatgpt-4o-latest", False),
        ("gpt-oss-20b", True), ("gpt-5.6-sol", True), ("codex-x", True), ("o5", True),
    ],
)  # fmt: skip
def test_the_list_is_asked_only_for_names_that_bedrock_may_have(name: str, expected: bool) -> None:
    assert may_be_on_bedrock(name) is expected


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("amazon.nova-lite", True), ("amazon.nova-lite-v1:0", False), ("meta.llama3-1-8b-instruct", True),
        ("anthropic.claude-sonnet-4-5", True), ("anthropic.claude-sonnet-4-5-20250929-v1:0", False),
        ("anthropic.claude-sonnet-4-6", False), ("anthropic.claude-opus-5", False), ("anthropic.claude-3-haiku", True),
        ("openai.gpt-oss-20b", True), ("openai.gpt-oss-20b-1:0", False), ("zai.glm-5", False),
    ],
)  # fmt: skip
def test_ids_that_lack_their_version(base: str, expected: bool) -> None:
    assert lacks_version(base) is expected


@pytest.mark.parametrize(
    "name", ["openai.gpt-oss-20b-1:0", "us.openai.gpt-5.4", "oasis", "o1x", "claude-3", "text-embedding-3-small", ""]
)
def test_names_that_are_not_openais_chat_models(name: str) -> None:
    assert not is_openai_name(name)


def test_openais_embedding_names() -> None:
    assert is_openai_embedding_name("text-embedding-ada-002")
    assert is_openai_embedding_name("Text-Embedding-3-Large")
    assert not is_openai_embedding_name("amazon.titan-embed-text-v2:0")


@pytest.mark.parametrize(
    ("region", "geographies"),
    [
        ("us-east-1", ("us",)),
        ("us-gov-west-1", ("us-gov",)),
        ("eu-central-2", ("eu",)),
        ("eusc-de-east-1", ("eusc", "eu")),
        ("ap-northeast-1", ("jp", "apac")),
        ("ap-northeast-2", ("apac",)),
        ("ap-southeast-2", ("au", "apac")),
        ("ap-south-1", ("in", "apac")),
        ("ca-central-1", ("ca", "us")),
        ("sa-east-1", ("sa", "us")),
        ("il-central-1", ("il",)),
        ("", ()),
    ],
)
def test_the_geographies_that_serve_a_region(region: str, geographies: tuple[str, ...]) -> None:
    assert geography_of(region) == geographies
