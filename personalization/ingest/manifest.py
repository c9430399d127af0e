"""`GET v1/manifest`: what the tracker shall collect, and how much of it.

The same for everybody, so that every cache may keep it for a minute: what no rule uses any
more is not collected a minute later. It never fails: what is not known is not collected.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from django.db import DatabaseError, InterfaceError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from personalization import metrics
from personalization.conf import settings
from personalization.events.collection import kinds_to_collect
from personalization.exceptions import BufferUnavailable
from personalization.experiments import used_events as _of_experiments  # noqa: F401
from personalization.ingest import pressure
from personalization.ingest.sampling import FLOOR, sample_rate
from personalization.ml import used_events  # noqa: F401  # registers what models use
from personalization.segments import collecting  # noqa: F401  # registers what rules use
from personalization.types import Json

VERSION = 1
#: Seconds that caches may keep it.
FRESH = 60


# No transaction: one that cannot begin would be answered in HTML.
@transaction.non_atomic_requests
@require_safe
def manifest_view(request: HttpRequest) -> HttpResponseBase:
    body = json.dumps(manifest(), separators=(",", ":")).encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    answer = HttpResponse(body, content_type="application/json", headers=_HEADERS | {"ETag": etag})
    # Without a response it would leave out whom the answer may be kept for.
    return get_conditional_response(request, etag=etag, response=answer) or answer


_HEADERS = {
    "Cache-Control": f"public, max-age={FRESH}",
    # It says nothing of anybody, and pages of other sites may send, too.
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}


def manifest() -> Mapping[str, Json]:
    """Return the manifest (four reads at most): of page views only if the database is away."""
    try:
        collect = list(kinds_to_collect())
    except (DatabaseError, InterfaceError):
        metrics.count("manifest.unavailable")
        collect = []
    return {"version": VERSION, "collect": collect, "sample": _rate()}


def _rate() -> float:
    limit = settings.BUFFER_LIMIT
    try:
        return sample_rate(pressure.gauge.read(limit=2 * limit), limit=limit)
    except (BufferUnavailable, DatabaseError, InterfaceError):
        return FLOOR
