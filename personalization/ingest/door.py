"""Who gets in: a request must say a key, come from an origin that may use it, and not too often."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from personalization.events.models import Source
from personalization.exceptions import Unauthorized
from personalization.ingest import origins, pressure, throttle
from personalization.ingest.authentication import authenticated_source


def admitted_source(
    request: HttpRequest, keys: Iterable[Any], *, address: str, now: datetime
) -> Source:
    """Return the source that the request may send as; `address` is that of the client.

    :raises Unauthorized: without a good key among `keys` and in the headers.
    :raises Forbidden: from a page of a site that the source does not list.
    :raises TooMany: too soon after others, of its source or address; also with wrong keys.
        Or while too much waits for the worker.
    :raises BufferUnavailable: when the buffer cannot be asked.
    """
    try:
        source = authenticated_source(request, keys, now=now)
    except Unauthorized:
        throttle.admit(request, None, address, now=now)
        raise
    origins.admit(request, source)
    pressure.admit()
    throttle.admit(request, source, address, now=now)
    return source
