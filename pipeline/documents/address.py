"""Which addresses documents may come from, and where these lead: public hosts, by plain https URLs."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipeline.git import is_loopback

ALLOWED_HOSTS = frozenset({"github.com", "gitlab.com", "codeberg.org", "huggingface.co"})
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where documents may come from. `loopback` also allows plain http to this machine, for tests."""

    hosts: Collection[str] = field(default=ALLOWED_HOSTS)
    loopback: bool = False


def check_url(url: str, reach: Reach) -> dict[str, str]:
    """Git settings that pin `url` to an address checked to be public. Raises `ValueError` in plain words."""
    host = allowed_host(url, reach)
    if "https_proxy" in os.environ or "HTTPS_PROXY" in os.environ or url.startswith("http:"):
        return {}  # the proxy resolves the name, and decides; this machine needs no name
    return {"http.curloptResolve": f"{host}:443:{_public_address(host)}"}


def allowed_host(url: str, reach: Reach) -> str:
    """The host of a plain URL of an allowed host; nobody is asked. Raises `ValueError` in plain words."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if reach.loopback and parts.scheme == "http" and url.startswith("http:") and is_loopback(host):
        return host
    if parts.scheme != "https":
        raise ValueError(f"the document's repository must be an https URL: {url!r}")
    if host not in reach.hosts:
        raise ValueError(f"documents are taken from {', '.join(sorted(reach.hosts))}; not from {host or url}")
    if parts.netloc.lower() != host or parts.query or parts.fragment or not parts.path.strip("/"):
        raise ValueError(f"the document's repository must be a plain https URL (no name, port or query): {url!r}")
    return host


def _public_address(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(f"the host {host} cannot be found from here") from error
    addresses = sorted({str(item[4][0]) for item in found}, key=lambda text: (":" in text, text))
    for text in addresses:
        address = _meant(ipaddress.ip_address(text))
        if not address.is_global or address.is_multicast:
            raise ValueError(f"the host {host} has an address that is not public ({text})")
    return addresses[0]


def _meant(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address stands for, where it is one of these."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(address.packed[-4:])
    return inner or address
