"""What the site shows a simulated visitor, at an instant that has passed: its own decision.

History is played many visitors at a time, so no page is rendered at the instants it is about.
What a page would have known is worked out instead, and by the same code: the events that the
visitor made until then are applied as the worker applies them (`profiles.state`), the segments
are the live rules asked at that instant (`rules.evaluate`), and `delivery.choose` decides with
what is published: slots and variations from the admin, variants of the templates, experiments,
holdouts. Chance is drawn by the id of the visitor's profile, as on the site.

So nothing here says who sees what. Two things differ from a page: the rules are those of today,
and what is in no event (segments kept by hand, features of models) is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from personalization.clock import microseconds, span
from personalization.conf import settings
from personalization.delivery.choose import Decision, choose
from personalization.delivery.exposures import told_arms
from personalization.delivery.known import Known
from personalization.delivery.places import place_of
from personalization.delivery.published import Candidate, Place, Published, published_now
from personalization.delivery.templates import blocks_in_templates
from personalization.events.catalogue import SLOT_SHOWN
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.profiles import features
from personalization.profiles.state import State
from personalization.rules.evaluate import evaluate
from personalization.rules.interval import Interval
from personalization.rules.nodes import Rule
from personalization.rules.occurrence import Occurrence
from personalization.rules.state import Facts
from personalization.segments.live import LiveRules, live_rules_at
from personalization.types import JsonObject, Microseconds, Purpose

Json = dict[str, Any]

#: The slots of a page, by how its path begins; those of the home page by its whole path.
SLOTS: Mapping[str, tuple[str, ...]] = {
    "/category/": ("category-banner",),
    "/product/": ("product-offer",),
    "/cart/": ("cart-nudge",),
    "/journal/": ("article-footer",),
}
HOME_SLOTS = ("home-strip", "hero")
#: Filled by the browser, after the page.
DEFERRED = frozenset({"article-footer"})


def slots_of(path: str) -> tuple[str, ...]:
    """Return the slots that are in sight on a page, in order."""
    if path == "/":
        return HOME_SLOTS
    return next((slots for start, slots in SLOTS.items() if _is_below(path, start)), ())


def _is_below(path: str, start: str) -> bool:
    return path == start == "/cart/" or (path.startswith(start) and path != "/journal/")


@cache
def candidates() -> Mapping[str, tuple[Candidate, ...]]:
    """Return what the templates have for each slot."""
    return {block.slot: block.candidates for _, block in blocks_in_templates()}


@dataclass(frozen=True)
class Site:
    """What is published at a revision: places by slot, and the rules of segments by slug."""

    published: Published
    live: LiveRules
    rules: Mapping[str, Rule]

    @classmethod
    def now(cls) -> Site:
        published = published_now()
        live = live_rules_at(published.revision)
        rules = {
            version.slug: version.rule
            for version in live.versions.values()
            if version.serving and version.rule is not None and not version.live_only
        }
        return cls(published, live, rules)

    def place(self, slot: str) -> Place:
        return place_of(self.published, slot, candidates().get(slot, ()))


@dataclass
class Looker:
    """A visitor as the site knows them, who agreed to personalization with their first event."""

    site: Site
    profile_id: int
    state: State = field(default_factory=State)
    visit: Interval | None = None
    log: list[Occurrence] = field(default_factory=list)

    def did(self, event: Json) -> None:
        """Take in an event, which is later than all before."""
        at = datetime.fromisoformat(event["timestamp"])
        sender = Sender(trusted=True, visitor_id=None, received_at=at)
        occurrence = read_event(event, sender=sender).occurrence
        self.log.append(occurrence)
        self.state.apply((occurrence,), self.site.live.plan)
        for need in self.state.late.values():
            self.state.put(need, need.fold(sorted(self.log, key=lambda each: each.position)))
        self.state.late.clear()
        self._visit(occurrence.at)

    def sees(self, path: str, *, at: datetime) -> list[Decision]:
        """Return what is decided for the slots of a page; nothing for who is not known yet."""
        if not self.log:
            return []
        known = Known(
            published=self.site.published,
            consents=frozenset({Purpose.PERSONALIZATION.value}),
            segments=self.segments(microseconds(at)),
            profile_id=self.profile_id,
        )
        standing = known.standing(consented=True, bot=False, unit=known.unit, now=microseconds(at))
        return [
            choose(self.site.place(slot), standing, in_browser=slot in DEFERRED)
            for slot in slots_of(path)
        ]

    def segments(self, now: Microseconds) -> frozenset[str]:
        """Return the slugs of the segments they are in at `now`, by the rules in force."""
        facts = Facts(
            traits=self.state.traits,
            features=features.published(self.state.sums),
            counters=self.state.counters,
            consents={Purpose.PERSONALIZATION.value: True},
            visit=self.visit,
            log=lambda events: self.log,
        )
        return frozenset(
            slug for slug, rule in self.site.rules.items() if evaluate(rule, facts, now=now).holds
        )

    def _visit(self, at: Microseconds) -> None:
        end = at + span(settings.VISIT_GAP)
        if self.visit is None or self.visit.over(at):
            self.visit = Interval(at, end)
            self.state.set_visits(self.state.sums.get(features.VISITS, 0) + 1)
        else:
            self.visit = Interval(self.visit.start, end)


#: Profiles of visitors before there are any.
NOBODY: Mapping[str, int] = {}


def looker_of(site: Site | None, profile_id: int | None) -> Looker | None:
    """Return a visitor of the site; None for who has no profile there."""
    return None if site is None or profile_id is None else Looker(site, profile_id)


def exposure_of(decision: Decision, *, decision_id: str) -> tuple[str, JsonObject]:
    """Return name and properties of the event that says what was shown, as the site says it."""
    return SLOT_SHOWN, {
        "slot": decision.slot,
        **({"variation": decision.variation} if decision.candidate else {}),
        "decision_id": decision_id,
        "probability": decision.probability,
        "reason": decision.reason,
        **({"assigned": told_arms(decision.assigned)} if decision.assigned else {}),
    }
