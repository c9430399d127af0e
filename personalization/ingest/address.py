"""The address of a client, through as many proxies as the site says that it runs."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest

from personalization.conf import settings

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: HttpRequest) -> str:
    """Return the address of the client in its shortest form, or "" when there is none.

    Each proxy adds whom it heard at the right of X-Forwarded-For, so behind n of them the
    n-th entry from the right is the work of the outermost one. What stands further left is
    whatever the client has sent. A request with fewer entries did not come through all of
    them; then it is from whom the connection is from.
    """
    proxies = settings.TRUSTED_PROXIES
    if proxies > 0:
        entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(entries) >= proxies and (stated := read_address(entries[-proxies])):
            return str(stated)
    connected = read_address(request.META.get("REMOTE_ADDR") or "")
    return str(connected) if connected else ""


def is_hidden(request: HttpRequest, address: str) -> bool:
    """Return whether `address` is that of a proxy that the site has not told us about.

    Who connects from a private network and says that it forwards is no visitor, but
    all visitors.
    """
    if settings.TRUSTED_PROXIES > 0 or "HTTP_X_FORWARDED_FOR" not in request.META:
        return False
    known = read_address(address)
    return known is not None and not known.is_global


def read_address(text: str) -> IpAddress | None:
    """Return the address in `text`, which may have a port; None when it is none."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
