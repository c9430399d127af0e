"""Names of events as somebody types them: whether anybody sends such events."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from personalization.events.models import Event
from personalization.events.schemas import schemas_in_force


def warn_of_unknown(request: HttpRequest, name: str) -> None:
    """Say so when no schema has the name and no event of it was ever kept: a slip of the pen
    would wait for ever. It is no mistake to state what is only about to be sent."""
    if name in schemas_in_force() or Event.objects.filter(name=name).exists():
        return
    messages.warning(
        request,
        _(
            "No event “%(name)s” was received yet, and no event schema has this name. Names count "
            "with their capitals: is it written as clients send it?"
        )
        % {"name": name},
    )
