"""The parts that settings decide about, each made from them alone. `main` puts them together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING

from app.api.responses.keeping import Invoke, Keeping
from app.api.responses.route import Responses
from app.core.access import Access
from app.core.books import Accounting, Meter
from app.core.plan import Target
from app.core.ports import Embedder, Fetcher, Keys, Statuses, TokenCounter
from app.core.prompt import Guardrail
from app.core.request_limits import RequestLimits
from app.core.responses import Store
from app.gateway import Gateway
from app.meter.log import LogMeter
from app.meter.price_setting import configured_prices
from app.meter.shapes import LogInputs
from app.plan.aliases import Aliases
from app.plan.catalog import Catalog
from app.plan.metadata import request_metadata
from app.plan.planner import Policy
from app.plan.presets import EMBEDDING_MODEL
from app.plan.selection import Selection
from app.plan.traits import traits_of
from app.settings import Settings, SettingsError
from app.stages.bookkeeping import Bookkeeper, KeptEmbedder
from app.stages.breaker import Breaker
from app.stages.fallback import FallbackEmbedder
from app.stages.later import LaterEmbedder, LaterFetcher
from app.stages.plain import Plain
from app.stores.keys import HashedKey, NoKey, SingleKey
from app.stores.parameters import parameter
from app.stores.secrets import key_source
from app.stores.statuses import NoStatuses, TableStatuses
from app.upstreams.aws import Aws
from app.upstreams.control import BedrockControl
from app.web.endpoint import Door

if TYPE_CHECKING:
    from app.control_plane import ControlPlane


def make_meter(settings: Settings) -> Meter:
    if not settings.metrics:
        return LogMeter()
    from app.meter.emf import EmfMeter, Meters

    try:
        return Meters(LogMeter(), EmfMeter(settings.metrics))
    except ValueError as problem:
        raise SettingsError(str(problem)) from None


def make_books(settings: Settings, meter: Meter, plane: ControlPlane | None, selection: Selection) -> Bookkeeper:
    try:
        prices = configured_prices(settings.prices, settings.price_ceiling)
    except ValueError as problem:
        raise SettingsError(str(problem)) from None
    accounting: Accounting = plane.accounting(meter) if plane else Plain(meter)
    return Bookkeeper(
        accounting,
        prices,
        output=settings.reserve_output_tokens,
        ahead=selection.ahead,
        limit_output=settings.budget_limits_output,
    )


def make_counter(aws: Aws, executor: ThreadPoolExecutor) -> Callable[[], TokenCounter]:
    """Made by the first request to count."""

    @cache
    def make() -> TokenCounter:
        from app.stages.count import Counter
        from app.upstreams.counting import ConverseCounter

        return Counter(ConverseCounter(aws.runtime, executor))

    return make


def make_store(settings: Settings, plane: ControlPlane | None) -> Callable[[], Store] | None:
    """Where responses are kept, made by the first request for one; None where none are."""
    if not settings.responses_store:
        return None

    @cache
    def make() -> Store:
        if plane:
            return plane.responses()
        from app.stores.responses.store import memory_store

        return memory_store(days=settings.responses_ttl_days, size=16_000_000 if settings.on_lambda else 64_000_000)

    return make


def make_invoke(aws: Aws, environ: Mapping[str, str]) -> Invoke:
    """How the function has itself invoked, made by the first response in the background."""

    @cache
    def make() -> Invoke:
        from app.stores.invocation import SelfInvocation, Way, invocations_url
        from app.stores.table.http import HttpPool

        name, version = (environ.get(f"AWS_LAMBDA_FUNCTION_{part}", "") for part in ("NAME", "VERSION"))

        def way() -> Way:
            endpoint, sign = aws.signed("lambda")
            url = invocations_url(endpoint, name, version)
            return Way(url, sign, HttpPool(url, tls=aws.tls, proxy=aws.proxy(url)))

        return SelfInvocation(way)

    return lambda event: make()(event)


def make_responses(
    settings: Settings,
    aws: Aws,
    environ: Mapping[str, str],
    gateway: Gateway,
    door: Door,
    plane: ControlPlane | None,
    store: Callable[[], Store] | None,
) -> Responses:
    invoke = make_invoke(aws, environ) if settings.on_lambda and plane else None
    caller_of = plane.keys.known if plane else None
    keeping = Keeping(store, settings.on_lambda, invoke, caller_of, limits=make_limits(settings))
    return Responses(gateway, door, keeping)


def make_limits(settings: Settings) -> RequestLimits:
    return RequestLimits(settings.max_messages, settings.max_tools, settings.max_schema_nodes)


def make_embedder(
    settings: Settings, aws: Aws, executor: ThreadPoolExecutor, selection: Selection, books: Bookkeeper
) -> Embedder:
    def make() -> Embedder:
        from app.upstreams.invoke.client import InvokeClient
        from app.upstreams.invoke.embedder import InvokeEmbedder

        return InvokeEmbedder(
            lambda name: selection.catalog.resolve(name, embedding=True),
            InvokeClient(aws.runtime, executor).invoke,
            strict=settings.strict_parameters,
            metadata=lambda call: request_metadata(call.caller.key_id, call.caller.project, {}, ""),
        )

    async def resolve(name: str, access: Access) -> Target:
        if selection.concerns(name, access):
            return (await selection.choose(name, access, embedding=True))[0]
        return await selection.catalog.resolve(name, embedding=True)

    embedder: Embedder = FallbackEmbedder(LaterEmbedder(make), selection, Breaker())
    if settings.debug:
        embedder = LogInputs(embedder, content=settings.log_content)
    return KeptEmbedder(embedder, books, resolve)


def make_selection(settings: Settings, aws: Aws) -> Selection:
    text = settings.model_aliases.strip()
    read = None if not text or text[0] in '{["' else partial(parameter, text, aws.client)
    try:
        aliases = Aliases(
            "" if read else text,
            read=read,
            clock=time.time,
            default_model=settings.default_model,
            default_embedding_model=settings.default_embedding_model or EMBEDDING_MODEL,
        )
    except ValueError as problem:
        raise SettingsError(f"MODEL_ALIASES: {problem}") from None
    return Selection(
        make_catalog(settings, aws),
        aliases,
        region=lambda: aws.likely_region,
        abroad=partial(make_catalog, settings, aws),
        allowed=settings.allowed_models,
    )


def make_catalog(settings: Settings, aws: Aws, region: str = "") -> Catalog:
    source = BedrockControl(
        lambda: aws.client("bedrock", region or None),
        profiles=settings.enable_cross_region_inference,
        application_profiles=settings.enable_application_inference_profiles,
    )
    return Catalog(
        source,
        asyncio.to_thread,
        clock=time.time,
        ttl=settings.models_cache_seconds,
        region=region or aws.likely_region,
        traits_of=traits_of,
        enable_cross_region=settings.enable_cross_region_inference,
        enable_application_profiles=settings.enable_application_inference_profiles,
        prefer_global=settings.prefer_global_profiles,
        default_model=_unless_off(settings.default_model),
        default_embedding_model=_unless_off(settings.default_embedding_model or EMBEDDING_MODEL),
    )


def _unless_off(default: str) -> str:
    return "" if default.strip().lower() == "off" else default


def make_keys(settings: Settings, aws: Aws) -> Keys:
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


def make_statuses(settings: Settings, aws: Aws) -> Statuses:
    return TableStatuses(lambda: aws.client("dynamodb"), settings.table_name) if settings.table_name else NoStatuses()


def make_fetcher(settings: Settings) -> Fetcher:
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


def make_policy(settings: Settings) -> Policy:
    guardrail = None
    if settings.guardrail_id:
        guardrail = Guardrail(settings.guardrail_id, settings.guardrail_version, settings.guardrail_stream_mode)
    return Policy(
        cache_auto=settings.enable_prompt_caching,
        cache_ttl="1h" if settings.prompt_cache_ttl == "1h" else "",
        guardrail=guardrail,
        guardrail_override=settings.guardrail_client_override,
        strict=settings.strict_parameters,
    )
