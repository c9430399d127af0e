"""Requests to addresses that people enter: to public networks only, bounded in every way.

Whoever may enter an address could otherwise make the site ask what only the site can
reach: its own admin, a database, the metadata of its cloud. So the name is resolved here,
each of its addresses is judged, and the connection goes to an address that was judged and
is not looked up again. Redirects are answers like any other and are never followed.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit

from personalization.conf import settings
from personalization.exceptions import OutboundFailed, OutboundRefused, SettingError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Seconds that a request may take, all in all but for looking up the name.
TIMEOUT = 10.0
#: Bytes of an answer that are read; the rest is left.
MOST_READ = 64 * 1024
_PORTS = {"http": 80, "https": 443}
#: Addresses of the old internet as they are written in the new one, for gateways to unwrap.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: the status, the headers by their names in lower case, the first of the
    body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def post(url: str, *, body: bytes, headers: Mapping[str, str], timeout: float = TIMEOUT) -> Answer:
    """Post `body` to `url` and return the answer, whatever its status; `timeout` in seconds.

    :raises OutboundRefused: when the address is none that may be called.
    :raises OutboundFailed: when there is no answer, or none in time.
    """
    parts = read_url(url)
    host, port = _host(parts), parts.port or _PORTS[parts.scheme]
    addresses = permitted_addresses(host, port)
    try:
        with _deadline(timeout) as watch:
            plain = _connected(addresses, port, timeout)
            watch.over(plain)
            connection = HTTPConnection(host, port)
            connection.sock = _secured(plain, host, watch) if parts.scheme == "https" else plain
            answer = _exchange(connection, parts, body=body, headers=headers)
    except (OSError, HTTPException) as error:
        if not (watch.rang or isinstance(error, TimeoutError)):
            raise OutboundFailed(f"{host} cannot be asked: {_words(error)}.") from error
    else:
        if not watch.rang:  # or it is only the beginning of one
            return answer
    raise OutboundFailed(f"{host} did not answer within {timeout:g} s.")


def read_url(url: str) -> SplitResult:
    """Return the parts of an address that may be called, as far as it can be told by reading.

    :raises OutboundRefused: naming what is wrong with it.
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise OutboundRefused("An address has no spaces and no control characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OutboundRefused(f"{_beginning(url)!r} is no address: {error}.") from None
    if parts.scheme not in _PORTS:
        allowed = ", ".join(_PORTS)
        raise OutboundRefused(f"{parts.scheme[:20]!r} cannot be called. Allowed: {allowed}.")
    if not parts.hostname or port == 0:
        raise OutboundRefused(f"{_beginning(url)!r} names no host that can be called.")
    if parts.username is not None or parts.password is not None:
        raise OutboundRefused("An address has no user and no password in it.")
    return parts


def _beginning(url: str) -> str:
    """Return what may be told of an address: path and query of many a webhook are its secret."""
    scheme, slashes, rest = url.partition("//") if "//" in url else ("", "", url)
    host = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}{slashes}{host}"[:100]


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        return host if ":" in host else host.encode("idna").decode()
    except UnicodeError:
        raise OutboundRefused(f"{host[:100]!r} is no name of a host.") from None


def permitted_addresses(host: str, port: int) -> Sequence[str]:
    """Return the addresses of `host`, if all of them may be called.

    :raises OutboundRefused: when one of them is not public.
    :raises OutboundFailed: when the name is not known.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundFailed(f"{host} cannot be found.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    networks = permitted_networks(settings.OUTBOUND_NETWORKS)
    for address in addresses:
        known = ipaddress.ip_address(address.partition("%")[0])
        if not is_public(known) and not any(_inner(known) in network for network in networks):
            raise OutboundRefused(f"{host} is {address}, which is not public.")
    return addresses


def permitted_networks(
    names: Sequence[str],
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the networks that are called as in “10.20.0.0/16”.

    :raises SettingError: naming one that is none.
    """
    try:
        return [ipaddress.ip_network(name) for name in names]
    except ValueError as error:
        raise SettingError(f"PERSONALIZATION_OUTBOUND_NETWORKS: {error}.") from None


def is_public(address: IpAddress) -> bool:
    """Return whether `address` is one of the public internet, also when it wraps another."""
    address = _inner(address)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
    )


def _inner(address: IpAddress) -> IpAddress:
    """Return the address that a gateway on the way would make of this one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _connected(addresses: Sequence[str], port: int, timeout: float) -> socket.socket:
    """Return a connection to the first of `addresses` that takes it."""
    failure: OSError | None = None
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout / len(addresses))
            connection.connect((address, port))
        except OSError as error:
            connection.close()
            failure = error
        else:
            connection.settimeout(timeout)
            return connection
    raise failure or OSError("it has no address")


def _secured(plain: socket.socket, host: str, watch: _Watch) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    # The handshake comes later: a slow one is to be watched, too.
    secured = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    watch.over(secured)
    secured.do_handshake()
    return secured


def _exchange(
    connection: HTTPConnection, parts: SplitResult, *, body: bytes, headers: Mapping[str, str]
) -> Answer:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            "POST",
            target,
            body=body,
            headers={"Accept-Encoding": "identity", "Connection": "close", **headers},
        )
        response = connection.getresponse()
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=response.read(MOST_READ),
        )
    except UnicodeError as error:
        raise OutboundRefused(f"The path of the address is not ASCII: {error}.") from None


class _Watch:
    """Ends a connection at its time: each wait for a byte would begin a time-out anew."""

    def __init__(self) -> None:
        self.rang = False
        self._watched: socket.socket | None = None
        self._lock = threading.Lock()

    def over(self, connection: socket.socket) -> None:
        with self._lock:
            self._watched = connection

    def close(self) -> None:
        with self._lock:
            if self._watched is not None:
                self._watched.close()
                self._watched = None

    def ring(self) -> None:
        with self._lock:
            self.rang = True
            if self._watched is not None:
                try:
                    # That of the plain socket: the other would wait for a farewell.
                    socket.socket.shutdown(self._watched, socket.SHUT_RDWR)
                except OSError:  # it has ended by itself
                    return


@contextmanager
def _deadline(seconds: float) -> Iterator[_Watch]:
    watch = _Watch()
    timer = threading.Timer(seconds, watch.ring)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        watch.close()


def _words(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
