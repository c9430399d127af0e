"""What the inspector says: reasons, steps and whom a page is shown to, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.clock import moment
from personalization.delivery.choose import Step
from personalization.delivery.models import Slot
from personalization.delivery.ticket import Ticket
from personalization.experiments.trial import HELD_OUT, SHOWN, Assigned
from personalization.types import Microseconds

REASONS: Mapping[str, Any] = {
    "segment": gettext_lazy("The visitor is in a segment of what is shown."),
    "experiment": gettext_lazy("An experiment says so, whatever the visitor's segments."),
    "no_id": gettext_lazy("The default: nobody is known here, for there is no visitor cookie."),
    "no_consent": gettext_lazy("The default: the visitor did not agree to personalization."),
    "bot": gettext_lazy("The default: a program asks, and programs see what everybody sees."),
    "paused": gettext_lazy("The default: the visitor is in the segment that pauses personalization."),
    "held_out": gettext_lazy("The default: the visitor is held out, to be compared with others."),
    "capped": gettext_lazy("The default: everything was shown often enough."),
    "no_match": gettext_lazy("The default: nothing that is left is for this visitor."),
    "too_late": gettext_lazy("The default: the headers of the page were sent already."),
    "waits": gettext_lazy("The default until the browser sees the trigger of the slot."),
}  # fmt: skip
MODES: Mapping[str, Any] = {
    "inline": gettext_lazy("With the page, for this visitor alone"),
    "keyed": gettext_lazy("With the page, which caches keep once for each version"),
    "deferred": gettext_lazy("By the browser, after the page"),
}
STEPS: Mapping[str, Any] = {
    "preview": gettext_lazy("Preview"),
    "consent": gettext_lazy("Visitor and consent"),
    "bot": gettext_lazy("Bot"),
    "pause": gettext_lazy("Pause"),
    "trigger": gettext_lazy("Trigger"),
    "global": gettext_lazy("Holdout from everything"),
    "experiment": gettext_lazy("Experiments"),
    "cap": gettext_lazy("Frequency caps"),
    "schedule": gettext_lazy("Schedule"),
    "strategy": gettext_lazy("Segments and strategy"),
    "holdout": gettext_lazy("Holdout of what is shown"),
}
_ANSWERS: Mapping[tuple[str, str], Any] = {
    ("preview", "in force"): gettext_lazy("in force: consent, bots, pauses and caps are not asked"),
    ("preview", "no_consent"): gettext_lazy("the profile did not agree to personalization"),
    ("consent", "given"): gettext_lazy("known, and agreed to personalization"),
    ("consent", "no_id"): gettext_lazy("not known"),
    ("consent", "no_consent"): gettext_lazy("known, but did not agree to personalization"),
    ("consent", "too_late"): gettext_lazy("asked after the headers were sent"),
    ("bot", "yes"): gettext_lazy("yes"),
    ("pause", "paused"): gettext_lazy("in force"),
    ("cap", "reached"): gettext_lazy("reached by some"),
    ("cap", "not reached"): gettext_lazy("not reached"),
    ("schedule", "outside"): gettext_lazy("some are outside of theirs"),
    ("schedule", "inside"): gettext_lazy("all are inside of theirs"),
    ("strategy", "priority"): gettext_lazy("the first by priority whose segment matches"),
    ("strategy", "weight"): gettext_lazy("of those that match, the one whose segments weigh most"),
    ("strategy", "random"): gettext_lazy("of those that match, one by chance"),
    ("strategy", "all"): gettext_lazy("all that match"),
}
#: What the arms of a holdout mean.
_OF_HOLDOUTS: Mapping[str, Any] = {
    SHOWN: gettext_lazy("not held out"),
    HELD_OUT: gettext_lazy("held out"),
}
#: Segments that are named before the rest is counted.
_NAMED = 3


def answer_words(step: Step, *, name: Callable[[str], str] = str) -> str:
    """Return what was answered; `name` is how an experiment, with an arm, or a candidate is
    called."""
    if step.assigned:
        return ", ".join(_arm_words(step.name, one, name) for one in step.assigned)
    if step.name == "trigger" and step.answer in Slot.Trigger.values:
        return str(Slot.Trigger(step.answer).label)
    return str(_ANSWERS.get((step.name, step.answer), step.answer))


def _arm_words(step: str, one: Assigned, name: Callable[[str], str]) -> str:
    chance = {"chance": f"{one.probability * 100:.4g} %"}
    if step == "global":
        return _("%(arm)s, by a chance of %(chance)s") % {"arm": _OF_HOLDOUTS[one.arm], **chance}
    if step == "holdout":
        told = {"content": name(one.experiment.partition("/")[2]), "arm": _OF_HOLDOUTS[one.arm]}
        return _("%(content)s: %(arm)s, by a chance of %(chance)s") % {**told, **chance}
    return _("%(arm)s, by a chance of %(chance)s") % {
        "arm": name(f"{one.experiment}:{one.arm}"), **chance,
    }  # fmt: skip


def title(ticket: Ticket, *, segments: Mapping[int, str]) -> str:
    """Return as whom the page is seen; `segments` are names by id."""
    names = [segments[pk] for pk in ticket.segments if pk in segments]
    who = {
        "self": lambda: _("You see this page as yourself"),
        "segments": lambda: _pretended(names),
        "visitor": lambda: (
            _("You see this page as somebody made up who enters “%(segment)s”")
            % {"segment": names[0] if names else "–"}
        ),
        "profile": lambda: _("You see this page as profile %(id)s") % {"id": ticket.profile},
    }[ticket.kind]()
    if ticket.at is None:
        return who
    return _("%(who)s, on %(at)s") % {"who": who, "at": instant(ticket.at)}


def notes(ticket: Ticket, *, now: Microseconds) -> list[str]:
    """Return what is exact about that, and what is not."""
    if ticket.kind == "self":
        return [_("Nothing is pretended: what you do counts, and what you see is recorded.")]
    found = [_("Read-only: nothing of this is recorded, and no cache keeps it.")]
    if ticket.kind == "segments":
        found.append(_("In exactly these segments. Nothing else is known of this visitor."))
    if ticket.kind == "visitor":
        found.append(_("What they did was made up, and all live rules were asked about it."))
    if ticket.kind == "profile" and ticket.at is None:
        found.append(_("The memberships and consents of the profile as they are now."))
    if ticket.kind == "profile" and ticket.at is not None:
        found.append(_past() if ticket.at <= now else _future())
    if ticket.at is not None:
        found.append(_("Schedules are exact; rules and variations are those of today."))
    if ticket.arms:
        found.append(_("The arms of experiments were chosen, and no chance had a say."))
    return found


def instant(at: Microseconds) -> str:
    return date_format(timezone.localtime(moment(at)), "j M Y, H:i")


def _pretended(names: Sequence[str]) -> str:
    if not names:
        return _("You see this page as somebody in no segment")
    listed = ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        more = len(names) - _NAMED
        listed = _("%(names)s and %(n)s more") % {"names": listed, "n": more}
    return _("You see this page as somebody in %(names)s") % {"names": listed}


def _past() -> str:
    return _(
        "What the profile did until then is exact, as far as its events are kept; so are "
        "memberships by hand. Consents, and traits that no event stated, are those of today."
    )


def _future() -> str:
    return _("The profile as it is then if nothing happens until then: exact, as rules see it.")
