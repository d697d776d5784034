"""The composition root: the only place where the parts meet. Nothing here opens a connection or reads a file."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from app import __version__
from app.api.chat.route import operations as chat
from app.api.completions.route import operations as completions
from app.api.embeddings.route import operations as embeddings
from app.api.models.route import operations as models
from app.api.status.route import operations as status
from app.core.ports import Embedder, Fetcher, Keys, Meter, Preparer, Statuses
from app.core.prompt import Guardrail
from app.gateway import Gateway
from app.meter.log import LogMeter
from app.meter.shapes import LogInputs, LogPrompts
from app.plan.catalog import Catalog
from app.plan.planner import ModelPlanner, Policy
from app.plan.traits import traits_of
from app.settings import Settings, SettingsError, environment
from app.stages.fetch import FetchLinks
from app.stages.heal import Heal
from app.stages.later import LaterEmbedder, LaterFetcher
from app.stages.metered import MeteredEmbedder
from app.stages.recall import Recollect, Remember
from app.stages.retry import Retry
from app.stores.keys import HashedKey, NoKey, SingleKey
from app.stores.memory import MemoryStash
from app.stores.secrets import key_source
from app.stores.statuses import NoStatuses, TableStatuses
from app.upstreams.aws import Aws
from app.upstreams.control import BedrockControl
from app.upstreams.converse.client import ConverseUpstream
from app.upstreams.invoke.tokens import VocabularyDecoder
from app.web.asgi import ASGIApp
from app.web.context import Context, Net
from app.web.endpoint import Door
from app.web.entrance import Invocation, Networks, Origin
from app.web.health import health_endpoint
from app.web.lifespan import Application
from app.web.openapi import openapi_endpoint
from app.web.operation import Operation
from app.web.receipt import RECEIPT_HEADERS
from app.web.router import Router

log = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    environ: Mapping[str, str] | None = None,
    *,
    keys: Keys | None = None,
    meter: Meter | None = None,
) -> Application:
    """The gateway as an ASGI application. `environ` is what botocore would read; `keys` and `meter` replace the usual."""
    settings.require_key()
    aws = Aws(
        environment() if environ is None else environ,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        pool_size=settings.max_concurrency,
    )
    executor = ThreadPoolExecutor(settings.max_concurrency, thread_name_prefix="bedrock")
    catalog = _catalog(settings, aws)
    meter = meter or LogMeter()
    gateway = _gateway(settings, aws, executor, catalog, meter)
    embedder = _embedder(settings, aws, executor, catalog, meter)
    door = Door(keys or _keys(settings, aws), settings.max_body_bytes, settings.ping_interval, settings.drains)
    operations = (
        *chat(gateway, door, max_choices=settings.max_choices),
        *completions(gateway, door, max_choices=settings.max_choices),
        *embeddings(embedder, VocabularyDecoder(), door, max_inputs=settings.max_embedding_inputs),
        *models(catalog, door),
        *status(_statuses(settings, aws), door, __version__),
    )
    return _application(settings, aws, executor, operations)


def _gateway(settings: Settings, aws: Aws, executor: ThreadPoolExecutor, catalog: Catalog, meter: Meter) -> Gateway:
    """What a prompt goes through, from the outside in."""
    planner = ModelPlanner(catalog.resolve, catalog.profile_for, _policy(settings))
    stash = MemoryStash(settings.stash_entries)
    upstream = Remember(Heal(Retry(ConverseUpstream(aws.runtime, executor)), planner), stash)
    preparers: tuple[Preparer, ...] = (
        FetchLinks(_fetcher(settings), settings.image_fetch_max_total_bytes),
        Recollect(stash),
    )
    if settings.debug:
        preparers = (LogPrompts(content=settings.log_content), *preparers)
    return Gateway(planner, upstream, meter, preparers)


def _embedder(settings: Settings, aws: Aws, executor: ThreadPoolExecutor, catalog: Catalog, meter: Meter) -> Embedder:
    def make() -> Embedder:
        from app.upstreams.invoke.client import InvokeClient
        from app.upstreams.invoke.embedder import InvokeEmbedder

        return InvokeEmbedder(
            lambda name: catalog.resolve(name, embedding=True),
            InvokeClient(aws.runtime, executor).invoke,
            strict=settings.strict_parameters,
        )

    embedder: Embedder = LaterEmbedder(make)
    if settings.debug:
        embedder = LogInputs(embedder, content=settings.log_content)
    return MeteredEmbedder(embedder, meter)


def _application(
    settings: Settings, aws: Aws, executor: ThreadPoolExecutor, operations: Sequence[Operation]
) -> Application:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        # What the first call needs takes a while to load; meanwhile the port is open, and the first request finds it done.
        warming = asyncio.get_running_loop().run_in_executor(executor, _warm, aws)
        if settings.on_lambda:
            await warming  # the init phase has a whole core, the first invocation the memory size's share of one
        yield
        await warming
        executor.shutdown(wait=False, cancel_futures=True)

    prefixes = tuple(dict.fromkeys(("/v1", "/api/v1", settings.api_route_prefix)))
    router = Router((
        *((each.method, prefix + each.path, each.endpoint) for prefix in prefixes for each in operations),
        ("GET", "/openapi.json", openapi_endpoint(operations, __version__)),
        ("GET", "/health", health_endpoint(holds=settings.health_hold)),
    ))  # fmt: skip
    return Application(_surrounded(router, settings), lifespan)


def _surrounded(app: ASGIApp, settings: Settings) -> ASGIApp:
    """What a request goes through before its route, from the inside out."""
    if settings.allowed_networks:
        app = Networks(app, settings.allowed_networks)
    if settings.origin_secret:
        app = Origin(app, settings.origin_secret)
    if settings.invoked:
        app = Invocation(app, settings.deadline_margin)
    app = Net(app, settings.max_body_bytes)
    if settings.allowed_origins:
        from starlette.middleware.cors import CORSMiddleware  # 40 ms, for those who need it

        app = CORSMiddleware(
            app,
            allow_origins=list(settings.allowed_origins),
            allow_credentials="*" not in settings.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["x-request-id", *RECEIPT_HEADERS, "x-gateway-stream", "retry-after"],
        )
    return Context(app)


def _warm(aws: Aws) -> None:
    try:
        aws.runtime()
    except Exception:  # noqa: BLE001  the first request meets the same trouble and tells it to somebody
        log.warning("the Bedrock client could not be prepared; the first request will say why")


def _catalog(settings: Settings, aws: Aws) -> Catalog:
    source = BedrockControl(
        lambda: aws.client("bedrock"),
        profiles=settings.enable_cross_region_inference,
        application_profiles=settings.enable_application_inference_profiles,
    )
    return Catalog(
        source,
        asyncio.to_thread,
        clock=time.time,
        ttl=settings.models_cache_seconds,
        region=aws.likely_region,
        traits_of=traits_of,
        enable_cross_region=settings.enable_cross_region_inference,
        enable_application_profiles=settings.enable_application_inference_profiles,
        prefer_global=settings.prefer_global_profiles,
        default_model=settings.default_model,
        default_embedding_model=settings.default_embedding_model,
    )


def _keys(settings: Settings, aws: Aws) -> Keys:
    if not settings.has_key:
        return NoKey()
    if settings.api_key_hash:
        return HashedKey(settings.api_key_hash)
    source = key_source(
        key=settings.api_key,
        secret_arn=settings.api_key_secret_arn,
        parameter=settings.api_key_param_name,
        client=aws.client,
    )
    return SingleKey(source)


def _statuses(settings: Settings, aws: Aws) -> Statuses:
    return TableStatuses(lambda: aws.client("dynamodb"), settings.table_name) if settings.table_name else NoStatuses()


def _fetcher(settings: Settings) -> Fetcher:
    def make() -> Fetcher:
        from app.upstreams.fetch import SafeFetcher

        return SafeFetcher(
            policy=settings.image_fetch,
            max_bytes=settings.image_fetch_max_bytes,
            timeout=settings.image_fetch_timeout,
        )

    if settings.image_fetch == ("public",):
        return LaterFetcher(make)
    try:
        return make()  # at once, because its list may be wrong
    except ValueError as problem:
        raise SettingsError(f"IMAGE_FETCH: {problem}") from None


def _policy(settings: Settings) -> Policy:
    guardrail = None
    if settings.guardrail_id:
        guardrail = Guardrail(settings.guardrail_id, settings.guardrail_version, settings.guardrail_stream_mode)
    return Policy(
        cache_auto=settings.enable_prompt_caching,
        guardrail=guardrail,
        guardrail_override=settings.guardrail_client_override,
        strict=settings.strict_parameters,
    )
