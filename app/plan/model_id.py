"""Reads the names of models: Bedrock's ids and ARNs, and OpenAI's own names. Pure; asks nobody, guesses nothing.

    anthropic.claude-opus-5                                        a foundation model
    us.anthropic.claude-opus-5                                     a system profile: geography + foundation model
    anthropic.claude-3-haiku-20240307-v1:0:200k                    a throughput variant
    arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-...    says its model
    arn:aws:bedrock:us-east-1:<account>:inference-profile/us....   says its model
    arn:aws:bedrock:us-east-1:<account>:application-inference-profile/<id>    opaque: only the control plane knows

Sources: patterns of `modelId` in botocore 1.44.5's bedrock-runtime model; prefixes as seen in AWS's profile tables by
2026-11. New prefixes and providers keep appearing, hence the generic pattern, and hence an id that this module does
not understand is never an error here: the catalogue decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_LENGTH = 2048
"""Longest model id that Bedrock takes, in characters."""

PROVIDERS = frozenset(
    {
        "ai21",
        "amazon",
        "anthropic",
        "cohere",
        "deepseek",
        "google",
        "luma",
        "meta",
        "minimax",
        "mistral",
        "moonshot",
        "moonshotai",
        "nvidia",
        "openai",
        "qwen",
        "stability",
        "twelvelabs",
        "writer",
        "xai",
        "zai",
    }
)
"""First parts of foundation-model ids on Bedrock, as of 2026-11."""

_GEOGRAPHY = re.compile(r"([a-z]{2,6}(?:-gov)?|global)\.(?=([a-z0-9-]+)\.)")
_THROUGHPUT = re.compile(r"(?::(?:\d{1,4}k|\d{3,4}|mm))+\Z")
_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z-]+):([a-z0-9-]*):(\d*):([a-z-]+)/(\S+)")
_SPEAKING_KINDS = frozenset({"foundation-model", "inference-profile"})
_OPENAI = re.compile(
    r"(?:gpt-|chatgpt-|o\d+(?:-|$)|codex-|computer-use-|ft:(?:gpt-|o\d)|(?:text-|code-)?(?:davinci|curie|babbage|ada)\b)"
)

_OTHER_TASK = re.compile(
    r"gpt-(?:image|realtime|audio|live)|.*-(?:realtime|audio|transcribe|tts|image|search-api)(?:-|$)"
)
"""OpenAI's names of models that paint, speak or listen (OpenAI's model list, 2026-11)."""
_SMALL = re.compile(r".*-(?:mini|nano)(?:-|$)")
_THINKS = re.compile(r"o\d+(?:-|$)|.*-(?:pro|thinking|deep-research)(?:-|$)")
_NEVER_ON_BEDROCK = re.compile(r"gpt-(?:3|4)|o[134](?:-|$)|chatgpt-|(?:text-|code-)?(?:davinci|curie|babbage|ada)\b")
"""OpenAI's names that no model on Bedrock has (Bedrock's model list, 2026-11)."""
_NEEDS_VERSION = re.compile(
    r"(?:amazon|meta)\..*(?<!:\d)|openai\.gpt-oss.*(?<!:\d)"
    r"|anthropic\.claude-(?:3|instant|v2).*(?<!:\d)|anthropic\.claude-(?:opus|sonnet|haiku)-4(?:-[015])?"
)
"""Base ids that lack a date or a version which every id of their vendor and generation has (Bedrock's model list, 2026-11)."""

_GEOGRAPHIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("us-gov-", ("us-gov",)),
    ("us-", ("us",)),
    ("eu-", ("eu",)),
    ("eusc-", ("eusc", "eu")),
    ("ap-northeast-1", ("jp", "apac")),
    ("ap-northeast-3", ("jp", "apac")),
    ("ap-southeast-2", ("au", "apac")),
    ("ap-southeast-4", ("au", "apac")),
    ("ap-south-", ("in", "apac")),
    ("ap-", ("apac",)),
    ("ca-", ("ca", "us")),
    ("mx-", ("mx", "us")),
    ("sa-", ("sa", "us")),
)
"""Region prefix -> geographies whose profiles serve it, nearest first. The first row that matches counts."""


@dataclass(frozen=True, slots=True)
class Name:
    """A model id taken apart. `geography` is the profile's prefix (`us`, `global`, ...), None for a bare id."""

    geography: str | None
    base: str


