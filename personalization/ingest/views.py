"""The ingest endpoints, in the shape of the Segment HTTP Tracking API.

Answers that real clients need: 200 with JSON (some retry 202 and 204), errors
with `code` and `message` (some retry a 4xx without), no redirect to a slash
(they follow it as a GET and report success).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import OperationalError
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from personalization import metrics
from personalization.exceptions import RequestRejected
from personalization.ingest.accept import events_in, judge, keep
from personalization.ingest.authentication import authenticated_source
from personalization.ingest.body import read_json
from personalization.ingest.protocols.segment import Sender
from personalization.ingest.times import read_time
from personalization.profiles.visitor import read_visitor_id

RETRY_AFTER = "2"


def problem(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the JSON for a failure; anything unforeseen stays a 500."""
    if isinstance(error, RequestRejected):
        return Response({"code": error.code, "message": str(error)}, status=error.status)
    if isinstance(error, OperationalError):
        metrics.count("ingest.unavailable")
        return Response(
            {"code": "unavailable", "message": "The events cannot be kept now; try again."},
            status=503,
            headers={"Retry-After": RETRY_AFTER},
        )
    if isinstance(error, APIException):
        code = str(error.get_codes())
        return Response({"code": code, "message": str(error.detail)}, status=error.status_code)
    return None


class IngestView(APIView):
    """`POST` one call (`kind` is its type) or, without a kind, a batch of calls."""

    authentication_classes = ()
    permission_classes = ()
    kind: str | None = None

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response | None]:
        # The errors clients need, not whatever the site's other APIs answer.
        return problem

    def post(self, request: Request) -> Response:
        http = request._request
        body, size = read_json(http)
        source = authenticated_source(http, body)
        sender = Sender(
            trusted=source.is_server,
            visitor_id=None if source.is_server else read_visitor_id(http.COOKIES),
            received_at=timezone.now(),
            sent_at=read_time(body.get("sentAt")),
        )
        events = [body] if self.kind else events_in(body)
        if events is None:
            raise RequestRejected("/batch is needed: a list of events.", code="missing_batch")
        outcome = judge(events, sender=sender, size=size, kind=self.kind)
        if self.kind and outcome.rejected:
            raise RequestRejected(outcome.rejected[0].message, code=outcome.rejected[0].code)
        keep(outcome.arrivals, source=source, sender=sender)
        rejected = [vars(rejection) for rejection in outcome.rejected]
        return Response({"success": True, "accepted": len(outcome.arrivals), "rejected": rejected})
