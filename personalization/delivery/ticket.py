"""The cookie of a member of the staff who looks at the site as somebody else, or into its pages.

It is signed and names whom it was given to; to everybody else it is worth nothing. Nothing
else is stored anywhere, so a preview ends with the cookie and leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any, Literal

from django.core import signing
from django.http.response import HttpResponseBase

from personalization.conf import settings
from personalization.types import Microseconds

#: Name and life of the cookie. It is not renewed: who forgets it is back to normal soon.
COOKIE = "pz_preview"
LIFE = timedelta(hours=1)
#: Who starts a preview needs it, and so do all pages after that.
PERMISSION = "personalization.preview"
#: So many segments can be pretended at once: a cookie holds no more than 4 KB.
MOST_SEGMENTS = 200
#: So many experiments can be looked at in one of their arms at once.
MOST_ARMS = 5
_SALT = "personalization.preview"
_LONGEST = 4000

#: Nobody else, with a look into the pages; somebody in exactly some segments; somebody made up
#: who enters a segment; a real profile.
Kind = Literal["self", "segments", "visitor", "profile"]


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What is looked at, by `user` (their id), from the instant `begun` on.

    `segments` are ids: all that are pretended, or the one that somebody made up enters. `at`
    is when they come; None: now. `arms` are pairs of an experiment and the arm of it that is
    shown to them.
    """

    user: str
    kind: Kind
    begun: Microseconds
    segments: tuple[int, ...] = ()
    profile: int | None = None
    at: Microseconds | None = None
    arms: tuple[tuple[str, str], ...] = ()

    @property
    def enters_at(self) -> Microseconds:
        """When somebody made up enters; time goes on without them."""
        return self.begun if self.at is None else self.at


def set_ticket(response: HttpResponseBase, ticket: Ticket) -> None:
    response.set_cookie(
        COOKIE,
        signing.dumps(asdict(ticket), salt=_SALT, compress=True),
        max_age=LIFE,
        secure=settings.COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def drop_ticket(response: HttpResponseBase) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


def read_ticket(cookies: Mapping[str, str]) -> Ticket | None:
    """Return the ticket in the cookie; what was forged, tampered with or too old is none."""
    value = cookies.get(COOKIE)
    if not value or len(value) > _LONGEST:
        return None
    try:
        found: dict[str, Any] = signing.loads(value, salt=_SALT, max_age=LIFE)
    except signing.BadSignature:
        return None
    if found.keys() != _NAMES:
        return None  # signed by another release
    arms = tuple((experiment, arm) for experiment, arm in found["arms"])
    return Ticket(**{**found, "segments": tuple(found["segments"]), "arms": arms})


_NAMES = {field.name for field in fields(Ticket)}


def valid_for(ticket: Ticket, user: Any) -> bool:
    """Return whether `user` is the one it was given to, and still may use it."""
    if str(user.pk) != ticket.user or not (user.is_active and user.is_staff):
        return False
    return bool(user.has_perm(PERMISSION) and (ticket.kind != "profile" or may_see_profiles(user)))


def may_see_profiles(user: Any) -> bool:
    """Return whether `user` may see who the visitors are: who may change them may see them."""
    return any(user.has_perm(f"personalization.{action}_profile") for action in ("view", "change"))
