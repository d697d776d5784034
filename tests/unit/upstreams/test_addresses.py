"""Which hosts and addresses a URL may name: tables of hostile notations, and properties over all of IPv4."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upstreams.addresses import Refused, Target, host_of, host_rule, is_public, parse, plain, redirected

PRIVATE_BLOCKS = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
    "192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4"
)
private_v4 = st.sampled_from(PRIVATE_BLOCKS.split()).flatmap(lambda block: st.ip_addresses(v=4, network=block))


def fullwidth(text: str) -> str:
    return "".join(chr(ord(char) - 0x30 + 0xFF10) if char.isdigit() else char for char in text)


NOTATIONS: dict[str, Callable[[IPv4Address], str]] = {
    "dotted": str,
    "trailing dot": lambda a: f"{a}.",
    "two trailing dots": lambda a: f"{a}..",
    "decimal": lambda a: str(int(a)),
    "octal number": lambda a: f"0{int(a):o}",
    "hexadecimal number": lambda a: f"0x{int(a):x}",
    "upper-case hexadecimal": lambda a: f"0X{int(a):X}",
    "octal parts": lambda a: ".".join(f"0{part:o}" for part in a.packed),
    "padded octal parts": lambda a: ".".join(f"0000{part:o}" for part in a.packed),
    "hexadecimal parts": lambda a: ".".join(f"0x{part:02x}" for part in a.packed),
    "two parts": lambda a: f"{a.packed[0]}.{int(a) & 0xFFFFFF}",
    "three parts": lambda a: f"{a.packed[0]}.{a.packed[1]}.{int(a) & 0xFFFF}",
    "mixed parts": lambda a: f"0x{a.packed[0]:x}.0{a.packed[1]:o}.{int(a) & 0xFFFF}",
    "full-width digits": lambda a: fullwidth(str(a)),
    "ideographic full stops": lambda a: str(a).replace(".", "\N{IDEOGRAPHIC FULL STOP}"),
    "circled digits": lambda a: str(a).replace("1", "\N{CIRCLED DIGIT ONE}"),
    "percent-encoded": lambda a: "".join(f"%{ord(char):02x}" for char in str(a)),
    "mapped": lambda a: f"[::ffff:{a}]",
    "mapped, in hexadecimal": lambda a: f"[{IPv6Address(0xFFFF_0000_0000 | int(a))}]",
    "compatible": lambda a: f"[::{a}]",
    "SIIT": lambda a: f"[::ffff:0:{a}]",
    "NAT64": lambda a: f"[64:ff9b::{a}]",
    "local NAT64": lambda a: f"[64:ff9b:1::{a}]",
    "6to4": lambda a: f"[{IPv6Address((0x2002 << 112) | int(a) << 80)}]",
    "Teredo server": lambda a: f"[{IPv6Address((0x2001_0000 << 96) | int(a) << 64)}]",
    "Teredo client": lambda a: f"[{IPv6Address((0x2001_0000 << 96) | (int(a) ^ 0xFFFF_FFFF))}]",
    "unclosed bracket": lambda a: f"[::ffff:{a}",
    "user name": lambda a: f"example.com@{a}",
    "user name and password": lambda a: f"example.com:443@{a}",
    "backslash": lambda a: f"example.com\\@{a}",
    "backslash after": lambda a: f"{a}\\.example.com",
    "tab": lambda a: f"{a}\t",
    "newline within": lambda a: str(a).replace(".", "\n.", 1),
}


def passes(url: str) -> bool:
    """Whether a fetch of the URL could connect to the address that it writes."""
    try:
        target = parse(url)
    except Refused:
        return False
    if target.address is not None:
        return is_public(target.address)
    # What is left is resolved as a name; the resolver must not take it for an address.
    try:
        socket.inet_aton(target.host)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("notation", NOTATIONS)
@given(address=private_v4)
def test_no_private_address_passes_in_any_notation(notation: str, address: IPv4Address) -> None:
    for scheme in ("http", "HTTPS"):
        for port in ("", ":80", ":8443"):
            assert not passes(f"{scheme}://{NOTATIONS[notation](address)}{port}/latest/meta-data/")


@given(address=st.ip_addresses(v=4))
def test_v4_is_never_more_public_than_python_says(address: IPv4Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@given(address=st.ip_addresses(v=6))
def test_v6_is_never_more_public_than_python_says(address: IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@given(address=st.ip_addresses(v=4))
def test_what_carries_an_address_is_judged_by_it(address: IPv4Address) -> None:
    assert is_public(IPv6Address(0xFFFF_0000_0000 | int(address))) is is_public(address)
    assert is_public(IPv6Address((0x64_FF9B << 96) | int(address))) is is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "::", "::1", "fe80::1", "fe80::1%eth0", "2606:4700::1111%eth0", "fc00::1", "fd00:ec2::254", "fec0::1",
        "ff02::1",
        "2001::1", "2001:db8::1", "2002:0808:0808::1", "3fff::1", "4000::1", "5f00::1", "100::1", "::8.8.8.8",
        "169.254.169.254", "169.254.170.2", "100.100.100.200", "255.255.255.255", "192.88.99.1", "203.0.113.7",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808",
        "::ffff:8.8.8.8",
    ],
)  # fmt: skip
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_a_mapped_address_is_reached_as_what_it_maps() -> None:
    assert plain(IPv6Address("::ffff:8.8.8.8")) == IPv4Address("8.8.8.8")
    assert plain(IPv6Address("2606:4700::1111")) == IPv6Address("2606:4700::1111")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com", Target("https", "example.com", 443, "/")),
        ("HTTPS://Example.COM:443/A?b=c#d", Target("https", "example.com", 443, "/A?b=c")),
        ("  http://example.com.:8080/\n", Target("http", "example.com", 8080, "/")),
        ("http://example.com:/", Target("http", "example.com", 80, "/")),
        ("https://a_b.s3.amazonaws.com/x%20y z/ü?q=\"1 2\"&p=%2F?",
         Target("https", "a_b.s3.amazonaws.com", 443, "/x%20y%20z/%C3%BC?q=%221%202%22&p=%2F?")),
        ("https://Bücher.example/", Target("https", "xn--bcher-kva.example", 443, "/")),
        ("https://faß.example/", Target("https", "xn--fa-hia.example", 443, "/")),
        ("http://8.8.8.8/", Target("http", "8.8.8.8", 80, "/", IPv4Address("8.8.8.8"))),
        ("http://[2606:4700:0::1111]:8080/",
         Target("http", "2606:4700::1111", 8080, "/", IPv6Address("2606:4700::1111"))),
        ("http://127.0.0.1.example.com/", Target("http", "127.0.0.1.example.com", 80, "/")),
    ],
)  # fmt: skip
def test_urls_are_taken_apart(url: str, expected: Target) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com/a.png", "//example.com/a.png", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "data:image/png;base64,AAAA", "s3://bucket/key", "http:", "http://", "http:///path", "http://:80/", "http://./",
        "http://a..b/", "http://-/\x00", "http://exa mple.com/", "http://example.com:99999/", "http://example.com:22/",
        "http://example.com:6379/", "http://example.com:8080x/", "http://example.com:80:80/", "http://user@example.com/",
        "http://user:pass@example.com/", "http://@example.com/", "http://[::1", "http://[v1.x]/", "http://[]/",
        "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://x[::1]/", "http://[::1]x/", "http://%31%32%37.0.0.1/",
        "http://a/\r\nX-Injected: 1", "http://exam\u2028ple.com/", "http://" + "a" * 64 + ".com/", "http://1.2.3.4.5/",
        "http://example.0x/",
        "http://999.1.1.1/", "http://\u2488\u2488/", "http://" + "é" * 300 + ".com/",
        "http://example.com\uff0f@evil.example/", "http://a.com/" + "x" * 9000, "http://\ud800.com/", "http://a\u00ad-.com:x/",
    ],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse(url)
    assert "127" not in str(refusal.value)


@pytest.mark.parametrize("name", ["localhost", "metadata", "metadata.google.internal", "LOCALHOST."])
def test_internal_names_are_names_like_any_and_judged_by_their_addresses(name: str) -> None:
    assert host_of(name) == (name.lower().rstrip("."), None)


@given(st.text())
def test_whatever_is_parsed_makes_a_clean_request(text: str) -> None:
    for url in (text, "http://" + text, "https://example.com/" + text):
        try:
            target = parse(url)
        except Refused:
            continue
        request = target.path + target.authority
        assert request.isascii()
        assert request.startswith("/")
        assert not set(request) & set("\r\n\t \x00")


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [
        ("http", "example.com", 80, "example.com"), ("https", "example.com", 443, "example.com"),
        ("http", "example.com", 443, "example.com:443"), ("http", "::1", 80, "[::1]"), ("http", "::1", 81, "[::1]:81"),
    ],
)  # fmt: skip
def test_the_host_header_names_unusual_ports_only(scheme: str, host: str, port: int, authority: str) -> None:
    assert Target(scheme, host, port, "/").authority == authority


def test_redirects_are_seen_from_where_they_stood() -> None:
    assert redirected("http://a.example/x/y", "../z?q") == "http://a.example/z?q"
    assert redirected("http://a.example/x", "//b.example/y") == "http://b.example/y"
    with pytest.raises(Refused):
        redirected("http://a.example/x", "http://[::1/")


def admits(policy: tuple[str, ...], host: str) -> bool:
    try:
        host_rule(policy)(host)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("policy", "admitted", "refused"),
    [
        (("public",), ["example.com", "8.8.8.8"], []),
        ((" Public ",), ["example.com"], []),
        (("off",), [], ["example.com"]),
        (("off", "public"), [], ["example.com"]),
        ((), [], ["example.com"]),
        (("Example.com.",), ["example.com"], ["www.example.com", "badexample.com", "example.com.evil.example"]),
        (("*.example.com",), ["a.example.com", "a.b.example.com"], ["example.com", "badexample.com"]),
        (("a.example", "*.b.example"), ["a.example", "x.b.example"], ["b.example", "x.a.example"]),
        (("bücher.example",), ["xn--bcher-kva.example"], ["bucher.example"]),
        (("8.8.8.8", "[2606:4700:0::1111]"), ["8.8.8.8", "2606:4700::1111"], ["8.8.4.4"]),
    ],
)  # fmt: skip
def test_policies(policy: tuple[str, ...], admitted: list[str], refused: list[str]) -> None:
    assert all(admits(policy, host) for host in admitted)
    assert not any(admits(policy, host) for host in refused)


@pytest.mark.parametrize(
    "entry", ["*", "https://example.com", "example.com/x", "a.*.example.com", "127.1", "", "[::g]"]
)
def test_a_policy_that_makes_no_sense_is_told_at_once(entry: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        host_rule(("example.com", entry))
