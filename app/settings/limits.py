"""Settings of what a request, a connection and the process may take, in bytes, seconds and numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.settings.deployment import DeploymentSettings
from app.settings.values import Words


class LimitSettings(DeploymentSettings):
    image_fetch: Words = Field(
        ("public",), description="Remote images: `public` (any public address), `off`, or a list of host names."
    )
    image_fetch_max_bytes: int = Field(20_000_000, gt=0, description="Largest remote image or file, in bytes.")
    image_fetch_max_total_bytes: int = Field(
        25_000_000,
        gt=0,
        description="All remote images and files of one request, in bytes. Memory is some 90 MB + 4.5 x this.",
    )
    image_fetch_timeout: float = Field(10.0, gt=0, le=120, description="Seconds a remote fetch may take in all.")
    max_body_bytes: int = Field(26_000_000, gt=0, description="Largest request body, in bytes; more is 413.")
    max_concurrency: int = Field(1000, gt=0, le=10_000, description="Upstream calls at once in one process; more wait.")
    max_connections: int = Field(
        1000,
        gt=0,
        le=60_000,
        description="Client connections at once in one process; further ones get 503, except for `/health`. Fewer where the "
        "limit of file descriptors does not allow as many (docs/security.md).",
    )
    head_timeout: float = Field(
        10.0, gt=0, le=3600, description="Seconds a client may take to send a complete request head; then 408."
    )
    min_body_rate: int = Field(
        10_000, gt=0, description="Bytes per second at which a request body must arrive on average; slower is 408."
    )
    body_grace: float = Field(
        10.0, gt=0, le=3600, description="Seconds a request body may take in addition to what `MIN_BODY_RATE` allows."
    )
    keep_alive_timeout: int = Field(
        75,
        gt=0,
        le=3600,
        description="Seconds for which a connection stays open between requests; should be longer than at the proxy in front.",
    )
    max_choices: int = Field(16, ge=1, le=128, description="Largest `n`; each choice is a call of its own.")
    max_messages: int = Field(20_000, ge=1, description="Most messages, or input items, of a request; more is 400.")
    max_tools: int = Field(1024, ge=1, description="Most tools of a request; more is 400.")
    max_schema_nodes: int = Field(
        50_000, ge=1, description="Most objects and arrays in all schemas of a request together; more is 400."
    )
    max_embedding_inputs: int = Field(2048, ge=1, description="Longest list of inputs to `/embeddings`.")
    connect_timeout: float = Field(5.0, gt=0, description="Seconds to reach Bedrock.")
    read_timeout: float = Field(3600.0, gt=0, description="Seconds Bedrock may be silent before a call is given up.")
    ping_interval: float = Field(15.0, gt=0, description="Seconds of silence in a stream before a `: ping` comment.")
    client_stall_timeout: float = Field(
        60.0,
        ge=0,
        description="Seconds in which a client must take some byte of its answer; then its connection is closed, as if it had "
        "left. 0: no limit. On Lambda the invocation's time limit holds instead.",
    )
    on_disconnect: Literal["cancel", "drain", ""] = Field(
        "",
        description="A client goes away: `cancel` stops the model, `drain` lets it finish so that usage is exact. "
        "Default: `drain` on Lambda and with a table, `cancel` elsewhere.",
    )
    deadline_margin: float = Field(
        4.0,
        ge=0,
        le=60,
        description="On Lambda: seconds before the invocation's time limit at which an answer is stopped.",
    )
    models_cache_seconds: int = Field(3600, ge=0, description="Age at which the model list is fetched anew.")
    stash_entries: int = Field(10_000, ge=0, description="Tool calls whose reasoning is kept in memory for replay.")
    stash_bytes: int = Field(32_000_000, ge=0, description="Memory that this reasoning may take, in bytes.")
    strict_parameters: bool = Field(False, description="Answer 400 where a parameter would be ignored.")
