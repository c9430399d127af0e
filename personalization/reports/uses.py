"""What uses which data: the reason for which each is collected and held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from personalization.conf import settings
from personalization.events.catalogue import SLOT_EVENTS
from personalization.events.collection import EVENTS, Kind, kinds_to_collect, uses
from personalization.events.models import EventSchema
from personalization.experiments import used_events as _of_experiments  # noqa: F401
from personalization.ml import used_events  # noqa: F401  # registers what models use
from personalization.profiles.features import INTEREST, definitions
from personalization.rules.leaves.event import EventLeaf
from personalization.rules.need import ANY
from personalization.rules.nodes import Leaf
from personalization.segments import collecting  # noqa: F401  # registers what rules use
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.models import Segment

#: The name under which the rules themselves are a use of events.
_RULES: Final = "rules"
#: What profiles are compared by that may be one person, where the site keeps suggestions.
_COMPARED: Final = frozenset(
    {"email", "phone", "name", "firstName", "lastName", "birthday", "city", "address"}
)
_TRAIT, _FEATURE = "trait:", "feature:"

Reasons = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Uses:
    """Why data are needed: names of events and traits, and (event, property), each with what
    uses it. A rule over any event uses the property of every event, and none in particular."""

    events: Reasons
    traits: Reasons
    properties: Mapping[tuple[str, str], tuple[str, ...]]

    def of_property(self, event: str, name: str) -> tuple[str, ...]:
        """Return what uses a property of an event, by itself or by that of any event."""
        found = {*self.properties.get((event, name), ()), *self.properties.get((ANY, name), ())}
        return tuple(sorted(found))


@dataclass
class _Found:
    """What is being gathered."""

    events: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    traits: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    properties: defaultdict[tuple[str, str], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def finished(self) -> Uses:
        return Uses(
            events={name: tuple(sorted(why)) for name, why in self.events.items()},
            traits={name: tuple(sorted(why)) for name, why in self.traits.items()},
            properties={name: tuple(sorted(why)) for name, why in self.properties.items()},
        )


def uses_now() -> Uses:
    """Return what live rules, schemas and whatever else is registered use (five queries)."""
    found = _Found()
    live = live_rules()
    names = dict(Segment.objects.values_list("pk", "name"))
    for version in live.versions.values():
        if version.rule is not None:
            why = _("segment “%(name)s”") % {"name": names.get(version.segment_id, version.slug)}
            for leaf in _meant(version.rule.leaves()):
                _note_leaf(leaf, found, live, why)
    for name, use in uses.items():
        if name != _RULES:
            for event in use():
                found.events[event].add(name)
    _note_schemas(found)
    for event in SLOT_EVENTS:
        found.events[event].add(_("figures of slots"))
    if settings.IDENTITY_SUGGESTIONS:
        for trait in _COMPARED:
            found.traits[trait].add(_("suggestions of merges"))
    return found.finished()


def _meant(leaves: Iterable[Leaf]) -> Iterator[Leaf]:
    """Yield the leaves, and those that they are names for."""
    for leaf in leaves:
        yield leaf
        group = leaf.stands_for()
        if group is not None:
            yield from _meant(group.leaves())


def _note_leaf(leaf: Leaf, found: _Found, live: LiveRules, why: str) -> None:
    for need in leaf.needs():
        for event in need.events - {ANY}:
            found.events[event].add(why)
    for matcher in leaf.matchers():
        for test in matcher.where.leaves() if matcher.where else ():
            found.properties[matcher.event, test.path[0]].add(why)
        if isinstance(leaf, EventLeaf) and leaf.path:  # what its numbers are of
            found.properties[matcher.event, leaf.path[0]].add(why)
    for token in leaf.depends_on():
        if token.startswith(_TRAIT):
            found.traits[token.removeprefix(_TRAIT)].add(why)
        elif token.startswith(_FEATURE):
            _note_feature(token.removeprefix(_FEATURE), found, live, why)


def _note_feature(name: str, found: _Found, live: LiveRules, why: str) -> None:
    if name == INTEREST:
        for event in live.plan.weights:
            found.events[event].add(why)
        return
    definition = definitions.get(name)
    if definition is None:  # rules decide it, and their leaves are looked at by themselves
        return
    for event in definition.events or ():
        found.events[event].add(why)
    for event in definition.events or {ANY}:
        for prop in definition.properties:
            found.properties[event, prop].add(why)


def _note_schemas(found: _Found) -> None:
    """Take what somebody described for a use: those that are shipped describe all there may be."""
    rows = EventSchema.objects.filter(active=True).values_list("name", "properties")
    for event, properties in rows:
        why = _("event schema “%(name)s”") % {"name": event}
        found.events[event].add(why)
        for name in properties:
            found.properties[event, name].add(why)


# -- what the tracker collects ---------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Collected:
    """A kind of events that the tracker can collect by the way, and for what it does."""

    kind: Kind
    events: tuple[str, ...]
    is_collected: bool
    reasons: tuple[str, ...]


def collected(found: Uses) -> list[Collected]:
    """Return every kind, with what needs it; without a reason it is collected only if the
    site says that all of them are."""
    wanted = kinds_to_collect()
    return [
        Collected(
            kind=kind,
            events=tuple(sorted(events)),
            is_collected=kind in wanted,
            reasons=tuple(sorted({why for name in events for why in found.events.get(name, ())})),
        )
        for kind, events in EVENTS.items()
    ]
