"""What every view of the API does: JSON in, JSON out, and errors as everywhere else.

An error is an object of `code` and `message`, as the ingest endpoint has them, with `pointer`
where a part of the body is at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import InterfaceError, OperationalError
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from personalization.api.authentication import ServerKey
from personalization.exceptions import BodyRejected, RequestRejected
from personalization.ingest.body import parse_json, read_body

RETRY_AFTER = "2"


class AnyBody(BaseParser):
    """Reads JSON, bounded and perhaps compressed, however the request labels it."""

    media_type = "*/*"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        assert parser_context is not None
        request: Request = parser_context["request"]
        return parse_json(read_body(request._request))


class AlwaysJson(BaseContentNegotiation):
    """There is one representation, whatever a client would rather have."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser:
        parser: BaseParser = parsers[0]
        return parser

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """Base of the views: a key of a server source opens them."""

    authentication_classes = (ServerKey,)
    permission_classes = ()
    throttle_classes = ()  # the source has a limit of its own
    parser_classes = (AnyBody,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJson
    metadata_class = None  # OPTIONS is no method of it

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response | None]:
        return refuse

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say that the answer is for who asked, and is what it says that it is."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        finished["Cache-Control"] = "max-age=0, no-store, private"
        finished["X-Content-Type-Options"] = "nosniff"
        return finished


def refuse(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the answer to a request that fails; None for what is a mistake of ours."""
    if isinstance(error, OperationalError | InterfaceError):
        rejected = RequestRejected(
            "The database cannot be reached; try again.", code="unavailable", status=503
        )
        rejected.headers["Retry-After"] = RETRY_AFTER
    elif isinstance(error, exceptions.MethodNotAllowed):
        rejected = RequestRejected(str(error.detail), code="method_not_allowed", status=405)
    elif isinstance(error, RequestRejected):
        rejected = error
    else:
        return None
    set_rollback()
    said = {"code": rejected.code, "message": str(rejected)}
    if isinstance(rejected, BodyRejected):
        said["pointer"] = rejected.pointer
    return Response(said, status=rejected.status, headers=rejected.headers)
