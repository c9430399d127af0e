from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from personalization.events.models import Source
from personalization.ingest.adapter import adapters
from personalization.ingest.routes import find_protocols

# Tests of adapters need no addresses, only that the adapters are there.
find_protocols()


@pytest.fixture(autouse=True)
def every_protocol_is_on(settings: Any) -> None:
    settings.PERSONALIZATION_PROTOCOLS = adapters.names()


@pytest.fixture
def server(db: None, make_source: Callable[..., Source]) -> Source:
    """A source that is believed. Tests without it do not touch the database."""
    return make_source(kind=Source.Kind.SERVER, write_key="server-key")


@pytest.fixture
def browser(db: None, make_source: Callable[..., Source]) -> Source:
    """A source whose key everybody can read."""
    return make_source(kind=Source.Kind.BROWSER, write_key="browser-key")
