"""A simulated visitor sees what the site would have shown, and the event says it as the site does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from personalization.clock import microseconds
from personalization.delivery.choose import Decision, choose
from personalization.delivery.known import read_visitor
from personalization.delivery.models import Slot, Variation
from personalization.events.buffer import Batch
from personalization.events.models import Source
from personalization.experiments.models import Experiment
from personalization.experiments.trial import HELD_OUT, SHOWN, Assigned
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.pipeline import process_now
from personalization.segments.models import Segment
from personalization.testing import exposures_at_once, memory_buffer
from project.shop.data.segments import happened, rule
from project.shop.deciding import DEFERRED, Looker, Site, exposure_of, looker_of, slots_of
from project.shop.journey import Journey, Json, moment
from project.shop.models import SimulationRun
from project.shop.playback import Played, people, profiles_of
from tests.delivery.showing import decision, show, written
from tests.project.test_simulate import SHELVES

in_the_shop = pytest.mark.usefixtures("shop")

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: Shares with which few visitors are enough to have all arms.
OFTEN = override_settings(PERSONALIZATION_HOLDOUT=0.4, PERSONALIZATION_GLOBAL_HOLDOUT=0.2)


# -- the same as the site --------------------------------------------------------------------


def take_in(events: Sequence[Json]) -> None:
    """Have the worker process what simulated visitors did, at the instants they did it."""
    source = Source.objects.get(slug="simulator")
    for event in events:
        at = moment(event)
        sender = Sender(trusted=True, visitor_id=None, received_at=at)
        arrival = read_event(event, sender=sender)
        batch = Batch(source_id=source.pk, events=[arrival.to_json()], received_at=at)
        assert process_now(batch, now=at)


def decided_by_the_site(visitor_id: str, path: str, *, at: datetime) -> list[Decision]:
    known = read_visitor(visitor_id, now=at)
    standing = known.standing(
        consented="personalization" in known.consents,
        bot=False,
        unit=known.unit,
        now=microseconds(at),
    )
    place = Site.now().place
    return [choose(place(slot), standing, in_browser=slot in DEFERRED) for slot in slots_of(path)]


def exposures_after(events: Sequence[Json], number: int) -> Iterator[Json]:
    """Yield what was shown with the page that was viewed as event `number`."""
    for event in events[number + 1 :]:
        if event.get("event") != "Slot Shown":
            return
        yield event["properties"]


def told(decisions: Sequence[Decision]) -> list[Json]:
    counted = [one for one in decisions if one.assigned_or_shown]
    return [dict(exposure_of(one, decision_id="")[1]) for one in counted]


def few_of(personas: bool) -> list[Played]:
    """Return visitors, who have been introduced to the site as they are when they are played."""
    cast = SimulationRun.Cast.PERSONAS if personas else SimulationRun.Cast.CROWD
    run = SimulationRun(cast=cast, seed=3, visitors=14 if personas else 10, now=NOW)
    first = {each.id: each.events[0] for each in people(run, profiles={})}
    take_in(list(first.values()))
    return list(people(run, profiles=profiles_of(first)))


@pytest.mark.slow
@in_the_shop
@OFTEN
@pytest.mark.parametrize("personas", [True, False], ids=["personas", "crowd"])
def test_visitors_see_what_the_pipeline_and_the_site_would_have_shown_them(personas: bool) -> None:
    arms: Counter[str] = Counter()
    for visitor in few_of(personas):
        events = [event for event in visitor.events if event.get("event") != "Slot Shown"]
        done = 0
        for number, event in enumerate(visitor.events):
            if event["type"] != "page" or number == 0:
                continue
            before = [one for one in visitor.events[:number] if one in events]
            take_in(before[done:])
            done = len(before)
            path = event["properties"]["path"]
            expected = told(decided_by_the_site(visitor.id, path, at=moment(event)))
            found = [{**one, "decision_id": ""} for one in exposures_after(visitor.events, number)]
            assert found == expected, (visitor.id, path)
            arms.update(one["arm"] for shown in found for one in shown.get("assigned", {}).values())
    assert {SHOWN, HELD_OUT} <= arms.keys()


@pytest.mark.django_db
def test_an_exposure_is_told_as_a_page_of_the_site_tells_it() -> None:
    assigned = (Assigned("global", SHOWN, 0.98), Assigned("hero/template:0:a", HELD_OUT, 0.1))
    for one in (
        decision("template:0:a", probability=0.9, assigned=assigned[:1]),
        decision("variation:1", "variation:2"),
        decision(reason="held_out", probability=0.1, assigned=assigned),
    ):
        with memory_buffer(), exposures_at_once():
            show(one)
            [event] = written()
        name, properties = exposure_of(one, decision_id=one.id)
        assert (event["name"], event["properties"]) == (name, properties)


# -- what a visitor is to the site -----------------------------------------------------------


def looker() -> Looker:
    found = looker_of(Site.now(), 7)
    assert found is not None
    return found


def journey(site: Looker | None = None) -> Journey:
    rng = random.Random(1)  # noqa: S311 - nothing to guess
    return Journey(id="somebody", rng=rng, shelves=SHELVES, at=NOW, site=site)


def seen(walk: Journey, slot: str) -> tuple[str, ...]:
    """Return for which segments the content is that was last seen in a slot."""
    candidate = walk.seen[slot].candidate
    return candidate.segments if candidate else ()


@in_the_shop
def test_nothing_is_shown_to_who_has_no_profile() -> None:
    assert looker_of(Site.now(), None) is None
    assert looker_of(None, 7) is None
    assert looker().sees("/", at=NOW) == []


@in_the_shop
def test_who_fills_a_cart_and_comes_back_the_same_day_abandoned_it() -> None:
    walk = journey(site := looker())
    walk.page("/", "Larkfell")
    walk.take(SHELVES.products[0])
    assert "cart-abandoners" in site.segments(microseconds(walk.at))
    next_day = walk.at + timedelta(hours=24)
    assert "cart-abandoners" not in site.segments(microseconds(next_day))
    walk.order()
    assert "cart-abandoners" not in site.segments(microseconds(walk.at))


@in_the_shop
def test_visits_and_what_they_add_up_to_are_counted_as_they_go() -> None:
    walk = journey(site := looker())
    for _ in range(3):
        walk.start(walk.at + timedelta(days=1))
        walk.page("/journal/", "Journal")
        walk.stay(300, 300)
    assert "high-engagement" in site.segments(microseconds(walk.at))
    assert site.state.sums["visits.count"] == 3


@in_the_shop
def test_what_was_shown_counts_for_what_is_shown_next() -> None:
    segment = Segment.objects.create(
        slug="saw-the-hero",
        name="Saw the hero",
        rule=rule(happened("Slot Shown")),
    )
    Variation.objects.create(
        slot=Slot.objects.get(slug="category-banner"),
        segment=segment,
        name="Once more",
        content="Once more",
    )
    Experiment.objects.all().delete()
    walk = journey(looker())
    walk.page("/", "Larkfell")
    walk.look_through("shoes")
    assert seen(walk, "category-banner") == ()
    walk.take(SHELVES.products[0])
    walk.page("/", "Larkfell")
    assert seen(walk, "hero") == ("cart-abandoners",)
    walk.look_through("shoes")
    assert seen(walk, "category-banner") == ("saw-the-hero",)


@in_the_shop
def test_an_event_names_the_decision_by_its_own_id() -> None:
    walk = journey(looker())
    walk.page("/", "Larkfell")
    walk.take(SHELVES.products[0])
    walk.page("/", "Larkfell")
    shown = [event for event in walk.events if event.get("event") == "Slot Shown"]
    assert shown
    for event in shown:
        assert event["properties"]["decision_id"] == event["messageId"]
        assert event["context"]["page"]["path"] == "/"
        assert event["properties"]["slot"] in slots_of("/")


@pytest.mark.parametrize(
    ("path", "slots"),
    [
        ("/", ("home-strip", "hero")),
        ("/category/shoes/", ("category-banner",)),
        ("/product/tin-mug/", ("product-offer",)),
        ("/cart/", ("cart-nudge",)),
        ("/journal/", ()),
        ("/journal/how-to/", ("article-footer",)),
        ("/checkout/", ()),
        ("/search/?q=wool", ()),
    ],
)
def test_every_page_has_the_slots_of_its_template(path: str, slots: tuple[str, ...]) -> None:
    assert slots_of(path) == slots


@in_the_shop
def test_slots_that_do_not_wait_for_the_browser_are_all_on_some_page() -> None:
    waiting = Slot.objects.exclude(trigger="").values_list("slug", flat=True)
    paths = ("/", "/category/x/", "/product/x/", "/cart/", "/journal/x/")
    known = {slot for path in paths for slot in slots_of(path)}
    assert known == set(Slot.objects.values_list("slug", flat=True)) - set(waiting)
