"""The ingest endpoint: one view for every protocol.

Answers that real clients need: 200 with JSON (some retry 202 and 204), errors
with `code` and `message` (some retry a 4xx without), no redirect to a slash
(they follow it as a GET and report success). A plain view and no framework's:
this is the hottest path there is, and protocols differ in all that one would share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from personalization import metrics
from personalization.conf import settings
from personalization.events.models import Source
from personalization.exceptions import BufferUnavailable, Forbidden, NotThere, RequestRejected
from personalization.ingest import origins
from personalization.ingest.accept import find_duplicates, judge, keep, withhold
from personalization.ingest.adapter import Adapter, Answer, Envelope, Route
from personalization.ingest.address import client_address
from personalization.ingest.body import read_body
from personalization.ingest.bots import agent_of
from personalization.ingest.door import admitted_source
from personalization.ingest.identities import Sender
from personalization.ingest.inspection import inspection
from personalization.ingest.message import Message
from personalization.ingest.network import network
from personalization.ingest.quarantine import set_aside
from personalization.ingest.times import read_time
from personalization.privacy.answers import answered
from personalization.privacy.signals import objects
from personalization.profiles.visitor import ForeignToken, read_user_token, read_visitor_id
from personalization.types import Json

RETRY_AFTER = "2"
#: The header for what the site signed for the page that sends.
USER_HEADER = "X-Personalization-User"


class IngestView:
    """What answers at one route of a protocol. Without state of its own."""

    #: Clients are no browsers with a form: a key or a signed cookie says who they are.
    csrf_exempt = True

    def __init__(self, *, protocol: str, adapter: Adapter, route: Route) -> None:
        self.protocol, self.adapter, self.route = protocol, adapter, route
        # `keep` commits by itself: one that failed behind the view would be answered in HTML.
        transaction.non_atomic_requests(self)

    def __call__(self, request: HttpRequest, **parameters: str) -> HttpResponse:
        message, source = Message(call=self.route.call), None
        try:
            self._refuse_what_is_off(request)
            if request.method == "OPTIONS":
                return origins.preflight(request)
            message = read_message(request, self.route, parameters)
            if self.route.document:
                answer = self.adapter.document(message)
            else:
                envelope, now = self.adapter.open(message), timezone.now()
                source = admitted_source(request, envelope.keys, address=message.address, now=now)
                sender = sender_of(request, source, envelope, now=now)
                answer = self._take(message, envelope, source=source, sender=sender)
        except RequestRejected as error:
            answer = self.adapter.refuse(error, message)
        except (OperationalError, InterfaceError, BufferUnavailable):
            metrics.count("ingest.unavailable")
            answer = self.adapter.refuse(unavailable(), message)
        except SuspiciousOperation as error:  # such as a query of thousands of fields
            answer = self.adapter.refuse(RequestRejected(str(error)), message)
        return as_response(answer, origins.headers(request, source))

    def _refuse_what_is_off(self, request: HttpRequest) -> None:
        if self.protocol not in settings.PROTOCOLS:
            raise NotThere(f"The protocol “{self.protocol}” is not switched on.")
        if request.method not in (*self.route.methods, "OPTIONS"):
            allowed = ", ".join((*self.route.methods, "OPTIONS"))
            error = RequestRejected(
                f"{request.method} is not allowed here; {allowed} is.",
                code="method_not_allowed",
                status=405,
            )
            error.headers["Allow"] = allowed
            raise error

    def _take(
        self, message: Message, envelope: Envelope, *, source: Source, sender: Sender
    ) -> Answer:
        outcome = judge(
            envelope.events,
            sender=sender,
            size=len(message.body),
            call=lambda event: self.adapter.call(event, message),
            inspect=inspection(source=source, sender=sender),
        )
        set_aside(outcome.rejected, source=source, sender=sender)
        if envelope.single and outcome.rejected:
            rejection = outcome.rejected[0]
            raise RequestRejected(rejection.message, code=rejection.code)
        withhold(outcome, sender=sender)
        if self.adapter.asks_for_each(message):
            find_duplicates(outcome, source=source)
        keep(outcome.arrivals, source=source, sender=sender)
        return self.adapter.answer(outcome, message)


def read_message(request: HttpRequest, route: Route, parameters: Mapping[str, str]) -> Message:
    """Return the request as a value.

    :raises RequestRejected: when its body is too large, cut off or damaged.
    """
    return Message(
        call=route.call,
        method=str(request.method),
        body=read_body(request),
        content_type=str(request.content_type),
        headers=request.headers,
        query=request.GET,
        parameters=parameters,
        base=base_of(request, route) if route.document else "",
        address=client_address(request),
    )


def base_of(request: HttpRequest, route: Route) -> str:
    """Return the absolute address that the routes of this site lie below."""
    found = re.search(rf"{route.path}/?$", request.path)
    prefix = request.path[: found.start()] if found else request.path
    return request.build_absolute_uri(prefix).rstrip("/")


def sender_of(request: HttpRequest, source: Source, envelope: Envelope, *, now: datetime) -> Sender:
    visitor_id = None if source.is_server else read_visitor_id(request.COOKIES)
    return Sender(
        trusted=source.is_server,
        visitor_id=visitor_id,
        user_id=_signed_user(request, visitor_id),
        network=_network(request, source) if settings.IDENTITY_SUGGESTIONS else None,
        received_at=now,
        sent_at=read_time(envelope.sent_at),
        objected=not source.is_server and _objects(request),
        agent=None if source.is_server else agent_of(request.headers, method=str(request.method)),
    )


def _objects(request: HttpRequest) -> bool:
    """Return whether the browser objects and its visitor has not agreed in spite of that."""
    return objects(request.META) and not answered(request.COOKIES, request.META)


def _signed_user(request: HttpRequest, visitor_id: str | None) -> str | None:
    """Return the user that the site signed for the page of this visitor, if it did.

    :raises Forbidden: `another_visitor`, when it signed for somebody else.
    """
    token = request.headers.get(USER_HEADER)
    if token is None or visitor_id is None:
        return None
    try:
        return read_user_token(token, visitor_id=visitor_id)
    except ForeignToken:
        raise Forbidden(
            f"{USER_HEADER} was not signed for this visitor.", code="another_visitor"
        ) from None


def _network(request: HttpRequest, source: Source) -> Mapping[str, Json]:
    """Return what is kept of a visitor's address; a server states it with each event."""
    if source.is_server:
        return {}
    return network(client_address(request), request.headers.get("User-Agent"))


def unavailable() -> RequestRejected:
    error = RequestRejected(
        "The events cannot be kept now; try again.", code="unavailable", status=503
    )
    error.headers["Retry-After"] = RETRY_AFTER
    return error


def as_response(answer: Answer, headers: Mapping[str, str]) -> HttpResponse:
    body: Any = answer.body
    if not isinstance(body, bytes):
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        body = text.encode(errors="replace")  # what is repeated from a request may be half a letter
    return HttpResponse(
        body,
        status=answer.status,
        content_type=answer.content_type,
        headers={**answer.headers, **_HEADERS, **headers},
    )


#: An answer is for who asked, and is what it says that it is. A GET, too, brings events.
_HEADERS = {
    "Cache-Control": "max-age=0, no-store, private",
    "X-Content-Type-Options": "nosniff",
}
