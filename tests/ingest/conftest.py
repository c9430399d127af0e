from __future__ import annotations

from collections.abc import Callable

import pytest

from personalization.events.models import Source
from tests.factories import make_segment, make_source

__all__ = ["browser", "make_segment", "make_source", "server"]


@pytest.fixture
def server(make_source: Callable[..., Source]) -> Source:
    """A source that is believed: the site's own servers."""
    return make_source(kind=Source.Kind.SERVER, write_key="server-key")


@pytest.fixture
def browser(make_source: Callable[..., Source]) -> Source:
    """A source whose key everybody can read."""
    return make_source(kind=Source.Kind.BROWSER, write_key="browser-key")
