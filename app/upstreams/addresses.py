"""Which URLs may be fetched: their parts, how a host may be written, and which addresses are public.

Pure; no name is resolved here. A URL is taken apart once, and what is checked is what is connected to, so two parsers
can't disagree about it. `Refused` carries a text for the client, which names no address.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

Address = IPv4Address | IPv6Address
HostRule = Callable[[str], None]

# What web servers use. A URL with any other port is more likely a probe of someone's network than an image.
WEB_PORTS: Final = frozenset({80, 443, 8080, 8443})
MAX_URL: Final = 8192

# IANA's special-purpose registries (iana-ipv4-special-registry; RFC 6890 and successors), as of 2025-10. Written out
# because `ipaddress.is_global` differs between patch releases of Python (CVE-2024-4032).
_REFUSED_V4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; some clouds keep their metadata service here
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the platform address of Azure virtual machines, public by its number only
        "169.254.0.0/16",  # link-local: 169.254.169.254 (metadata), 169.254.170.2 (container credentials)
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Of IPv6 only the global unicast block is in public use; loopback, fc00::/7 (fd00:ec2::254 is the metadata service),
# fe80::/10, ff00::/8, ::a.b.c.d and 64:ff9b:1::/48 lie outside it.
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo (which carries an IPv4 address), ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, withdrawn; carries an IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")

_SCHEMES: Final = {"http": 80, "https": 443}
_AUTHORITY: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{0,5}))?")
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMBER: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_PATH_SAFE: Final = "/:@!$&'()*+,;=-._~%"


class Refused(Exception):
    """The URL will not be fetched, or what it gave will not be used. The text is for the client."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart. `host` is lower-case ASCII without brackets; `path` includes the query, percent-encoded."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None = None

    @property
    def authority(self) -> str:
        """What the `Host` header says: the port only where it isn't the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _SCHEMES[self.scheme] else f"{host}:{self.port}"


def plain(address: Address) -> Address:
    """The address that is reached: the IPv4 address in an IPv4-mapped IPv6 address, else itself."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def is_public(address: Address) -> bool:
    """Whether the address belongs to a host on the public Internet, judged by what it reaches, not how it is written.

    NAT64 addresses count as the IPv4 address they carry (networks with IPv6 only see every IPv4 site through them); the
    withdrawn tunnels 6to4 and Teredo, and every address with a zone, are refused whatever they carry.
    """
    address = plain(address)
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if address not in _NAT64:
            return address in _GLOBAL_V6 and not any(address in block for block in _REFUSED_V6)
        address = IPv4Address(int(address) & 0xFFFF_FFFF)
    return not any(address in block for block in _REFUSED_V4)


def parse(url: str, *, ports: Container[int] = WEB_PORTS) -> Target:
    """`HTTPS://Example.com/a b#c` -> Target("https", "example.com", 443, "/a%20b"). Raises Refused.

    Refused: schemes other than http and https, credentials, unusual ports, control characters and backslashes, and
    hosts that only look like names (`2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`).
    """
    url = url.strip(" \t\r\n")
    if len(url) > MAX_URL:
        raise Refused(f"The URL is longer than {MAX_URL} characters.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in url) or "\\" in url:
        raise Refused("The URL contains characters that are not allowed in one.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refused("The URL is malformed.") from None
    if parts.scheme not in _SCHEMES:
        raise Refused("The URL must start with http:// or https://.")
    if "@" in parts.netloc:
        raise Refused("The URL must not contain a user name or password.")
    found = _AUTHORITY.fullmatch(parts.netloc)
    if found is None:
        raise Refused("The URL names no host, or names it in a way that is not allowed.")
    port = int(found["port"] or _SCHEMES[parts.scheme])
    if port not in ports:
        raise Refused(f"Port {port} is not one that files are fetched from.")
    host, address = _v6(found["v6"]) if found["v6"] is not None else host_of(found["name"])
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    query = "?" + quote(parts.query, safe=_PATH_SAFE + "?") if parts.query else ""
    return Target(parts.scheme, host, port, path + query, address)


def redirected(url: str, location: str) -> str:
    """Where a `Location` header points, seen from `url`. Raises Refused."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise Refused("The server redirects to a malformed URL.") from None


def host_of(name: str) -> tuple[str, Address | None]:
    """The canonical form of a host name, and its address where it is one. Raises Refused.

    A name whose last label is a number is an IPv4 address to every resolver, in one of a dozen notations; only the
    common one, four decimal numbers, is accepted (as in the WHATWG URL standard's "ends in a number" check).
    """
    if not name.isascii():
        name = _to_ascii(name)
    name = name.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise Refused("The URL's host is not a valid name.")
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name, None
    try:
        return name, IPv4Address(name)
    except ValueError:
        raise Refused("The URL's host is an address in a notation that is not accepted.") from None


def _to_ascii(name: str) -> str:
    # Imported late: its tables take some milliseconds and few URLs need them.
    import idna

    if len(name) > 253:
        raise Refused("The URL's host is not a valid name.")
    try:
        # The mapping turns full-width digits and dots into plain ones, as a browser does; the checks come after it.
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise Refused("The URL's host is not a valid name.") from None


def _v6(text: str) -> tuple[str, Address]:
    # A zone (`%eth0`) picks a local interface; `ipaddress` would take it, a URL of a public host never has one.
    try:
        address = ipaddress.IPv6Address(text if "%" not in text else "")
    except ValueError:
        raise Refused("The URL's host is not a valid address.") from None
    return address.compressed, address


def host_rule(policy: Sequence[str]) -> HostRule:
    """A check of canonical host names, which raises Refused. Raises ValueError for an entry that can't be a host.

    `("public",)` lets every host through, `("off",)` and an empty policy none, a list those it names; `*.example.com`
    stands for every name below example.com, not for itself. `off` beside anything else still means off.
    """
    words = [word.strip().lower() for word in policy]
    if not words or "off" in words:
        return _refuse_all
    if "public" in words:
        return lambda host: None
    exact: set[str] = set()
    below: list[str] = []
    for word in words:
        try:
            host, _ = _v6(word[1:-1]) if word.startswith("[") else host_of(word.removeprefix("*."))
        except Refused:
            raise ValueError(f"{word!r} is not `public`, `off`, a host name or `*.` and a host name") from None
        if word.startswith("*."):
            below.append("." + host)
        else:
            exact.add(host)

    def listed(host: str) -> None:
        if host not in exact and not host.endswith(tuple(below)):
            raise Refused("The URL's host is not on the list of hosts that files are fetched from.")

    return listed


def _refuse_all(host: str) -> None:
    raise Refused("Remote URLs are not fetched by this gateway. Send the content inline, as a data URL.")
