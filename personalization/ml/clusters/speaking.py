"""Conditions on features, in the rule language: which ones there are, and how they are written.

A rule sees what is kept of a profile, and a model may see more. What profiles count is a
`feature` of both, by the same name. Of the last days, and how long ago something was, rules ask
the events themselves; so such a rule stays true as time passes, where a stored number would not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import floor

from personalization.ml.clusters.boxes import Speaker
from personalization.rules.catalogue import Catalogue
from personalization.rules.need import ANY
from personalization.rules.writing import age, days, feature, fewer, happened
from personalization.types import JsonObject

#: Features that count one event, and the event. Of the last days they are called “….7d”.
_COUNTED: Mapping[str, str] = {
    "events.count": ANY,
    "pages.count": "Page Viewed",
    "cart.adds": "Product Added",
    "orders.count": "Order Completed",
}
#: Features that say how many days ago something was, and what: (event, which one of them).
_AGES: Mapping[str, tuple[str, str]] = {
    "recency.event": (ANY, "last"),
    "recency.cart": ("Product Added", "last"),
    "recency.order": ("Order Completed", "last"),
    "recency.first": (ANY, "first"),
}
_OF_DAYS = re.compile(r"(.+)\.([1-9]\d{0,2})d")
_DAY = timedelta(days=1)


def speaker_of(name: str, catalogue: Catalogue) -> Speaker | None:
    """Return what puts conditions on a feature into words; None: no rule can ask for it."""
    field = catalogue.features.get(name)
    if field is not None:
        return _OfFeature(name=name) if field.type == "number" else None
    if (of_days := _OF_DAYS.fullmatch(name)) and of_days[1] in _COUNTED:
        span = int(of_days[2])
        if timedelta(days=span) <= catalogue.retention:
            return _OfDays(event=_COUNTED[of_days[1]], last=days(span))
    if name in _AGES:
        event, which = _AGES[name]
        return _OfAge(event=event, which=which)
    return None


def says_age(speaker: Speaker) -> bool:
    """Return whether its numbers are days since something happened."""
    return isinstance(speaker, _OfAge)


def _number(value: float) -> float:
    """Return a whole number as one: rules are read by people."""
    return int(value) if value == int(value) else value


@dataclass(frozen=True, kw_only=True)
class _OfFeature:
    """A number that is kept of every profile."""

    name: str

    def at_most(self, value: float) -> JsonObject:
        return feature(self.name, "<=", _number(value))

    def above(self, value: float) -> JsonObject:
        return feature(self.name, ">", _number(value))

    def known(self) -> JsonObject:
        return feature(self.name, "is set", None)

    def unknown(self) -> JsonObject:
        return feature(self.name, "is not set", None)


@dataclass(frozen=True, kw_only=True)
class _OfDays:
    """How often something happened in the `last` days: always a whole number, and known."""

    event: str
    last: str

    def at_most(self, value: float) -> JsonObject:
        return {**self.above(value), "operator": "<"}

    def above(self, value: float) -> JsonObject:
        return happened(self.event, times=floor(value) + 1, last=self.last)

    def known(self) -> JsonObject:
        return happened(self.event, times=0, last=self.last)

    def unknown(self) -> JsonObject:
        return {**happened(self.event, times=0, last=self.last), "operator": "<"}


@dataclass(frozen=True, kw_only=True)
class _OfAge:
    """How many days ago something was; not known of those who never did it."""

    event: str
    which: str

    def at_most(self, value: float) -> JsonObject:
        return age(self.event, "<=", _duration(value), which=self.which)

    def above(self, value: float) -> JsonObject:
        return age(self.event, ">", _duration(value), which=self.which)

    def known(self) -> JsonObject:
        return happened(self.event)

    def unknown(self) -> JsonObject:
        return fewer(self.event, 1)


def _duration(value: float) -> str:
    """Return so many days as a duration of whole seconds."""
    span = timedelta(seconds=max(1, round(value * _DAY.total_seconds())))
    if not span % _DAY:
        return days(span // _DAY)
    seconds = int(span.total_seconds())
    if not seconds % 3600:
        return f"PT{seconds // 3600}H"
    return f"PT{seconds // 60}M" if not seconds % 60 else f"PT{seconds}S"
