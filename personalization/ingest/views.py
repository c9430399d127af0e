"""The ingest endpoints, in the shape of the Segment HTTP Tracking API.

Answers that real clients need: 200 with JSON (some retry 202 and 204), errors
with `code` and `message` (some retry a 4xx without), no redirect to a slash
(they follow it as a GET and report success).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.decorators import method_decorator
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from personalization import metrics
from personalization.exceptions import RequestRejected
from personalization.ingest.accept import events_in, judge, keep, withhold
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
    if isinstance(error, OperationalError | InterfaceError):
        metrics.count("ingest.unavailable")
        return Response(
            {"code": "unavailable", "message": "The events cannot be kept now; try again."},
            status=503,
            headers={"Retry-After": RETRY_AFTER},
        )
    if isinstance(error, SuspiciousOperation):  # such as a query of thousands of fields
        return Response({"code": RequestRejected.code, "message": str(error)}, status=400)
    if isinstance(error, APIException):
        code = str(error.get_codes())
        return Response({"code": code, "message": str(error.detail)}, status=error.status_code)
    return None


class AlwaysJson(BaseContentNegotiation):
    """Whatever a client says that it accepts: no event is lost over its headers."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


# `keep` commits by itself: one that failed behind the view would be answered in HTML.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class IngestView(APIView):
    """`POST` one call (`kind` is its type) or, without a kind, a batch of calls."""

    # Not the site's defaults: those are meant for its own API.
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJson
    versioning_class = None
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
        withhold(outcome, sender=sender)
        keep(outcome.arrivals, source=source, sender=sender)
        rejected = [vars(rejection) for rejection in outcome.rejected]
        return Response({"success": True, "accepted": len(outcome.arrivals), "rejected": rejected})