@dataclass(frozen=True, slots=True)
class Arn:
    """The parts of an ARN that matter here. `kind` is the resource type, `resource` what follows its slash."""

    service: str
    kind: str
    resource: str

    @property
    def short(self) -> str:
        """The last part of the resource: safe to show, since it has no account id."""
        return self.resource.rpartition("/")[2]


def parse_arn(text: str) -> Arn | None:
    """The ARN in `text`, None where it is not one of the shape `arn:partition:service:region:account:kind/resource`."""
    match = _ARN.fullmatch(text)
    return Arn(service=match[2], kind=match[5], resource=match[6]) if match else None


def is_arn(text: str) -> bool:
    return text.startswith("arn:")


def has_provider(model_id: str) -> bool:
    """Whether the id begins with a provider that is known: `anthropic.claude-...`, not `us.anthropic...`."""
    provider, dot, rest = model_id.partition(".")
    return bool(dot and rest) and provider in PROVIDERS


def parse(model_id: str) -> Name | None:
    """Take a model id or ARN apart; None where it does not say its foundation model (opaque ARNs).

    >>> parse("us.anthropic.claude-sonnet-4-20250514-v1:0")
    Name(geography='us', base='anthropic.claude-sonnet-4-20250514-v1:0')
    """
    if is_arn(model_id):
        speaking = _speaking_part(model_id)
        return None if speaking is None or is_arn(speaking) else parse(speaking)
    base = _THROUGHPUT.sub("", model_id)
    match = None if has_provider(base) else _GEOGRAPHY.match(base)
    if match and match[2] in PROVIDERS:
        return Name(match[1], base[match.end() :])
    return Name(None, base)


def _speaking_part(arn: str) -> str | None:
    """The model id inside an ARN, None where there is none.

    A custom model's ARN has its base in the middle: `custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl`.
    """
    parts = parse_arn(arn)
    if parts is None or parts.service != "bedrock":
        return None
    if parts.kind in _SPEAKING_KINDS and "/" not in parts.resource:
        return parts.resource
    middle = parts.resource.partition("/")[0]
    return middle if parts.kind == "custom-model" and has_provider(middle) else None


def base_of(model_id: str) -> str | None:
    """The foundation model's id without geography and throughput suffix; None for opaque ARNs. Idempotent."""
    name = parse(model_id)
    return None if name is None else name.base


def is_openai_name(name: str) -> bool:
    """Whether this is one of OpenAI's own names for a model that answers in text: `gpt-4o`, `o3-mini`, `davinci-002`.

    `openai.gpt-oss-20b-1:0` is not: that is a model on Bedrock. Embedding models have their own test, and names of models for
    images and speech are none of these.
    """
    lower = name.lower()
    return _OPENAI.match(lower) is not None and _OTHER_TASK.match(lower) is None


def openai_class(name: str) -> Literal["fast", "standard", "reasoning"]:
    """The preset alias that serves a name for which `is_openai_name` holds. Small models come first: `o4-mini` is fast."""
    lower = name.lower()
    if _SMALL.match(lower):
        return "fast"
    return "reasoning" if _THINKS.match(lower) else "standard"


def may_be_on_bedrock(openai_name: str) -> bool:
    """Whether a model on Bedrock may have this name of OpenAI's, so that the list has to be asked."""
    return _NEVER_ON_BEDROCK.match(openai_name.lower()) is None


def lacks_version(base_id: str) -> bool:
    """Whether no model can have this id as it stands, since its date or version is missing."""
    return _NEEDS_VERSION.fullmatch(base_id) is not None


def is_openai_embedding_name(name: str) -> bool:
    """`text-embedding-3-small`, `text-embedding-ada-002`, ..."""
    return name.lower().startswith("text-embedding-")


def geography_of(region: str) -> tuple[str, ...]:
    """The profile prefixes that may serve a region, nearest first, without `global`.

    >>> geography_of("ap-northeast-1")
    ('jp', 'apac')

    A region that is not in the table gives its own first part (`il-central-1` -> `il`): a profile of that name is
    then found where AWS has one, and nothing else is taken for its geography.
    """
    for prefix, geographies in _GEOGRAPHIES:
        if region.startswith(prefix):
            return geographies
    return (region.partition("-")[0],) if region else ()
