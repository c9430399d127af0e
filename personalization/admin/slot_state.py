"""Whether a variation is shown at an instant, and how a slot shows what it has, in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.delivery.models import Capped, Slot, Variation

State = Literal["running", "scheduled", "ended", "idle", "off"]

#: In the order in which they are told.
STATES: Mapping[State, Any] = {
    "running": gettext_lazy("running"),
    "scheduled": gettext_lazy("scheduled"),
    "ended": gettext_lazy("ended"),
    "idle": gettext_lazy("segment not active"),
    "off": gettext_lazy("not active"),
}
#: The colours that states have in the admin.
COLOURS: Mapping[State, str] = {
    "running": "fresh", "scheduled": "pending", "ended": "off", "idle": "broken", "off": "off",
}  # fmt: skip
_BY_TRIGGER: Mapping[str, Any] = {
    "time_on_page": gettext_lazy("once the page was in front for %(n)s seconds"),
    "scroll_depth": gettext_lazy("once %(n)s %% of the page were scrolled to"),
    "click_depth": gettext_lazy("after %(n)s clicks on the page"),
    "exit_intent": gettext_lazy("when the visitor is about to leave"),
    "inactivity": gettext_lazy("once nothing was done for %(n)s seconds"),
}
_BY_STRATEGY: Mapping[str, Any] = {
    "priority": gettext_lazy("Shows the first by priority whose segment the visitor is in"),
    "weight": gettext_lazy("Shows the one whose segments weigh most"),
    "random": gettext_lazy("Shows one by chance, always the same to a visitor"),
    "all": gettext_lazy("Shows all whose segments the visitor is in, one after the other"),
}


def state_at(now: datetime, *, variation: Variation) -> State:
    """Return the state of a variation; its segment should have been read along."""
    if not variation.active:
        return "off"
    if variation.ends_at is not None and variation.ends_at <= now:
        return "ended"
    if not variation.segment.active:
        return "idle"
    if variation.starts_at is not None and now < variation.starts_at:
        return "scheduled"
    return "running"


def counts_at(now: datetime) -> dict[str, Count]:
    """Return annotations of slots: how many of their variations are in each state."""
    on = Q(variations__active=True)
    over = Q(variations__ends_at__isnull=False, variations__ends_at__lte=now)
    to_come = Q(variations__starts_at__isnull=False, variations__starts_at__gt=now)
    idle = Q(variations__segment__active=False)
    wanted = {
        "off": ~on,
        "ended": on & over,
        "idle": on & ~over & idle,
        "scheduled": on & ~over & ~idle & to_come,
        "running": on & ~over & ~idle & ~to_come,
    }
    # Of a slot without variations there is one row, all of whose columns are empty.
    there = Q(variations__isnull=False)
    return {
        f"n_{state}": Count(F("variations"), filter=there & condition)
        for state, condition in wanted.items()
    }


def schedule_words(variation: Variation) -> str:
    starts, ends = variation.starts_at, variation.ends_at
    if starts and ends:
        return _("%(starts)s – %(ends)s") % {"starts": _instant(starts), "ends": _instant(ends)}
    if starts:
        return _("from %(at)s on") % {"at": _instant(starts)}
    return _("until %(at)s") % {"at": _instant(ends)} if ends else ""


def cap_words(capped: Capped) -> str:
    """Return how often it is shown to one visitor at most; empty for any number of times."""
    parts = []
    if capped.cap_total:
        parts.append(_("%(n)s × in all") % {"n": capped.cap_total})
    if capped.cap_daily:
        parts.append(_("%(n)s × in 24 hours") % {"n": capped.cap_daily})
    if capped.cap_ignored:
        parts.append(_("%(n)s × without a click") % {"n": capped.cap_ignored})
    return ", ".join(parts)


def sentence(slot: Slot, *, usual: str) -> str:
    """Return how the slot shows what it has; `usual` is the strategy of the site."""
    strategy = slot.strategy or usual
    words = [str(_BY_STRATEGY.get(strategy, strategy))]
    if slot.trigger:
        words.append(_BY_TRIGGER[slot.trigger] % {"n": slot.trigger_value})
        if slot.presentation == Slot.Presentation.DIALOG:
            words.append(_("in a dialog"))
    if caps := cap_words(slot):
        words.append(_("at most %(times)s to a visitor") % {"times": caps})
    return ", ".join(words) + "."


def _instant(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j M Y, H:i")
