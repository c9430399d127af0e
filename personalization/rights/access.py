"""Whose data the sender of a request may see, take along, correct and erase.

The signed visitor cookie opens what belongs to the device. What belongs to a person with an
account is opened by being logged in and having confirmed that a moment ago: a device that
somebody left behind tells nothing but what was done on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.translation import gettext as _

from personalization.delivery.user import logged_in_user
from personalization.exceptions import RequestRejected
from personalization.keys import pseudonym
from personalization.privacy.models import Erasure
from personalization.privacy.subjects import device_of, person_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.stores import Subject
from personalization.profiles.visitor import LONGEST_USER, read_visitor_id
from personalization.rights.confirmation import is_confirmed


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a request proves: the id in its cookie, who is logged in, whether that is confirmed."""

    device: Key | None
    user: Key | None
    confirmed: bool

    @property
    def usual(self) -> Erasure.Scope:
        """What is meant by a request that does not say of what it asks."""
        seen_as_person = self.confirmed or self.device is None and self.user is not None
        return Erasure.Scope.PERSON if seen_as_person else Erasure.Scope.DEVICE


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Somebody with a right to `subject`; `key` is the identity by which that was proved."""

    scope: Erasure.Scope
    key: Key
    subject: Subject

    @property
    def pseudonym(self) -> str:
        """What the audit log calls them."""
        return pseudonym("identity", self.key.namespace, self.key.value)


def access_of(request: HttpRequest, *, now: datetime) -> Access:
    """Return what the request proves, without a look into the database but for the session."""
    visitor_id, user_id = read_visitor_id(request.COOKIES), logged_in_user(request)
    if user_id is not None and len(user_id) > LONGEST_USER:  # no identity has such an id
        user_id = None
    return Access(
        device=Key(Identity.ANONYMOUS, visitor_id) if visitor_id else None,
        user=Key(Identity.USER, user_id) if user_id else None,
        confirmed=user_id is not None and is_confirmed(request, user_id=user_id, now=now),
    )


def asked_scope(stated: str, access: Access) -> Erasure.Scope:
    """Return of what a request asks: as `stated`, or else as is usual for who asks.

    :raises RequestRejected: for anything but device and person.
    """
    if not stated:
        return access.usual
    if stated not in Erasure.Scope.values:
        allowed = ", ".join(Erasure.Scope.values)
        raise RequestRejected(
            f"of is {stated[:20]!r}. Allowed: {allowed}.", code="unknown_scope", status=400
        )
    return Erasure.Scope(stated)


def holder_of(access: Access, *, scope: Erasure.Scope) -> Holder:
    """Return whose data the request may see.

    :raises RequestRejected: for a device that shows no id, and for a person who is not logged
        in, or did not confirm it just now.
    """
    return _person(access) if scope == Erasure.Scope.PERSON else _device(access)


def _person(access: Access) -> Holder:
    if access.user is None:
        raise RequestRejected(
            _("Log in to see what belongs to your account."), code="login_needed", status=401
        )
    if not access.confirmed:
        raise RequestRejected(
            _("Confirm first that it is you who is logged in."),
            code="confirmation_needed",
            status=403,
        )
    subject = person_of([access.user])
    return Holder(scope=Erasure.Scope.PERSON, key=access.user, subject=subject)


def _device(access: Access) -> Holder:
    """Return the holder of the cookie; a profile that is more than that stays closed to it."""
    if access.device is None:
        raise RequestRejected(
            _("This browser shows no id that we know."), code="nobody_known", status=401
        )
    whole = person_of([access.device])
    is_all = whole.keys == {access.device}
    return Holder(
        scope=Erasure.Scope.DEVICE,
        key=access.device,
        subject=whole if is_all else device_of(access.device),
    )
