"""The list of origins of a source: one per line, as `https://shop.example`.

An origin is scheme, host and port, as a browser writes it (RFC 6454). A line may also be
`https://*.shop.example` for all hosts below one, or `null`, which browsers say for pages
without an origin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from django.utils.translation import gettext as _

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^\s/?#:@\[\]\\,;]+|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
#: At least a name with a dot in it: nobody owns all of `*.com`.
_BELOW = re.compile(r"\*\.[a-z0-9_-]+(\.[a-z0-9_-]+)*\.(?![0-9]+$)[a-z0-9-]+")
_PORTS = {"http": "80", "https": "443"}
_NULL = "null"


def read_origin(text: str) -> str:
    """Return the origin as browsers write it: small letters, no port that goes without saying.

    :raises ValueError: with a sentence for people, when `text` is no origin.
    """
    if text == _NULL:
        return _NULL
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise ValueError(_what_is_wrong(text))
    scheme, host = found["scheme"].lower(), _read_host(found["host"])
    port = found["port"]
    if port is None or port == _PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


def _read_host(host: str) -> str:
    host = _in_ascii(host).lower()
    if host.startswith("[") or _HOST.fullmatch(host) or _BELOW.fullmatch(host):
        return host
    if "*" in host:
        raise ValueError(
            _("a star stands for the hosts below a domain only, as in https://*.shop.example")
        )
    raise ValueError(_("“%s” is no name of a host") % host)


def _in_ascii(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise ValueError(_("“%s” is no name of a host") % host) from None


def _what_is_wrong(text: str) -> str:
    if "://" not in text:
        return _("http:// or https:// is missing, as in https://shop.example")
    if (found := _ORIGIN.match(text)) and "@" not in text:
        return _("an origin ends with the host and port: write %s") % found[0]
    return _("an origin is a scheme, a host and perhaps a port, as in https://shop.example:8443")


def matches(origin: str, allowed: frozenset[str]) -> bool:
    """Return whether `origin`, as a browser sent it, is one of `allowed`."""
    if not allowed or "*" in origin or not origin.isascii():
        return False
    try:
        stated = read_origin(origin)
    except ValueError:
        return False
    return any(form in allowed for form in _forms(stated))


def _forms(origin: str) -> Iterator[str]:
    """Yield the lines that allow `origin`: itself, and a star for any number of its labels."""
    yield origin
    scheme, found, host = origin.partition("://")
    while found:
        _label, found, host = host.partition(".")
        yield f"{scheme}://*.{host}"


@lru_cache(maxsize=256)
def allowed_origins(text: str) -> frozenset[str]:
    """Return the origins that the lines of `text` allow; a line that is none allows nothing."""
    return frozenset(origin for _number, origin, _problem in read_lines(text) if origin)


def read_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (number, origin, problem) of each line that is not empty; one of the two is ""."""
    for number, line in enumerate(text.splitlines(), start=1):
        if not (stated := line.strip()):
            continue
        try:
            yield number, read_origin(stated), ""
        except ValueError as error:
            yield number, "", str(error)
