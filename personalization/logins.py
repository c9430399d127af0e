"""Who logs in is known from then on; who shares the device is somebody else.

What Django's own session says needs no further proof. A device that changes hands is a
switch and no merge: the next person gets a visitor id of their own, so that nothing of
the former one is shown to them, and nothing that they do is recorded for the other.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.contrib.auth import user_logged_in, user_logged_out
from django.db import DatabaseError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from personalization import metrics
from personalization.conf import settings
from personalization.delivery.user import logged_in_user
from personalization.delivery.visitor import Visitor, visitor_of
from personalization.exceptions import BufferUnavailable, EventRejected
from personalization.ingest.capture import record, site_source
from personalization.privacy import views
from personalization.privacy.answers import answered
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import new_visitor_id, read_visitor_id
from personalization.types import COLLECTING_PURPOSES

logger = logging.getLogger(__name__)


@receiver(user_logged_in, dispatch_uid="personalization.login")
def _on_login(sender: Any, *, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    visitor = visitor_of(request)
    if visitor is not None:
        recognise(visitor, user_id=str(user.pk), now=timezone.now())


@receiver(user_logged_out, dispatch_uid="personalization.logout")
def _on_logout(sender: Any, *, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    visitor = visitor_of(request)
    if visitor is not None and visitor.cookie_id is not None and user is not None:
        switch(visitor, now=timezone.now())


def recognise(visitor: Visitor, *, user_id: str, now: datetime) -> None:
    """Take in that the visitor is the user, or make it another visitor if it is another's."""
    if visitor.cookie_id is not None and _is_anothers(visitor.cookie_id, user_id):
        switch(visitor, now=now)
    if visitor.cookie_id is not None and _agreed_purposes(visitor):
        link(user_id, visitor_id=visitor.cookie_id, now=now)


def link(user_id: str, *, visitor_id: str, now: datetime) -> None:
    """Record that the visitor is the user, so that the next page knows."""
    call = {"type": "identify", "userId": user_id, "anonymousId": visitor_id}
    try:
        record(call, source=site_source(), now=now, apply=True)
    except (DatabaseError, BufferUnavailable, EventRejected) as error:
        # Nobody is kept from logging in by it.
        metrics.count("logins.failed")
        logger.warning("A login was not recorded: %s", error, extra={"action": "login_failed"})


def switch(visitor: Visitor, *, now: datetime) -> None:
    """Begin anew on the device, with the answer that was given on it."""
    visitor.switch(None)
    if not (granted := _agreed_purposes(visitor)):
        return
    visitor_id = new_visitor_id()
    try:
        record_consent(
            Key(Identity.ANONYMOUS, visitor_id),
            granted=granted,
            mechanism=Mechanism.DEVICE,
            now=now,
        )
    except DatabaseError as error:
        metrics.count("logins.failed")
        logger.warning("A visitor was not renewed: %s", error, extra={"action": "switch_failed"})
    else:
        visitor.switch(visitor_id)


def _agreed_purposes(visitor: Visitor) -> frozenset[str]:
    """Return what was agreed to under the policy as it stands; empty if it allows no record."""
    granted = answered(visitor.request.COOKIES, visitor.request.META) or frozenset()
    return granted if granted & COLLECTING_PURPOSES else frozenset()


def _is_anothers(visitor_id: str, user_id: str) -> bool:
    """Return whether the visitor belongs to users, and this is none of them."""
    profile = Identity.objects.filter(namespace=Identity.ANONYMOUS, value=visitor_id)
    users = Identity.objects.filter(
        profile__in=profile.values("profile"), namespace=Identity.USER
    ).values_list("value", flat=True)
    return bool(users) and user_id not in users


@csrf_exempt  # as the view inside, which guards itself
def consent(request: HttpRequest) -> HttpResponse:
    """Take the answer; of who is logged in while giving it, it is known who that is."""
    return _linked(views.consent(request), request=request)


@csrf_exempt
def presume(request: HttpRequest) -> HttpResponse:
    """Take for agreed who need not be asked where they are; of users it is known who that is."""
    return _linked(views.presume(request), request=request)


def _linked(response: HttpResponse, *, request: HttpRequest) -> HttpResponse:
    if settings.VISITOR_COOKIE in response.cookies and (user := logged_in_user(request)):
        value = response.cookies[settings.VISITOR_COOKIE].value
        visitor_id = read_visitor_id({settings.VISITOR_COOKIE: value})
        if visitor_id is not None:
            link(user, visitor_id=visitor_id, now=timezone.now())
    return response
