"""The composition root: the only place where the parts meet. Nothing here opens a connection or reads a file."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from app.api.chat.route import router as chat
from app.api.completions.route import router as completions
from app.api.embeddings.route import router as embeddings
from app.api.models.route import router as models
from app.core.ports import Embedder, Keys, Meter, Preparer
from app.core.prompt import Guardrail
from app.errors import GatewayError
from app.gateway import Gateway
from app.meter.log import LogMeter
from app.meter.shapes import LogInputs, LogPrompts
from app.plan.catalog import Catalog
from app.plan.planner import ModelPlanner, Policy
from app.plan.traits import traits_of
from app.settings import Settings, SettingsError, environment
from app.stages.fetch import FetchLinks
from app.stages.heal import Heal
from app.stages.metered import MeteredEmbedder
from app.stages.recall import Recollect, Remember
from app.stages.retry import Retry
from app.stores.keys import SingleKey
from app.stores.memory import MemoryStash
from app.stores.secrets import key_source
from app.upstreams.aws import Aws
from app.upstreams.control import BedrockControl
from app.upstreams.converse.client import ConverseUpstream
from app.upstreams.fetch import SafeFetcher
from app.upstreams.invoke.client import InvokeClient
from app.upstreams.invoke.embedder import InvokeEmbedder
from app.upstreams.invoke.tokens import VocabularyDecoder
from app.web.context import Context, Net
from app.web.endpoint import Door
from app.web.express import Endpoint, Express
from app.web.health import VERSION, health
from app.web.openapi import ERRORS, describe
from app.web.problems import handle

log = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    environ: Mapping[str, str] | None = None,
    *,
    keys: Keys | None = None,
    meter: Meter | None = None,
) -> FastAPI:
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
    routers = (
        chat(gateway, door, max_choices=settings.max_choices),
        completions(gateway, door, max_choices=settings.max_choices),
        embeddings(embedder, VocabularyDecoder(), door, max_inputs=settings.max_embedding_inputs),
        models(catalog, door),
    )
    return _application(settings, aws, executor, routers)


def _gateway(settings: Settings, aws: Aws, executor: ThreadPoolExecutor, catalog: Catalog, meter: Meter) -> Gateway:
    """What a prompt goes through, from the outside in."""
    planner = ModelPlanner(catalog.resolve, catalog.profile_for, _policy(settings))
    stash = MemoryStash(settings.stash_entries)
    upstream = Remember(Heal(Retry(ConverseUpstream(aws.runtime, executor)), planner), stash)
    preparers: tuple[Preparer, ...] = (FetchLinks(_fetcher(settings)), Recollect(stash))
    if settings.debug:
        preparers = (LogPrompts(content=settings.log_content), *preparers)
    return Gateway(planner, upstream, meter, preparers)


def _embedder(settings: Settings, aws: Aws, executor: ThreadPoolExecutor, catalog: Catalog, meter: Meter) -> Embedder:
    embedder: Embedder = InvokeEmbedder(
        lambda name: catalog.resolve(name, embedding=True),
        InvokeClient(aws.runtime, executor).invoke,
        strict=settings.strict_parameters,
    )
    if settings.debug:
        embedder = LogInputs(embedder, content=settings.log_content)
    return MeteredEmbedder(embedder, meter)


def _application(settings: Settings, aws: Aws, executor: ThreadPoolExecutor, routers: tuple[APIRouter, ...]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # The SDK takes a while to import; meanwhile the port is open, and the first request finds it done.
        warming = asyncio.get_running_loop().run_in_executor(executor, _warm, aws)
        yield
        await warming
        executor.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(
        title="Bedrock OpenAI gateway",
        version=VERSION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        exception_handlers={HTTPException: handle, GatewayError: handle, Exception: handle},
    )
    prefixes = tuple(dict.fromkeys(("/v1", "/api/v1", settings.api_route_prefix)))
    for place, prefix in enumerate(prefixes):
        for router in routers:
            app.include_router(router, prefix=prefix, responses=ERRORS, include_in_schema=place == 0)
    app.add_middleware(Express, endpoints=_express(routers, prefixes))
    app.router.routes.append(Route("/health", health, methods=["GET"]))
    describe(app)
    app.add_middleware(Net, max_body_bytes=settings.max_body_bytes)  # what is added later is further out
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.allowed_origins),
            allow_credentials="*" not in settings.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "x-gateway-model", "x-gateway-ignored", "x-gateway-repairs", "retry-after"],
        )
    app.add_middleware(Context)
    return app


def _express(routers: Iterable[APIRouter], prefixes: Iterable[str]) -> dict[str, Endpoint]:
    """The endpoints that answer a POST on a fixed path, under every prefix."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    posts = [route for route in routes if "POST" in (route.methods or ()) and not route.param_convertors]
    return {prefix + route.path: route.endpoint for route in posts for prefix in prefixes}


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
    source = key_source(
        key=settings.api_key,
        secret_arn=settings.api_key_secret_arn,
        parameter=settings.api_key_param_name,
        client=aws.client,
    )
    return SingleKey(source)


def _fetcher(settings: Settings) -> SafeFetcher:
    try:
        return SafeFetcher(
            policy=settings.image_fetch,
            max_bytes=settings.image_fetch_max_bytes,
            timeout=settings.image_fetch_timeout,
        )
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
