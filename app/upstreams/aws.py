"""The only place where AWS clients, credentials and endpoints are made. Everything is made when first needed.

`runtime()` is the hot path's endpoint; `client(service)` gives ordinary boto3 clients for all the rest. Retries are ours
(`stages/retry.py`), so botocore's are off: its default silently repeats a generation whose read timed out, up to three
times, and each is billed (botocore 1.44, tried 2026-11).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app.errors import Internal
from app.upstreams.sigv4 import Credentials, SigV4

if TYPE_CHECKING:
    import ssl

    from app.upstreams.http import Endpoint, Sign


class StaticCredentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None


class Aws:
    """Credentials, region and clients of one process. `environ` is read once, when something is first needed."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 3600.0,
        pool_size: int = 256,
    ) -> None:
        self._environ = environ
        self._timeouts = (connect_timeout, read_timeout)
        self._pool_size = pool_size
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._boto: Any = None
        self._provider: Callable[[], Credentials] | None = None
        self._tls: ssl.SSLContext | None = None
        self._boto3: Any = None
        self._runtime: Endpoint | None = None
        self._runtimes: dict[str, Endpoint] = {}

    @property
    def region(self) -> str:
        """AWS_REGION, AWS_DEFAULT_REGION, or the profile's; raises Internal where there is none."""
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        if not region:
            with self._lock:
                region = self._session().get_config_variable("region")
        if not region:
            raise Internal("No AWS region is configured; set AWS_REGION.", code="upstream_config")
        return str(region)

    @property
    def likely_region(self) -> str:
        """The region where one is configured, else the commonest: for guesses about geography, not for calls."""
        try:
            return self.region
        except Internal:
            return "us-east-1"

    def runtime(self, region: str = "") -> Endpoint:
        """The Bedrock runtime endpoint, signed: the configured region's, or another one's.

        An endpoint that the environment names serves every region: the signature alone tells which.
        """
        if region and region != self.region:
            return self._elsewhere(region)
        if self._runtime is None:
            with self._lock:
                if self._runtime is None:
                    self._runtime = self._make_runtime("")
        return self._runtime

    def _elsewhere(self, region: str) -> Endpoint:
        with self._lock:
            if region not in self._runtimes:
                self._runtimes[region] = self._make_runtime(region)
            return self._runtimes[region]

    def signed(self, service: str) -> tuple[str, Sign]:
        """Another service's endpoint and signer, for those who speak its protocol themselves. May block: see `client`."""
        with self._lock:
            url = self._configured_url(service) or (
                f"https://{service}.{self.region}.amazonaws.com"
                if self._is_plain(self.region)
                else str(self.client(service).meta.endpoint_url)
            )
            return url, SigV4(self._credentials(), self.region, service)

    def tls(self) -> ssl.SSLContext:
        """One for all connections: to read the certificates takes 17 ms of CPU (measured 2026-11)."""
        with self._lock:
            if self._tls is None:
                from app.upstreams.http import verifying

                self._tls = verifying(self._ca_bundle())
            return self._tls

    def proxy(self, url: str) -> str:
        """The proxy on the way to `url`, empty for none."""
        return self._proxy(url) or ""

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client, one per service and region."""
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                import boto3
                from botocore.config import Config

                connect, _ = self._timeouts
                config = Config(
                    connect_timeout=min(connect, 3.0),
                    read_timeout=10,
                    retries={"total_max_attempts": 2, "mode": "standard"},
                )
                if self._boto3 is None:  # one, because it registers itself with botocore's
                    self._boto3 = boto3.session.Session(botocore_session=self._session())
                self._clients[key] = self._boto3.client(
                    service,
                    region_name=region or self.region,
                    endpoint_url=self._configured_url(service),
                    config=config,
                )
            return self._clients[key]

    def _session(self) -> Any:
        if self._boto is None:
            import botocore.session

            self._boto = botocore.session.Session()
        return self._boto

    def _make_runtime(self, region: str) -> Endpoint:
        from app.upstreams.http import Endpoint

        url = self._runtime_url(region)
        connect, read = self._timeouts
        return Endpoint(
            url,
            self._signer(url, region),
            connect_timeout=connect,
            read_timeout=read,
            pool_size=self._pool_size,
            tls=self.tls if url.startswith("https:") else None,
            proxy=self._proxy(url),
        )

    def _runtime_url(self, region: str) -> str:
        """The configured endpoint, else the region's own. Anything unusual is left to botocore's rules."""
        configured = self._configured_url("bedrock-runtime")
        if configured:
            return configured
        region = region or self.region
        if self._is_plain(region):
            return f"https://bedrock-runtime.{region}.amazonaws.com"
        return str(self.client("bedrock-runtime", None if region == self.region else region).meta.endpoint_url)

    def _configured_url(self, service: str) -> str | None:
        """The endpoint that the environment names for a service; botocore would look into the process's own only."""
        get = self._environ.get
        if (get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") or "").lower() == "true":
            return None
        return get(f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}") or get("AWS_ENDPOINT_URL") or None

    def _is_plain(self, region: str) -> bool:
        """Whether the endpoint is a commercial region's default, so that botocore's rule engine need not be loaded."""
        get = self._environ.get
        config = Path(get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
        special = any(get(name) for name in ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"))
        commercial = region.split("-", 1)[0] in {"us", "eu", "ap", "ca", "sa", "me", "af", "il", "mx"}
        elsewhere = region.startswith(("us-gov-", "us-iso", "eu-iso", "eusc-"))
        return commercial and not elsewhere and not special and not config.exists()

    def _signer(self, url: str, region: str) -> Sign:
        token = self._environ.get("AWS_BEARER_TOKEN_BEDROCK", "").strip()
        if token:
            if not url.startswith("https:"):
                raise Internal("A Bedrock API key is sent over https only.", code="upstream_config")
            return _bearer(token)
        return SigV4(self._credentials(), region or self.region)

    def _credentials(self) -> Callable[[], Credentials]:
        """A function that gives credentials fit for one request: one for all services, so that they are refreshed once."""
        with self._lock:
            if self._provider is None:
                self._provider = self._find_credentials()
            return self._provider

    def _find_credentials(self) -> Callable[[], Credentials]:
        get = self._environ.get
        access_key, secret_key = get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")
        if access_key and secret_key and not get("AWS_CREDENTIAL_EXPIRATION"):
            # Lambda has them here for as long as the process lives, and botocore looks here first as well; to import its
            # chain takes up to 110 ms (measured 2026-11).
            static = StaticCredentials(access_key, secret_key, get("AWS_SESSION_TOKEN") or get("AWS_SECURITY_TOKEN"))
            return lambda: static
        from botocore.credentials import EnvProvider
        from botocore.exceptions import NoCredentialsError

        from app.upstreams.credentials import RefreshedCredentials

        found = EnvProvider(environ=self._environ).load() or self._session().get_credentials()
        if found is None:
            raise NoCredentialsError
        return RefreshedCredentials(found)

    def _ca_bundle(self) -> str:
        named = self._environ.get("AWS_CA_BUNDLE") or self._environ.get("REQUESTS_CA_BUNDLE")
        if named:
            return named
        package = find_spec("botocore")  # finds it; to import it and ask takes 50 ms
        assert package is not None
        assert package.submodule_search_locations is not None
        return str(Path(package.submodule_search_locations[0]) / "cacert.pem")

    def _proxy(self, url: str) -> str | None:
        scheme = url.split(":", 1)[0]
        if scheme == "http":
            return None  # an endpoint without TLS is an emulator or a neighbour
        proxy = self._environ.get(f"{scheme}_proxy") or self._environ.get(f"{scheme.upper()}_PROXY")
        if not proxy:
            return None
        from botocore.utils import get_environ_proxies

        found = get_environ_proxies(url).get(scheme)
        return str(found) if found else None


def _bearer(token: str) -> Sign:
    def sign(method: str, url: str, body: bytes, headers: dict[str, str]) -> Mapping[str, str]:
        return headers | {"authorization": f"Bearer {token}"}

    return sign
