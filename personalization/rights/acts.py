"""What somebody does with their rights: take everything along, have it erased. Each is noted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _

from personalization.exceptions import NotThere
from personalization.privacy.answers import remember
from personalization.privacy.audit import VISITOR, note
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.models import AuditEntry, Erasure
from personalization.rights.access import Holder
from personalization.rights.export import export


def take_along(holder: Holder, *, now: datetime) -> StreamingHttpResponse:
    """Return everything that is held of the holder as a file, written while it is read."""
    note(
        AuditEntry.Action.EXPORTED,
        actor_name=VISITOR,
        kind="profile",
        name=holder.pseudonym,
        scope=str(holder.scope),
    )
    return file_of(export(holder.subject, now=now), name=f"my-data-{now:%Y-%m-%d}.json")


def file_of(pieces: Iterator[str], *, name: str) -> StreamingHttpResponse:
    """Return a response that sends the pieces as a file of JSON."""
    return StreamingHttpResponse(
        # What clients sent may hold half a letter, which no file can.
        (piece.encode(errors="replace") for piece in pieces),
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store, private",
            "X-Content-Type-Options": "nosniff",
        },
    )


def erase(holder: Holder, *, channel: Erasure.Channel, now: datetime) -> Erasure:
    """Erase what is held of the holder; the receipt follows when every place was searched."""
    return request_erasure(holder.subject, channel=channel, now=now)


def erasure_of(uid: str) -> Erasure:
    """Return the erasure of that number.

    :raises NotThere: when there is none.
    """
    try:
        found = Erasure.objects.filter(uid=UUID(uid)).first()
    except ValueError:  # no such number can be
        found = None
    if found is None:
        raise NotThere(_("There is no receipt of this number."), code="unknown_erasure")
    return found


def forget_browser(response: HttpResponse) -> None:
    """Take the id from the browser, and have it remember that nothing was agreed to: who has
    erased everything is not asked again at once."""
    remember(response, granted=frozenset(), visitor_id=None)
