"""Confirming, a moment ago, that who is logged in is who sits there.

A session may be open for weeks, on a device that others use. It is kept in the session when
its user has last given the password; a site without passwords confirms in its own way, on a
page of its own (`CONFIRM_URL`), and says so by `confirm`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.http import HttpRequest

from personalization.ingest import throttle
from personalization.keys import pseudonym

#: How long a confirmation counts.
FRESH = timedelta(minutes=10)
#: Passwords that may be tried for one account in a minute.
TRIES = 5
_KEY = "personalization.confirmed"


def confirm(request: HttpRequest, *, now: datetime) -> None:
    """Note that who is logged in has just shown to be that person."""
    request.session.cycle_key()  # whoever knew the session before does not get more by it
    request.session[_KEY] = [str(request.user.pk), now.timestamp()]


def is_confirmed(request: HttpRequest, *, user_id: str, now: datetime) -> bool:
    """Return whether the user of this very session has confirmed it a moment ago."""
    said = request.session.get(_KEY)
    if not isinstance(said, list) or len(said) != 2 or said[0] != user_id:
        return False
    return bool(0 <= now.timestamp() - said[1] < FRESH.total_seconds())


def confirm_by_password(request: HttpRequest, password: str, *, now: datetime) -> bool:
    """Confirm with the password, if it is that of who is logged in; return whether it is.

    It is asked of the site's own backends, so that what guards the login guards this, too.

    :raises TooMany: after too many tries.
    """
    user = request.user
    throttle.admit_by(
        throttle.Limit(
            key=f"password:{pseudonym('password', str(user.pk))[:32]}",
            rate=TRIES,
            message=f"{TRIES} tries a minute are taken",
        ),
        now=now,
    )
    known = authenticate(request, username=user.get_username(), password=password)
    if known is None or known.pk != user.pk:
        return False
    confirm(request, now=now)
    return True
