"""The addresses of every protocol there is: each is a folder below `protocols`."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from django.urls import URLPattern, re_path

from personalization.ingest import protocols
from personalization.ingest.adapter import Adapter, adapters
from personalization.ingest.views import IngestView

#: The protocol of our own tracker.
NATIVE = "segment"


def find_protocols() -> None:
    """Import the adapter of each folder, which registers it."""
    for module in pkgutil.iter_modules(protocols.__path__):
        if module.ispkg:
            import_module(f"{protocols.__name__}.{module.name}.adapter")


def protocol_urls() -> list[URLPattern]:
    """Return the patterns of all protocols; one that is off answers 404 by itself.

    Every address also answers with a slash: a redirect would turn a POST into a GET.
    """
    find_protocols()
    # Our own first: most requests are for it, and patterns are tried one after the other.
    ordered = sorted(adapters.items(), key=lambda entry: entry[0] != NATIVE)
    return [pattern for name, adapter in ordered for pattern in _urls(name, adapter())]


def _urls(protocol: str, adapter: Adapter) -> Iterator[URLPattern]:
    named: set[str] = set()
    for route in adapter.routes:
        view = IngestView(protocol=protocol, adapter=adapter, route=route)
        # The first route of a call is the one that is told to people.
        name = None if route.call in named else f"{protocol}-{route.call}"
        named.add(route.call)
        yield re_path(rf"^{route.path}/?$", view, name=name)
