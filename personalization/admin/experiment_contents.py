"""What an experiment can be about: places, and what each arm can show there, with their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from personalization.delivery.models import Slot, Variation
from personalization.delivery.templates import blocks_in_templates
from personalization.experiments.models import Experiment
from personalization.experiments.validation import Known
from personalization.ml.models import ModelVersion
from personalization.segments.models import Segment, SegmentVersion

_Kind = Experiment.Kind
#: The name of the models whose versions are compared.
RECOMMENDER = "recommend"
#: Versions that are offered at most, the newest of them.
MOST = 100
#: Versions of models that have what it takes to serve.
_USABLE = (
    ModelVersion.Status.CANDIDATE,
    ModelVersion.Status.SERVING,
    ModelVersion.Status.RETIRED,
)


@dataclass(frozen=True, slots=True)
class About:
    """What an experiment is about: its kind, a slot or list, and of rules the segment."""

    kind: str
    place: str = ""
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an arm can show, as `Arm.content` says it, and what people call it."""

    content: str
    label: str


def about(experiment: Experiment, contents: Sequence[str]) -> About:
    """Return what a kept experiment is about; the segment is that of its first version."""
    segment = ""
    if experiment.kind == _Kind.RULES:
        segment = next((one.partition(":")[0] for one in contents if one), "")
    return About(experiment.kind, experiment.place, segment)


def offers(what: About) -> tuple[Offer, ...]:
    """Return what its arms can show."""
    match what.kind:
        case _Kind.VARIATIONS:
            return (Offer("", _("the default of the slot")), *_of_slot(what.place))
        case _Kind.STRATEGIES:
            named = (one for one in Slot.Strategy if one != Slot.Strategy.SITE)
            return tuple(Offer(one.value, str(one.label)) for one in named)
        case _Kind.RULES:
            return tuple(_of_rule(what.segment))
        case _Kind.MODELS:
            return tuple(_of_models())
    return ()


def known_for(what: About) -> Known:
    """Return what the experiment may name, to judge it by."""
    contents = {offer.content for offer in offers(what)}
    if what.kind == _Kind.MODELS:  # lists are called as templates ask for them
        return Known(contents=contents)
    return Known(places={slug for slug, name in slots()}, contents=contents)


def slots() -> list[tuple[str, str]]:
    """Return slug and name of the slots of the admin, and of those that only templates have."""
    known = dict(Slot.objects.order_by("name").values_list("slug", "name"))
    others = {block.slot for _template, block in blocks_in_templates()} - known.keys()
    return [*known.items(), *((slug, slug) for slug in sorted(others))]


def segments_with_versions() -> list[tuple[str, str]]:
    """Return slug and name of the segments of whose rule there is a version or more."""
    listed = Segment.objects.listed().filter(kind=Segment.Kind.RULE, versions__isnull=False)
    return list(listed.order_by("name").values_list("slug", "name").distinct())


def _of_slot(slug: str) -> Iterator[Offer]:
    rows = Variation.objects.filter(slot__slug=slug, active=True, segment__active=True)
    for row in rows.select_related("segment").order_by("priority", "pk"):
        label = _("%(name)s, for %(segment)s") % {"name": row.name, "segment": row.segment.name}
        yield Offer(row.key, label)
    seen = set[str]()
    for template, block in blocks_in_templates():
        if block.slot != slug:
            continue
        for one in block.candidates:
            if one.key not in seen:
                seen.add(one.key)
                told = {"segments": ", ".join(one.segments), "template": template}
                yield Offer(one.key, _("for %(segments)s, of %(template)s") % told)


def _of_rule(segment: str) -> Iterator[Offer]:
    rows = SegmentVersion.objects.filter(segment__slug=segment, kind=Segment.Kind.RULE)
    for row in rows.order_by("-number")[:MOST]:
        told = {
            "n": row.number,
            "at": date_format(timezone.localtime(row.created_at), "j M Y"),
            "state": row.get_state_display(),
        }
        label = _("version %(n)s of %(at)s, %(state)s") % told
        note = f" – {row.note}" if row.note else ""
        yield Offer(f"{segment}:{row.number}", f"{label}{note}")


def _of_models() -> Iterator[Offer]:
    rows = ModelVersion.objects.filter(name=RECOMMENDER, status__in=_USABLE)
    for row in rows.order_by("-number")[:MOST]:
        told = {"n": row.number, "how": row.algorithm, "state": row.get_status_display()}
        label = _("version %(n)s (%(how)s), %(state)s") % told
        yield Offer(f"{RECOMMENDER}:{row.number}", label)
