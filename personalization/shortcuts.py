"""The public verbs: what the code of a site calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from personalization.delivery.choose import Decision
from personalization.delivery.places import FLAG
from personalization.delivery.published import Candidate
from personalization.delivery.recommendations import INLINE, USUAL, List, list_in, wanted_of
from personalization.delivery.render import decide
from personalization.delivery.visitor import visitor_of
from personalization.exceptions import EventRejected
from personalization.ingest.capture import record, server_source, site_source
from personalization.privacy.answers import answered
from personalization.profiles.visitor import read_visitor_id
from personalization.rights.confirmation import confirm
from personalization.types import COLLECTING_PURPOSES


class Details(TypedDict, total=False):
    """What `track`, `page`, `identify`, `group` and `alias` take besides.

    With `request`, the event is of who sent it: the user who is logged in and the visitor
    of the cookie, as far as neither is given. Nothing is kept of a visitor who refused, of
    staff who look at the site as somebody else, nor where nobody is known by the request. `timestamp` is when it happened, with its time
    zone; `message_id` keeps a repetition from being stored twice; `source` is the slug of a
    server source, instead of the one that stands for the site. With `apply`, everything
    follows from the event as soon as the transaction has committed, before the response
    goes out, so that the next page knows.
    """

    user_id: str | int | None
    anonymous_id: str | None
    request: HttpRequest | None
    context: Mapping[str, Any] | None
    timestamp: datetime | str | None
    message_id: str | None
    source: str | None
    apply: bool


def track(
    event: str, *, properties: Mapping[str, Any] | None = None, **details: Unpack[Details]
) -> None:
    """Record that a visitor did something, durably with the current transaction.

    :raises EventRejected: naming what is wrong with the event.
    :raises UnknownSource: when there is no server source of that name.
    """
    _record({"type": "track", "event": event, "properties": properties}, **details)


def page(
    name: str | None = None,
    *,
    properties: Mapping[str, Any] | None = None,
    **details: Unpack[Details],
) -> None:
    """Record that a visitor viewed a page; its address is that of the request, if given.

    :raises EventRejected, UnknownSource: as `track` does.
    """
    shown = {**_page_of(details.get("request")), **(properties or {})}
    _record({"type": "page", "name": name, "properties": shown}, **details)


def identify(*, traits: Mapping[str, Any] | None = None, **details: Unpack[Details]) -> None:
    """State traits of a user; with an anonymous id, also that this visitor is that user.

    :raises EventRejected, UnknownSource: as `track` does.
    """
    _record({"type": "identify", "traits": traits}, **details)


def group(
    group_id: str, *, traits: Mapping[str, Any] | None = None, **details: Unpack[Details]
) -> None:
    """Record that a user belongs to a group, such as a company.

    :raises EventRejected, UnknownSource: as `track` does.
    """
    _record({"type": "group", "groupId": group_id, "traits": traits}, **details)


def alias(previous_id: str, **details: Unpack[Details]) -> None:
    """State that the visitor who was known by `previous_id` is the user.

    :raises EventRejected, UnknownSource: as `track` does.
    """
    _record({"type": "alias", "previousId": previous_id}, **details)


def in_segment(request: HttpRequest, slug: str) -> bool:
    """Return whether the visitor of `request` is in the segment now."""
    decision = choose(request, f"{FLAG}{slug}", segments=[slug], expose=False)
    return decision is not None and decision.candidate is not None


def choose(
    request: HttpRequest, slot: str, *, segments: list[str] | None = None, expose: bool = True
) -> Decision | None:
    """Return the decision for `slot`: its variations from the admin, then `segments` in order.

    None means the default, because no decision could be made. It counts as shown, unless
    `expose` is off.
    """
    decision = decide(request, slot, [Candidate((slug,), slug) for slug in segments or []])
    if expose and decision is not None and (visitor := visitor_of(request)):
        visitor.expose(decision)
    return decision


def choose_template(
    request: HttpRequest,
    slot: str,
    templates: Mapping[str, str],
    *,
    default: str,
    mode: str = "",
) -> str:
    """Return the name of the template that the visitor's page is made of, without a redirect.

    `templates` has the slug of a segment for each name of a template, first things first; for
    all others it is `default`. It counts as shown. Variations that the admin has for the slot
    are no templates: where one of them is decided, it is `default`, too. `mode` is inline or
    keyed; without one, as everywhere on the site.

    :raises UnknownSegment: in DEBUG, for a segment that does not exist.
    """
    names = {Candidate((slug,), f"page:{name}"): name for slug, name in templates.items()}
    decision = decide(request, slot, list(names), mode=mode)
    if decision is None:
        return default
    decision = replace(decision, more=())  # a page is made of one template
    if decision.candidate is not None and decision.candidate not in names:
        return default
    if visitor := visitor_of(request):
        visitor.expose(decision)
    return default if decision.candidate is None else names[decision.candidate]


def recommend(
    request: HttpRequest,
    place: str,
    *,
    limit: int = USUAL,
    item: str = "",
    mode: str = INLINE,
    expose: bool = True,
) -> List:
    """Return what is recommended at `place`: for the visitor, as far as that is consented.

    `item` is the key of what the page is about. With `mode` keyed or deferred it is the list
    that everybody gets, so that caches may keep the page. It counts as shown, unless `expose`
    is off. Where nothing can be recommended, the list is empty.

    :raises ValueError: naming an argument that cannot be, and what is allowed.
    """
    return list_in(request, wanted_of(place, n=limit, item=item, mode=mode), expose=expose)


def confirm_user(request: HttpRequest) -> None:
    """Note that who is logged in has just shown to be that person, on a page of the site's own.

    For ten minutes the rights page then shows what belongs to the account.
    """
    confirm(request, now=timezone.now())


def _record(
    call: Mapping[str, Any],
    *,
    user_id: str | int | None = None,
    anonymous_id: str | None = None,
    request: HttpRequest | None = None,
    context: Mapping[str, Any] | None = None,
    timestamp: datetime | str | None = None,
    message_id: str | None = None,
    source: str | None = None,
    apply: bool = False,
) -> None:
    if request is not None:
        if _has_refused(request) or _is_previewed(request):
            return
        user_id = _user_of(request) if user_id is None else user_id
        anonymous_id = _visitor_of(request) if anonymous_id is None else anonymous_id
        if user_id is None and anonymous_id is None:
            return
    call = {
        **call,
        "userId": user_id,
        "anonymousId": anonymous_id,
        "context": context,
        "timestamp": _stated(timestamp),
        "messageId": message_id,
    }
    site = site_source() if source is None else server_source(source)
    try:
        record(call, source=site, now=timezone.now(), apply=apply)
    except EventRejected as error:
        raise _naming_the_value(error, call) from None
    if apply and (visitor := visitor_of(request)):
        transaction.on_commit(visitor.look_again, robust=True)


def _has_refused(request: HttpRequest) -> bool:
    granted = answered(request.COOKIES, request.META)
    return granted is not None and not granted & COLLECTING_PURPOSES


def _is_previewed(request: HttpRequest) -> bool:
    visitor = visitor_of(request)
    return visitor is not None and visitor.preview is not None


def _user_of(request: HttpRequest) -> str | None:
    """Return the user, also one who logged in with this very request."""
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else None


def _visitor_of(request: HttpRequest) -> str | None:
    """Return the visitor who agreed to the policy as it stands."""
    if not answered(request.COOKIES, request.META):
        return None
    visitor = visitor_of(request)
    return visitor.cookie_id if visitor else read_visitor_id(request.COOKIES)


def _page_of(request: HttpRequest | None) -> Mapping[str, str]:
    if request is None:
        return {}
    shown = {"path": request.path, "url": request.build_absolute_uri()}
    referrer = request.META.get("HTTP_REFERER")
    return {**shown, "referrer": referrer} if referrer else shown


def _stated(timestamp: datetime | str | None) -> str | None:
    if not isinstance(timestamp, datetime):
        return timestamp
    if timezone.is_naive(timestamp):
        raise EventRejected(
            f"/timestamp: {timestamp!r} has no time zone; timezone.make_aware gives it one.",
            code="invalid_timestamp",
            pointer="/timestamp",
        )
    return timestamp.isoformat()


def _naming_the_value(error: EventRejected, call: Mapping[str, Any]) -> EventRejected:
    named = error.pointer.removeprefix("/")
    said = str(error)
    if error.code == "missing_ids":
        said += f" Got {call['userId']!r:.100} and {call['anonymousId']!r:.100}."
    elif named in call:
        said += f" Got {call[named]!r:.100}."
    return EventRejected(said, code=error.code, pointer=error.pointer)
