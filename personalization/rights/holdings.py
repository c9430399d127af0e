"""What is held of somebody, in the words of the page that shows it to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Q, QuerySet
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.events.catalogue import RECOMMENDATION_SHOWN, SLOT_SHOWN
from personalization.events.models import Event
from personalization.privacy.encryption import opened_traits
from personalization.privacy.models import Consent
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.stores import Store, Subject
from personalization.reports.data_map import kept_in_words
from personalization.rights.access import Holder
from personalization.rights.correction import traits_of
from personalization.rights.export import shown_stores
from personalization.rules.compare import shown, value_text
from personalization.segments.catalogue import catalogue
from personalization.segments.explanation import SegmentWhy, explain_segments
from personalization.segments.live import live_rules
from personalization.segments.models import Segment, Webhook
from personalization.types import ASKED_PURPOSES, Json, Purpose

#: The newest events that the page shows; the file to take along has them all.
SHOWN = 20
#: More entries of one place than these are not counted for the page.
COUNTED = 1_000
#: Events that the site wrote about what it showed.
_EXPOSURES = (SLOT_SHOWN, RECOMMENDATION_SHOWN)
#: What of them says something to people.
_TOLD = ("slot", "variation", "place")
_PROPERTIES = 3
_LABELS: Mapping[str, Promise] = {
    Identity.ANONYMOUS: gettext_lazy("Browser"),
    Identity.USER: gettext_lazy("Account"),
}


@dataclass(frozen=True, kw_only=True)
class Trait:
    """What somebody is said to be; `is_changeable` where a form has a field for it."""

    name: str
    value: Json

    @property
    def text(self) -> str:
        return value_text(self.value)

    @property
    def whole(self) -> str:
        """The value as a form has it, uncut."""
        return shown(self.value)

    @property
    def is_changeable(self) -> bool:
        return not isinstance(self.value, Mapping | list)

    @property
    def is_yes_or_no(self) -> bool:
        return isinstance(self.value, bool)

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int | float)


@dataclass(frozen=True, kw_only=True)
class Name:
    """An id by which somebody is known, as the page calls it."""

    namespace: str
    label: str | Promise
    value: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Deed:
    """Something that was done, with what tells it from others of its kind."""

    at: datetime
    name: str
    details: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The newest answer to a purpose; `at` is None where none was given."""

    purpose: str
    label: str | Promise
    granted: bool = False
    at: datetime | None = None
    policy_version: str = ""
    mechanism: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place where something is held: what, what for, how long at most and how much of it."""

    name: str
    holds: str
    used_for: str
    kept: str
    count: int
    #: Whether an erasure takes it away; a proof that names nobody stays.
    goes: bool

    @property
    def words(self) -> str:
        """How much it is, as far as it was counted."""
        if self.count > COUNTED:
            return _("more than %(count)s") % {"count": number_format(COUNTED)}
        return number_format(self.count)


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """What the page shows. `groups` are the segments that somebody is in, each with why."""

    is_whole: bool
    names: Sequence[Name]
    traits: Sequence[Trait]
    groups: Sequence[SegmentWhy]
    deeds: Sequence[Deed]
    shown: Sequence[Deed]
    answers: Sequence[Answer]
    places: Sequence[Place]
    receivers: Sequence[Webhook]
    first_seen: datetime | None

    @property
    def n_events(self) -> int:
        return self._count("events")

    @property
    def n_visits(self) -> int:
        return self._count("visits")

    def _count(self, name: str) -> int:
        return sum(place.count for place in self.places if place.name == name)


def holdings(holder: Holder, *, now: datetime) -> Holdings:
    """Return what is held of the holder at `now`."""
    subject = holder.subject
    snapshots = list(Snapshot.objects.filter(profile__in=subject.profile_ids))
    seen = [each.first_seen for each in snapshots if each.first_seen]
    groups = [why for each in snapshots for why in _groups(each, now=now)]
    return Holdings(
        is_whole=subject.is_whole,
        names=_names(subject),
        traits=[Trait(name=name, value=value) for name, value in traits_of(holder).items()],
        groups=groups,
        deeds=_deeds(subject),
        shown=_exposures(subject),
        answers=_answers(subject),
        places=list(places(subject)),
        receivers=_receivers(snapshots, groups) if groups else [],
        first_seen=min(seen, default=None),
    )


def places(subject: Subject) -> Iterator[Place]:
    """Yield where something may be held of the subject, and how much is."""
    for name, store in shown_stores():
        yield Place(
            name=name,
            holds=str(store.holds),
            used_for=str(store.used_for),
            kept=kept_in_words(name, type(store)),
            count=sum(1 for each in islice(store.export(subject), COUNTED + 1)),
            goes=type(store).erase is not Store.erase,
        )


def _names(subject: Subject) -> list[Name]:
    identities = Identity.objects.filter(pk__in=subject.identity_ids)
    return [
        Name(
            namespace=each.namespace,
            label=_LABELS.get(each.namespace, each.namespace),
            value=each.value,
            since=each.created_at,
        )
        for each in identities.order_by("created_at", "pk")
    ]


def _groups(snapshot: Snapshot, *, now: datetime) -> Iterator[SegmentWhy]:
    """Yield the segments that the profile is in, with the sentence and the trace of the rule.

    What a request decides is in nobody's profile: it is told by where the request comes from.
    """
    live = live_rules()
    active = Segment.objects.listed().filter(active=True).exclude(slug__in=live.on_request)
    found = explain_segments(snapshot, live, catalogue(), segments=active, now=now)
    return (each for each in found if each.holds)


def _deeds(subject: Subject) -> list[Deed]:
    """Return what was done last."""
    events = _events(subject).exclude(name__in=_EXPOSURES)
    return [_deed(event, opened_traits(event.properties)) for event in events[:SHOWN]]


def _exposures(subject: Subject) -> list[Deed]:
    """Return what was shown last: which variation of which slot, which items at which place."""
    events = _events(subject).filter(name__in=_EXPOSURES)
    return [_deed(event, _shown(event.properties)) for event in events[:SHOWN]]


def _events(subject: Subject) -> QuerySet[Event]:
    events = Event.objects.filter(identity__in=subject.identity_ids)
    return events.defer("context").order_by("-timestamp", "-pk")


def _shown(properties: Json) -> Json:
    if not isinstance(properties, Mapping):
        return {}
    said = {name: properties[name] for name in _TOLD if name in properties}
    items = properties.get("items")
    if isinstance(items, list):
        said["items"] = ", ".join(str(item) for item in items)
    if arms := _arms(properties.get("assigned")):
        said["compared"] = arms
    return said


def _arms(assigned: Json) -> str:
    """Return the arms of experiments and holdouts that chance has put them into."""
    if not isinstance(assigned, Mapping):
        return ""
    arms = {name: one.get("arm") for name, one in assigned.items() if isinstance(one, Mapping)}
    return ", ".join(f"{name} = {arm}" for name, arm in arms.items() if isinstance(arm, str))


def _deed(event: Event, properties: Json) -> Deed:
    """Return the event with the first of its properties that say something to people."""
    telling = [
        f"{name}: {value_text(value)}"
        for name, value in (properties.items() if isinstance(properties, Mapping) else ())
        if not isinstance(value, Mapping | list) and value not in (None, "")
    ]
    details = ", ".join(telling[:_PROPERTIES])
    return Deed(at=event.timestamp, name=event.name, details=details)


def _answers(subject: Subject) -> list[Answer]:
    given: dict[str, Consent] = {}
    rows = Consent.objects.filter(identity__in=subject.identity_ids)
    for consent in rows.order_by("recorded_at", "pk"):
        given[consent.purpose] = consent
    return [_answer(purpose, given.get(purpose.value)) for purpose in ASKED_PURPOSES]


def _answer(purpose: Purpose, consent: Consent | None) -> Answer:
    if consent is None:
        return Answer(purpose=purpose.value, label=purpose.label)
    return Answer(
        purpose=purpose.value,
        label=purpose.label,
        granted=consent.granted,
        at=consent.recorded_at,
        policy_version=consent.policy_version,
        mechanism=str(consent.get_mechanism_display()),
    )


def _receivers(snapshots: Sequence[Snapshot], groups: Sequence[SegmentWhy]) -> list[Webhook]:
    """Return the systems that are told of these groups, for what was agreed to."""
    agreed = {purpose for each in snapshots for purpose, yes in each.consents.items() if yes}
    of_groups = Q(segment=None) | Q(segment__in=[why.segment.pk for why in groups])
    active = Webhook.objects.filter(of_groups, active=True).select_related("segment")
    return list(active.filter(purpose__in=agreed | {Purpose.NECESSARY.value}).order_by("name"))
