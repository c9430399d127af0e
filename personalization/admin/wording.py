"""What several admin pages say: numbers, instants, and that somebody else is at it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.figures import rounded
from personalization.segments.explanation import Why

#: To who wants to merge or part profiles that others keep changing.
BUSY = gettext_lazy("These profiles are being changed right now. Nothing was done; try again.")


def share_words(count: int, total: int) -> str:
    """Return `count` of `total` in percent; a few of very many are not none."""
    if not total:
        return "–"
    percent = 100 * count / total
    if 0 < percent < 0.1:
        return f"< {number_format(0.1, 1)} %"
    return f"{rounded(percent, 1)} %"


def instant_words(at: datetime) -> str:
    """Return the instant in the current time zone with its distance from now."""
    now = timezone.now()
    local = date_format(timezone.localtime(at), "j M Y, H:i")
    if at > now:
        return _("%(at)s (in %(distance)s)") % {
            "at": local,
            "distance": timeuntil(at, now, depth=1),
        }
    return _("%(at)s (%(ago)s)") % {"at": local, "ago": ago_words(at, now=now)}


def moment_cell(at: datetime | None, *, ago: bool = False) -> SafeString | str:
    """Return the instant for a cell of a list, or how long `ago` it was; all of it to hover."""
    if at is None:
        return "–"
    local = timezone.localtime(at)
    return format_html(
        '<time class="pz-time" datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        instant_words(at),
        ago_words(at, now=timezone.now()) if ago else date_format(local, "j M Y, H:i"),
    )


def ago_words(at: datetime, *, now: datetime) -> str:
    """Return how long ago an instant was."""
    if timedelta(0) <= now - at < timedelta(minutes=1):
        return _("just now")
    return _("%(distance)s ago") % {"distance": timesince(at, now, depth=1)}


def when_words(why: Why) -> str:
    """Return what time alone will do to the answer."""
    if why.until is not None:
        return _("Leaves on %(at)s, unless something happens before.") % {
            "at": instant_words(why.until)
        }
    if why.enters is not None:
        return _("Enters on %(at)s, unless something happens before.") % {
            "at": instant_words(why.enters)
        }
    if why.holds:
        return _("Stays until something happens: time alone does not change it.")
    return _("Time alone does not change it.")
