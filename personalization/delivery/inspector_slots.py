"""The slots of a page for staff: what was decided in each, why, and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from personalization.delivery.choose import PRECEDENCE, Decision, Step
from personalization.delivery.inspector_words import MODES, REASONS, STEPS, answer_words, instant
from personalization.delivery.models import Slot, Variation
from personalization.delivery.own_slots import is_own_slot
from personalization.delivery.places import FLAG
from personalization.delivery.published import Candidate, Place, published_now
from personalization.delivery.ticket import Ticket
from personalization.delivery.visitor import WHOLE_PAGE, Trace, Visitor
from personalization.experiments.models import Arm
from personalization.segments.models import Segment
from personalization.types import Json, JsonObject

_VARIATION = "variation:"
#: No page has more slots that anybody would read about.
MOST = 200


@dataclass(frozen=True, kw_only=True)
class Names:
    """What is stored of the slots, variations and segments that a page speaks of (three queries),
    and of the arms of experiments (one more where there are any)."""

    slots: Mapping[str, Mapping[str, Any]]
    variations: Mapping[str, Mapping[str, Any]]  # by key of the candidate
    segments: Mapping[str, Mapping[str, Any]]
    ids: Mapping[int, str]  # of segments → name
    arms: Mapping[str, str]  # “experiment:arm” → what both are called

    def of_slot(self, slug: str) -> Iterator[Mapping[str, Any]]:
        return (one for one in self.variations.values() if one["slot__slug"] == slug)


def names_of(traces: Sequence[Trace], *, ticket: Ticket | None) -> Names:
    slugs = {trace.decision.slot for trace in traces}
    asked = {slug for trace in traces for one in trace.place.candidates for slug in one.segments}
    wanted = Q(slug__in=asked) | Q(pk__in=ticket.segments if ticket else ())
    segments = list(Segment.objects.filter(wanted).values("pk", "slug", "name", "active"))
    variations = Variation.objects.filter(slot__slug__in=slugs).values(
        "pk", "name", "active", "slot__slug", "slot_id", "segment__name", "segment__active"
    )
    return Names(
        slots={row["slug"]: row for row in Slot.objects.filter(slug__in=slugs).values()},
        variations={f"{_VARIATION}{row['pk']}": row for row in variations},
        segments={row["slug"]: row for row in segments},
        ids={row["pk"]: row["name"] for row in segments},
        arms=_arms_of(traces),
    )


def _arms_of(traces: Sequence[Trace]) -> dict[str, str]:
    """Return what the arms are called that a visitor is in."""
    steps = (step for trace in traces for step in trace.steps if step.name == "experiment")
    slugs = {one.experiment for step in steps for one in step.assigned}
    if not slugs:
        return {}
    arms = Arm.objects.filter(experiment__slug__in=slugs).select_related("experiment")
    return {
        f"{arm.experiment.slug}:{arm.key}": _("“%(arm)s” of “%(experiment)s”")
        % {"arm": arm, "experiment": arm.experiment}
        for arm in arms
    }


def traces_of(visitor: Visitor) -> list[Trace]:
    """Return the first trace of each slot, in the order of the page; then what failed before
    anything was decided."""
    found: dict[str, Trace] = {}
    for trace in visitor.traces:
        found.setdefault(trace.decision.slot, trace)
    for slug in visitor.failures.keys() - {WHOLE_PAGE}:
        found.setdefault(slug, Trace(Place(slug), Decision(slug, None, "no_match"), ()))
    return list(found.values())[:MOST]


def entries(traces: Sequence[Trace], names: Names, *, visitor: Visitor) -> list[JsonObject]:
    """Return the slots for the panel, in the order of the page."""
    stale = published_now().stale
    return [_entry(trace, names, visitor=visitor, stale=stale) for trace in traces]


def _entry(trace: Trace, names: Names, *, visitor: Visitor, stale: frozenset[str]) -> JsonObject:
    """Return one slot for the panel."""
    decision = trace.decision
    slug = decision.slot
    row = names.slots.get(slug)
    flag, failed = slug.startswith(FLAG), slug in visitor.failures
    return {
        "slot": slug,
        "name": row["name"] if row else _unnamed(slug),
        "url": admin_address("slot", row["id"] if row else None),
        "flag": flag,
        "mode": str(MODES.get(trace.mode, trace.mode)),
        "shown": [] if failed else [_name(one.key, names) for one in decision.candidates],
        "reason": _("The default: it failed.") if failed else str(REASONS[decision.reason]),
        "probability": decision.probability,
        "decision": decision.id,
        "steps": list(_steps(trace, names)),
        "candidates": [
            _candidate(one, names, trace=trace, visitor=visitor) for one in trace.place.candidates
        ],
        "warnings": list(_warnings(trace, names, visitor=visitor, stale=stale)),
    }


def admin_address(model: str, pk: int | None) -> str:
    """Return the admin page of something; empty where there is none."""
    if pk is None:
        return ""
    try:
        return reverse(f"admin:personalization_{model}_change", args=(pk,))
    except NoReverseMatch:  # the site has no admin under this name
        return ""


def _unnamed(slug: str) -> str:
    """Return what to call what is not in the admin."""
    if slug.startswith(FLAG):
        return _("Is in “%(segment)s”?") % {"segment": slug.removeprefix(FLAG)}
    return _("A block of this page") if is_own_slot(slug) else slug


def _name(key: str, names: Names) -> str:
    """Return what to call a candidate by its key."""
    if key in names.variations:
        return str(names.variations[key]["name"])
    if key in names.arms:
        return names.arms[key]
    kind, _sep, rest = key.partition(":")
    if kind == "template":
        segments = rest.partition(":")[2].split("+")
        listed = ", ".join(_segment_name(slug, names) for slug in segments)
        return _("of the template, for %(segments)s") % {"segments": listed}
    return key


def _segment_name(slug: str, names: Names) -> str:
    return str(names.segments[slug]["name"]) if slug in names.segments else slug


def _steps(trace: Trace, names: Names) -> Iterator[JsonObject]:
    """Yield the steps that had something to say, each with what was left after it."""
    by_name: dict[str, list[Step]] = {}
    for step in trace.steps:
        by_name.setdefault(step.name, []).append(step)
    order = [*PRECEDENCE, *(name for name in by_name if name not in PRECEDENCE)]
    for name in order:
        for step in by_name.get(name, ()):
            left: list[Json] = [_name(key, names) for key in step.left]
            yield {
                "name": str(STEPS.get(name, name)),
                "answer": answer_words(step, name=lambda key: _name(key, names)),
                "left": left,
                "counts": name in ("experiment", "cap", "schedule", "strategy", "holdout"),
            }


def _candidate(candidate: Candidate, names: Names, *, trace: Trace, visitor: Visitor) -> JsonObject:
    row = names.variations.get(candidate.key)
    return {
        "name": _name(candidate.key, names),
        "url": admin_address("slot", row["slot_id"] if row else None),
        "shown": any(one.key == candidate.key for one in trace.decision.candidates),
        "when": _schedule(candidate),
        "segments": [_segment(slug, names, visitor=visitor) for slug in candidate.segments],
    }


def _segment(slug: str, names: Names, *, visitor: Visitor) -> JsonObject:
    row = names.segments.get(slug)
    return {
        "slug": slug,
        "name": _segment_name(slug, names),
        "url": admin_address("segment", row["pk"] if row else None),
        "inside": slug in visitor.standing.segments if visitor.known else False,
        "known": row is not None,
    }


def _schedule(candidate: Candidate) -> str:
    if candidate.starts is None and candidate.ends is None:
        return ""
    if candidate.ends is None:
        assert candidate.starts is not None
        return _("from %(at)s on") % {"at": instant(candidate.starts)}
    if candidate.starts is None:
        return _("until %(at)s") % {"at": instant(candidate.ends)}
    ends = {"starts": instant(candidate.starts), "ends": instant(candidate.ends)}
    return _("from %(starts)s until %(ends)s") % ends


def _warnings(
    trace: Trace, names: Names, *, visitor: Visitor, stale: frozenset[str]
) -> Iterator[str]:
    slug = trace.decision.slot
    if error := visitor.failures.get(slug):
        yield _("It failed, and the default is shown: %(error)s") % {"error": error}
    if not slug.startswith(FLAG):
        yield from _warnings_of_slot(trace, names)
    yield from _warnings_of_segments(trace, names, stale=stale)


def _warnings_of_slot(trace: Trace, names: Names) -> Iterator[str]:
    slug = trace.decision.slot
    if slug not in names.slots and not is_own_slot(slug):
        yield _("There is no slot “%(slot)s” in the admin, so nobody can fill it there.") % {
            "slot": slug
        }
    for row in names.of_slot(slug):
        if row["active"] and not row["segment__active"]:
            yield _("Variation “%(name)s” is never shown: “%(segment)s” is not active.") % {
                "name": row["name"], "segment": row["segment__name"],
            }  # fmt: skip
    if not trace.place.candidates:
        yield _("Everybody sees the default: there is nothing else to show here.")
    if trace.place.trigger and trace.mode != "deferred":
        yield _(
            "It has a trigger, which only the browser can wait for: let its tag say “deferred”."
        )


def _warnings_of_segments(trace: Trace, names: Names, *, stale: frozenset[str]) -> Iterator[str]:
    for slug in dict.fromkeys(one for each in trace.place.candidates for one in each.segments):
        row = names.segments.get(slug)
        if row is None:
            yield _("There is no segment “%(segment)s”: nobody sees what is meant for it.") % {
                "segment": slug
            }
        elif not row["active"]:
            yield _("Segment “%(segment)s” is not active: nobody is in it.") % {
                "segment": row["name"]
            }
        elif slug in stale:
            yield _("Segment “%(segment)s” does not follow its rule yet: a worker is at it.") % {
                "segment": row["name"]
            }
