"""The composition root: the only place where the parts meet. Nothing here opens a connection or reads a file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app import __version__
from app.api.chat.route import operations as chat
from app.api.completions.route import operations as completions
from app.api.conversations.route import operations as conversations
from app.api.embeddings.route import operations as embeddings
from app.api.messages.route import operations as messages
from app.api.messages.route import speaks, translation
from app.api.models.route import operations as models
from app.api.status.route import operations as status
from app.core.books import Meter
from app.core.ports import Answers, Keys, Lessons, Preparer, Stash
from app.errors import GatewayError, Internal, UpstreamFailure
from app.gateway import Gateway
from app.meter.shapes import LogPrompts
from app.parts import (
    make_books,
    make_counter,
    make_embedder,
    make_fetcher,
    make_keys,
    make_limits,
    make_meter,
    make_policy,
    make_responses,
    make_selection,
    make_statuses,
    make_store,
)
from app.plan.lessons import RecentLessons
from app.plan.planner import ModelPlanner
from app.plan.replay import may_replay
from app.plan.selection import Selection
from app.plan.shelf import Shelf
from app.settings import Settings, SettingsError, environment
from app.stages.bookkeeping import Bookkeeper
from app.stages.breaker import Breaker
from app.stages.cache import ResponseCache
from app.stages.fallback import Fallback
from app.stages.fetch import FetchLinks
from app.stages.heal import Heal
from app.stages.recall import Recollect, Remember
from app.stages.retry import Retry
from app.stores.memory import MemoryAnswers, MemoryStash
from app.stores.parameters import parameter
from app.stores.secrets import Unavailable
from app.upstreams.aws import Aws
from app.upstreams.converse.client import ConverseUpstream
from app.upstreams.invoke.tokens import VocabularyDecoder
from app.web.absent import absent
from app.web.asgi import ASGIApp, Receive, Scope, Send
from app.web.context import Context, Net
from app.web.dialect import Dialect
from app.web.endpoint import Door
from app.web.entrance import EVENTS, Invocation, Networks, Origin
from app.web.health import health_endpoint
from app.web.lifespan import Application
from app.web.openapi import openapi_endpoint
from app.web.operation import Operation
from app.web.receipt import RECEIPT_HEADERS
from app.web.router import Router
from app.web.sockets import Sockets
from app.web.stall import CLIENT_STALL_TIMEOUT

if TYPE_CHECKING:
    from app.api.responses.route import Responses
    from app.control_plane import ControlPlane
    from app.core.table import Table

log = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    environ: Mapping[str, str] | None = None,
    *,
    keys: Keys | None = None,
    meter: Meter | None = None,
    table: Table | None = None,
) -> Application:
    """The gateway as an ASGI application. `environ` is what botocore would read; the others replace the usual."""
    settings.require_key()
    environ = environment() if environ is None else environ
    if settings.settings_param_name:
        return _with_kept_settings(settings, environ, keys, meter, table)
    return _created(settings, environ, keys, meter, table)


def _created(
    settings: Settings, environ: Mapping[str, str], keys: Keys | None, meter: Meter | None, table: Table | None
) -> Application:
    aws = Aws(
        environ,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        pool_size=settings.max_concurrency,
    )
    executor = ThreadPoolExecutor(settings.max_concurrency, thread_name_prefix="bedrock")
    selection = make_selection(settings, aws)
    plane = _control_plane(settings, aws, table)
    books = make_books(settings, meter or make_meter(settings), plane, selection)
    gateway = _gateway(settings, aws, executor, selection, books, plane)
    embedder = make_embedder(settings, aws, executor, selection, books)
    door = _door(settings, keys or (plane.keys if plane else make_keys(settings, aws)), books)
    listed, limits = Shelf(selection), make_limits(settings)
    store = make_store(settings, plane)
    responses = make_responses(settings, aws, environ, gateway, door, plane, store)
    operations = (
        *chat(gateway, door, max_choices=settings.max_choices, limits=limits),
        *completions(gateway, door, max_choices=settings.max_choices),
        *responses.operations(),
        *(conversations(store, door) if store else ()),
        *messages(gateway, door, limits),
        *embeddings(embedder, VocabularyDecoder(), door, max_inputs=settings.max_embedding_inputs),
        *models(listed, door),
        *status(make_statuses(settings, aws), door, __version__),
        *(plane.operations(listed) if plane else ()),
    )
    return _application(settings, aws, executor, operations, responses, plane)


def _with_kept_settings(
    settings: Settings, environ: Mapping[str, str], keys: Keys | None, meter: Meter | None, table: Table | None
) -> Application:
    """The application whose further settings are read with its first request."""
    from app.settings.kept import merged  # what only those pay for who use it
    from app.web.versions import Versions

    client = Aws(environ).client

    async def read() -> str:
        try:
            return await asyncio.to_thread(parameter, settings.settings_param_name, client)
        except Unavailable as problem:
            log.error("the settings in SETTINGS_PARAM_NAME can't be read: %s", problem)
            raise UpstreamFailure(
                "The gateway's settings can't be read just now.",
                status=503,
                code="settings_unavailable",
                retry_after=5.0,
            ) from None

    def make(text: str) -> Application:
        try:
            return _created(merged(text, settings), environ, keys, meter, table)
        except SettingsError as problem:
            log.error("the settings in SETTINGS_PARAM_NAME can't be used: %s", problem)
            raise Internal(
                "The gateway's settings can't be used; its log says which.", code="misconfigured", should_retry=False
            ) from None

    def failed(error: GatewayError) -> ASGIApp:
        async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
            raise error

        return _surrounded(refuse, settings, _prefixes(settings))

    plain = _created(settings, environ, keys, meter, table)
    versions = Versions(plain, make, read, failed)
    return Application(versions, versions.lifespan, versions, plain.state)


def _prefixes(settings: Settings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("/v1", "/api/v1", settings.api_route_prefix)))


def _door(settings: Settings, keys: Keys, books: Bookkeeper) -> Door:
    limits = books.accounting.limits
    return Door(keys, settings.max_body_bytes, settings.ping_interval, settings.drains, limits)


def _control_plane(settings: Settings, aws: Aws, table: Table | None) -> ControlPlane | None:
    if table is None and not settings.table_name:
        return None
    from app.control_plane import ControlPlane, dynamo_table  # 20 ms, for those who have a table

    single = make_keys(settings, aws) if settings.has_key else None
    return ControlPlane(
        settings, table or dynamo_table(settings.table_name, aws, answer_timeout=settings.table_timeout), single
    )


def _gateway(
    settings: Settings,
    aws: Aws,
    executor: ThreadPoolExecutor,
    selection: Selection,
    books: Bookkeeper,
    plane: ControlPlane | None,
) -> Gateway:
    """What a prompt goes through, from the outside in."""
    catalog = selection.catalog
    lessons: Lessons = RecentLessons()
    stash: Stash = MemoryStash(settings.stash_entries, settings.stash_bytes)
    answers: Answers = MemoryAnswers()
    if plane:
        lessons, stash, answers = plane.lessons(lessons), plane.stash(stash), plane.answers()
    planner = ModelPlanner(
        catalog.resolve, catalog.profile_for, make_policy(settings), lessons=lessons, router=selection
    )
    healed = Heal(Retry(ConverseUpstream(aws.runtime, executor)), planner)
    upstream = Fallback(Remember(healed, stash), planner, Breaker())
    preparers: tuple[Preparer, ...] = (
        FetchLinks(make_fetcher(settings), settings.image_fetch_max_total_bytes),
        Recollect(stash, may_replay),
    )
    if settings.debug:
        preparers = (LogPrompts(content=settings.log_content), *preparers)
    cache = ResponseCache(answers, settings.cache_max_seconds)
    return Gateway(planner, upstream, books, preparers, cache, counter=make_counter(aws, executor))


def _application(
    settings: Settings,
    aws: Aws,
    executor: ThreadPoolExecutor,
    operations: Sequence[Operation],
    responses: Responses,
    plane: ControlPlane | None,
) -> Application:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        # What the first call needs takes a while to load; meanwhile the port is open, and the first request finds it done.
        warming = asyncio.get_running_loop().run_in_executor(executor, _warm, aws)
        if settings.on_lambda:
            await warming  # the init phase has a whole core, the first invocation the memory size's share of one
        yield
        await warming
        await responses.finish()
        if plane:
            await plane.finish()
        executor.shutdown(wait=False, cancel_futures=True)

    prefixes = _prefixes(settings)
    without = () if plane else ("GET", "POST", "DELETE")
    none = absent("Keys and usage are kept in a table, which this gateway has not: set TABLE_NAME.", "no_table")
    router = Router((
        *((each.method, prefix + each.path, each.endpoint) for prefix in prefixes for each in operations),
        *((method, f"{prefix}/organization/{{rest:path}}", none) for prefix in prefixes for method in without),
        ("GET", "/openapi.json", openapi_endpoint(operations, __version__)),
        ("GET", "/health", health_endpoint(holds=settings.health_hold)),
        *((("POST", EVENTS, responses.event),) if settings.on_lambda else ()),
        ("GET", "/", health_endpoint(holds=False)),  # what Claude Code asks first, by HEAD
    ))  # fmt: skip
    sockets = Sockets(_guarded(responses.websocket, settings), [f"{prefix}/responses" for prefix in prefixes])
    state = {} if settings.invoked else {CLIENT_STALL_TIMEOUT: settings.client_stall_timeout}
    return Application(_surrounded(router, settings, prefixes), lifespan, sockets, state)


def _surrounded(app: ASGIApp, settings: Settings, prefixes: Sequence[str]) -> ASGIApp:
    """What a request goes through before its route, from the inside out."""
    app = _guarded(app, settings)
    if settings.invoked:
        app = Invocation(app, settings.deadline_margin)
    app = Net(app, settings.max_body_bytes)
    if settings.allowed_origins:
        from starlette.middleware.cors import CORSMiddleware  # 40 ms, for those who need it

        app = CORSMiddleware(
            app,
            allow_origins=list(settings.allowed_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=[
                "x-request-id",
                "request-id",
                *RECEIPT_HEADERS,
                "x-gateway-stream",
                "x-gateway-estimate",
                "retry-after",
                "x-should-retry",
            ],
        )
    return Context(Dialect(app, speaks(prefixes), translation))


def _guarded(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Who may come in at all."""
    if settings.allowed_networks:
        app = Networks(app, settings.allowed_networks)
    if settings.origin_secret:
        app = Origin(app, settings.origin_secret)
    return app


def _warm(aws: Aws) -> None:
    try:
        aws.runtime()
    except Exception:  # noqa: BLE001  the first request meets the same trouble and tells it to somebody
        log.warning("the Bedrock client could not be prepared; the first request will say why")
