"""What derived features say of one profile, why, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from personalization.admin.wording import instant_words
from personalization.clock import microseconds, moment
from personalization.profiles.derived import Derivation, derivations
from personalization.profiles.models import Snapshot
from personalization.profiles.plan import plan
from personalization.rules.catalogue import Catalogue
from personalization.rules.compare import shown
from personalization.rules.derived import derived_features
from personalization.rules.explain import sentence, trace
from personalization.rules.state import Facts
from personalization.segments.explanation import Reason, facts_for, nested
from personalization.segments.live import live_rules


@dataclass(frozen=True, kw_only=True)
class DerivedLine:
    """A derived feature in words: its value and the sentence of the rule that decides it."""

    label: str
    value: str
    sentence: str
    reasons: Sequence[Reason]
    when: str
    description: str


def derived_lines(snapshot: Snapshot, known: Catalogue, *, now: datetime) -> Sequence[DerivedLine]:
    """Return every derived feature of the profile at `now`.

    What no live rule asks for is kept nowhere (law 7), so it is read from the events.
    """
    needs = plan(
        need
        for _name, feature in derived_features.items()
        for leaf in feature.leaves()
        for need in leaf.needs()
    )
    facts = facts_for(snapshot, live_rules(), needs)
    at = microseconds(now)
    return [_line(each, facts, known, now) for each in derivations(facts, now=at)]


def _line(found: Derivation, facts: Facts, known: Catalogue, now: datetime) -> DerivedLine:
    value = _("not known") if found.value is None else shown(found.value)
    reasons: Sequence[Reason] = ()
    if found.rule is not None:
        reasons = nested(trace(found.rule, facts, known, now=microseconds(now)))
    return DerivedLine(
        label=found.feature.label,
        value=f"{value} {found.feature.unit}".strip() if found.value is not None else value,
        sentence="" if found.rule is None else sentence(found.rule, known),
        reasons=reasons,
        when=_when(found),
        description=found.feature.description,
    )


def _when(found: Derivation) -> str:
    if found.until is None:
        return _("Time alone does not change it.")
    return _("Changes on %(at)s, unless something happens before.") % {
        "at": instant_words(moment(found.until))
    }
