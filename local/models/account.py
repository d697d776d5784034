"""What the emulated account owns besides the foundation models: one or two of every kind of resource.

An ARN of these hides the model behind it, as in a real account; only the control plane tells.
"""

from dataclasses import dataclass

ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class ApplicationProfile:
    """An application inference profile; `geography` is that of the profile it was copied from, None for a model."""

    id: str
    name: str
    model_id: str
    geography: str | None


APPLICATION_PROFILES: dict[str, ApplicationProfile] = {
    profile.id: profile
    for profile in (
        ApplicationProfile("a1b2c3d4e5f6", "team-search", "anthropic.claude-sonnet-4-5-20250929-v1:0", "us"),
        ApplicationProfile("f6e5d4c3b2a1", "team-support", "amazon.nova-lite-v1:0", None),
        ApplicationProfile("e1m2b3e4d5d6", "team-index", "amazon.titan-embed-text-v2:0", None),
    )
}

PROVISIONED = ("provisioned-model", "p1r2o3v4i5s6")
DEPLOYED = ("custom-model-deployment", "d1e2p3l4o5y6")
IMPORTED = ("imported-model", "i1m2p3o4r5t6")
ENDPOINT = ("endpoint", "palmyra-x5-marketplace")

DEPLOYMENTS: dict[tuple[str, str], str] = {
    PROVISIONED: "anthropic.claude-3-haiku-20240307-v1:0",
    DEPLOYED: "amazon.nova-lite-v1:0",
    IMPORTED: "meta.llama3-1-8b-instruct-v1:0",
    ENDPOINT: "writer.palmyra-x5-v1:0",
}

ROUTERS: dict[str, str] = {
    "anthropic.claude:1": "anthropic.claude-3-5-haiku-20241022-v1:0",
    "amazon.nova:1": "amazon.nova-lite-v1:0",
}
