"""Correcting what somebody is said to be: a new value of a trait, as one more event.

Nothing is written over. The site states the trait anew on the word of the visitor, so that
profiles stay a function of their events, and a rebuild gives the corrected one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from personalization.exceptions import RequestRejected
from personalization.ingest.capture import record, site_source
from personalization.ingest.permission import may_keep
from personalization.privacy.audit import VISITOR, note
from personalization.privacy.consent import NO_ANSWERS, answers_of
from personalization.privacy.encryption import is_sealed, opened_traits
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Identity, Snapshot
from personalization.rights.access import Holder
from personalization.types import Json

_ID_OF = {Identity.USER: "userId", Identity.ANONYMOUS: "anonymousId"}
#: What a form says for yes and no.
WORDS: Mapping[str, bool] = {"yes": True, "no": False}


def traits_of(holder: Holder) -> dict[str, Json]:
    """Return the traits that are known of the holder, as the holder reads them."""
    rows = Snapshot.objects.filter(profile__in=holder.subject.profile_ids)
    found: dict[str, Json] = {}
    for traits in rows.values_list("traits", flat=True):
        found |= {name: value for name, value in traits.items() if value is not None}
    opened = opened_traits(dict(sorted(found.items())))
    assert isinstance(opened, dict)
    return opened


def correct(holder: Holder, traits: Mapping[str, Any], *, now: datetime) -> None:
    """State traits anew; None takes one away.

    :raises RequestRejected: for what is not known of the holder, or may not be kept.
    :raises EventRejected: for a value that no event may have.
    """
    known = traits_of(holder)
    if unknown := [name for name in traits if name not in known]:
        allowed = ", ".join(known) or _("none")
        raise RequestRejected(
            _("Nothing is known that is called %(name)s. Known: %(allowed)s.")
            % {"name": repr(unknown[0])[:100], "allowed": allowed},
            code="unknown_trait",
        )
    if any(is_sealed(value) for value in traits.values()):  # of whomever: nobody types it
        raise RequestRejected(_("What is encrypted already is not taken."), code="invalid_value")
    _refuse_unkept(holder, now=now)
    call = {"type": "identify", _ID_OF[holder.key.namespace]: holder.key.value, "traits": traits}
    record(call, source=site_source(), now=now, apply=True)
    note(
        AuditEntry.Action.CORRECTED,
        actor_name=VISITOR,
        kind="profile",
        name=holder.pseudonym,
        fields=sorted(traits),
    )


def as_before(old: Json, text: str) -> Json:
    """Return what was typed into a form as a value of the type that the trait had.

    :raises RequestRejected: when it cannot be one.
    """
    text = text.strip()
    if isinstance(old, bool):
        if (answer := WORDS.get(text.lower())) is None:
            raise _misfit(text, _("yes or no"))
        return answer
    if isinstance(old, int | float):
        return _number(text)
    if isinstance(old, Mapping | list):
        raise RequestRejected(_("This can be taken away, not changed."), code="not_changeable")
    if not text:
        raise _misfit(text, _("a text"))
    return text


def _number(text: str) -> int | float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        raise _misfit(text, _("a number")) from None
    if not abs(number) < 1e15:  # nor what is no number
        raise _misfit(text, _("a number"))
    return int(number) if number.is_integer() else number


def _misfit(text: str, wanted: str) -> RequestRejected:
    return RequestRejected(
        _("“%(text)s” does not fit here: it takes %(wanted)s.")
        % {"text": text[:50], "wanted": wanted},
        code="invalid_value",
    )


def _refuse_unkept(holder: Holder, *, now: datetime) -> None:
    """Say it, where nothing may be added to what is held of somebody.

    :raises RequestRejected: for who refused, or did not agree where that is needed.
    """
    answers = NO_ANSWERS
    for each in answers_of(holder.subject.profile_ids, now=now).values():
        answers = answers.joined(each)
    if not may_keep(answers, trusted=True):
        raise RequestRejected(
            _(
                "You did not agree to anything being kept, so nothing new is. You can have it erased."
            ),
            code="no_consent",
            status=409,
        )
