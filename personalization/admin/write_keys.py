"""The write keys of a source: a new one is shown once, the others by how they begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from personalization.conf import settings
from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import active_keys, digest_of

#: Stands in the lines to paste until there is a key to show.
PLACEHOLDER = "YOUR-WRITE-KEY"
#: What becomes of the other keys when there is a new one: how long they work on.
KEEP: dict[str, timedelta | None] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "now": timedelta(0),
    "keep": None,
}


class NewKeyForm(forms.Form):
    others = forms.ChoiceField(
        label=_("The other keys"),
        choices=(
            ("day", _("end in 24 hours")),
            ("week", _("end in 7 days")),
            ("now", _("end now")),
            ("keep", _("go on working")),
        ),
        initial="day",
        widget=forms.RadioSelect,
        help_text=_("Whoever sends with one that ended is refused."),
    )


@dataclass(frozen=True, kw_only=True)
class KeyLine:
    """A key as it stands in the list."""

    key: WriteKey
    works: bool
    #: Whether `{% personalization_tracker %}` sends with it.
    is_trackers: bool


def key_lines(source: Source, *, now: datetime) -> Sequence[KeyLine]:
    """Return the keys of `source`, newest first."""
    tracker = digest_of(settings.TRACKER_KEY)
    return [
        KeyLine(
            key=key,
            works=key.expires_at is None or key.expires_at > now,
            is_trackers=key.digest == tracker,
        )
        for key in source.write_keys.all()
    ]


def key_to_show(source: Source, *, now: datetime) -> str:
    """Return what stands for the key in the lines to paste: the tracker's is no secret."""
    if source.is_server or not settings.TRACKER_KEY:
        return PLACEHOLDER
    known = active_keys(source, now=now).filter(digest=digest_of(settings.TRACKER_KEY))
    return settings.TRACKER_KEY if known.exists() else PLACEHOLDER


def addresses(batch: str, *, version: str) -> dict[str, Any]:
    """Return what the lines to paste say of where to send.

    Segment's libraries add `version` and the rest to the host they are given.
    """
    return {"batch_address": batch, "host_address": batch.rpartition(version)[0]}
