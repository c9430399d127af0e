"""When a rule held: walking from event to event is what asking at every instant says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.profiles.features import VISITS
from personalization.rules.interval import Interval
from personalization.rules.need import ANY
from personalization.rules.occurrence import Occurrence
from personalization.segments.stays import Past, Replayed, stays
from personalization.types import Json, Microseconds
from tests.effort import Tries, examples, some_or_all
from tests.rules import oracle, strategies
from tests.rules.building import (
    Stored,
    both,
    consent,
    feature,
    happened,
    none_of,
    recency,
    rule,
    segment,
    sequence,
    trait,
)
from tests.rules.oracle import DAY, HOUR
from tests.rules.strategies import NOW
from tests.rules.world import Happening, History, linked

START, END = NOW - 20 * DAY, NOW + 10 * DAY
SEGMENTS = {"vips": None, "staff": None}


def past_of(history: History, since: Microseconds) -> Past:
    events = history.occurrences()
    return Past(
        since=since,
        traits=history.traits,
        features=history.features,
        consents=history.consents,
        memberships={slug: [span] for slug, span in history.memberships.items()},
        log=lambda names: [each for each in events if {each.name, ANY} & names],
    )


def walked(
    stored: Any, history: History, *, start: Microseconds = START, end: Microseconds = END
) -> list[Interval]:
    replayed = Replayed.of(linked(stored, SEGMENTS))
    events = [each for each in history.occurrences() if each.at < end]
    since = min((each.at for each in history.events), default=start)
    if ANY not in replayed.events:
        events = [each for each in events if each.name in replayed.events]
    return stays(replayed, past_of(history, since), events, start=start, end=end)


def asked(
    stored: Any, history: History, *, start: Microseconds = START, end: Microseconds = END
) -> list[Interval]:
    """Ask at every instant at which the answer can change."""
    events = [each.at for each in history.events if each.at < end]
    begin = max(start, min(events, default=start))
    edges = oracle.edges(stored, history, SEGMENTS, now=begin)
    near = {at + off for at in [*events, *edges] for off in (0, 1)} | {begin}
    found: list[Interval] = []
    since: Microseconds | None = None
    for at in sorted(at for at in near if begin <= at < end):
        holds = oracle.holds(stored["root"], history, SEGMENTS, now=at)
        if holds and since is None:
            since = at
        elif not holds and since is not None:
            found.append(Interval(since, at))
            since = None
    return found if since is None else [*found, Interval(since)]


replayable = st.one_of(
    strategies.behaviours(),
    strategies.comparisons("trait", strategies.FIELDS),
    st.sampled_from(["analytics", "marketing"]).map(consent),
    st.sampled_from(strategies.MANUAL).map(segment),
)
replayable_rules = strategies.groups(replayable, most=3).map(
    lambda root: {"version": 1, "root": root}
)


@some_or_all(150)
def test_walking_is_asking_at_every_instant(tries: Tries) -> None:
    @tries
    @given(stored=replayable_rules, history=strategies.histories())
    def holds(stored: Any, history: History) -> None:
        assert walked(stored, history) == asked(stored, history)

    holds()


@some_or_all(60)
def test_two_spans_are_one_span_cut_in_two(tries: Tries) -> None:
    @tries
    @given(
        stored=replayable_rules,
        history=strategies.histories(),
        cut=st.integers(0, 2 * DAY).map(lambda age: NOW - age),
    )
    def holds(stored: Any, history: History, cut: int) -> None:
        whole = asked(stored, history)
        for start, end in ((START, cut), (cut, END)):
            inside = [clipped(each, start, end) for each in whole]
            assert walked(stored, history, start=start, end=end) == [
                each for each in inside if each is not None
            ]

    holds()


def clipped(stay: Interval, start: Microseconds, end: Microseconds) -> Interval | None:
    """Return the part of a stay between two instants; one that goes on there has no end."""
    if stay.start >= end or stay.over(start):
        return None
    goes_on = stay.end is None or stay.end >= end
    return Interval(max(stay.start, start), None if goes_on else stay.end)


@examples(100)
@given(stored=replayable_rules, history=strategies.histories())
def test_stays_follow_each_other_with_gaps(stored: Any, history: History) -> None:
    found = walked(stored, history)
    assert all(before.end is not None and before.end < after.start
               for before, after in pairwise(found))  # fmt: skip
    assert all(START <= each.start < END for each in found)


def history(*events: tuple[str, Microseconds]) -> History:
    return History([Happening(name, at) for name, at in events])


def test_a_stay_begins_with_the_event_and_ends_by_time_alone() -> None:
    stored = rule(happened("Page Viewed", ">=", 2, last="P1D"))
    known = history(("Page Viewed", NOW - 2 * HOUR), ("Page Viewed", NOW))
    assert walked(stored, known) == [Interval(NOW, NOW + 22 * HOUR)]


def test_who_comes_and_goes_has_several_stays() -> None:
    stored = rule(happened("Page Viewed", last="PT1H"))
    known = history(("Page Viewed", NOW), ("Page Viewed", NOW + 5 * HOUR))
    assert walked(stored, known) == [
        Interval(NOW, NOW + HOUR), Interval(NOW + 5 * HOUR, NOW + 6 * HOUR),
    ]  # fmt: skip


def test_what_happened_before_the_span_counts() -> None:
    stored = rule(happened("Page Viewed", ">=", 2))
    known = history(("Page Viewed", START - DAY), ("Page Viewed", START - HOUR))
    assert walked(stored, known) == [Interval(START)]


def test_what_happens_at_the_end_of_the_span_is_outside() -> None:
    stored = rule(happened("Page Viewed"))
    assert walked(stored, history(("Page Viewed", END))) == []
    assert walked(stored, history(("Page Viewed", END - 1))) == [Interval(END - 1)]


def test_nobody_is_a_member_before_they_were_first_seen() -> None:
    stored = rule(none_of(happened("Order Completed")))
    known = history(("Page Viewed", NOW), ("Order Completed", NOW + HOUR))
    assert walked(stored, known) == [Interval(NOW, NOW + HOUR)]


def test_an_absence_ripens_within_the_span() -> None:
    stored = rule(recency("Page Viewed", ">=", "P1D"))
    known = history(("Page Viewed", NOW), ("Page Viewed", NOW + 3 * DAY))
    assert walked(stored, known) == [
        Interval(NOW + DAY, NOW + 3 * DAY), Interval(NOW + 4 * DAY),
    ]  # fmt: skip


def test_steps_of_one_instant_are_taken_in_the_order_of_their_ids() -> None:
    stored = rule(sequence("Page Viewed", "Product Added"))
    one = History([Happening("Product Added", NOW, id="b"), Happening("Page Viewed", NOW, id="a")])
    other = History(
        [Happening("Product Added", NOW, id="a"), Happening("Page Viewed", NOW, id="b")]
    )
    assert walked(stored, one) == [Interval(NOW)]
    assert walked(stored, other) == []


def test_two_events_of_one_position_are_folded_from_the_log() -> None:
    stored = rule(sequence("Page Viewed", "Product Added"))
    same = [Happening("Page Viewed", NOW, id="a"), Happening("Product Added", NOW, id="a")]
    assert walked(stored, History(same)) == []
    more = History([*same, Happening("Product Added", NOW + 1, id="b")])
    assert walked(stored, more) == [Interval(NOW + 1)]


def test_a_membership_by_hand_that_ended_gives_way_to_the_next() -> None:
    replayed = Replayed.of(linked(rule(segment("vips")), SEGMENTS))
    spans = [Interval(NOW - DAY, NOW), Interval(NOW + DAY, NOW + 2 * DAY)]
    past = Past(
        since=START, traits={}, features={}, consents={}, memberships={"vips": spans},
        log=lambda names: [],
    )  # fmt: skip
    assert stays(replayed, past, [], start=START, end=END) == spans


def identified(at: Microseconds, **traits: Json) -> Occurrence:
    return Occurrence("identify", "", traits, at, f"{at}")


def tracked(name: str, at: Microseconds, **properties: Json) -> Occurrence:
    return Occurrence("track", name, properties, at, f"{at}")


def life(*events: Occurrence, stored: Stored, **known: Any) -> list[Interval]:
    """Walk over events of all types."""
    empty: dict[str, Any] = {"traits": {}, "features": {}, "consents": {}, "memberships": {}}
    past = Past(since=events[0].at, log=lambda names: events, **{**empty, **known})
    replayed = Replayed.of(linked(rule(stored), SEGMENTS))
    return stays(replayed, past, events, start=START, end=END)


def test_traits_are_what_was_stated_by_then() -> None:
    events = [identified(NOW, plan="free"), identified(NOW + HOUR, plan="pro"),
              identified(NOW + 2 * HOUR, plan=None)]  # fmt: skip
    assert life(*events, stored=trait("plan", "=", "pro")) == [Interval(NOW + HOUR, NOW + 2 * HOUR)]


def test_a_trait_that_no_event_stated_was_always_there() -> None:
    stored = both(trait("plan", "=", "pro"), happened("Page Viewed"))
    found = life(tracked("Page Viewed", NOW), stored=stored, traits={"plan": "pro"})
    assert found == [Interval(NOW)]


def test_features_are_counted_as_of_then() -> None:
    events = [tracked("Order Completed", NOW + n * DAY, total=10.0) for n in range(3)]
    assert life(*events, stored=feature("orders.count", ">=", 2)) == [Interval(NOW + DAY)]
    assert life(*events, stored=feature("orders.revenue", ">", 20)) == [Interval(NOW + 2 * DAY)]
    assert life(*events, stored=feature(VISITS, "=", 2)) == [Interval(NOW + DAY, NOW + 2 * DAY)]


def test_a_feature_of_a_model_is_what_it_is_today() -> None:
    stored = feature("propensity.purchase", ">", 0.5)
    found = life(tracked("Page Viewed", NOW), stored=stored,
                 features={"propensity.purchase": 0.7})  # fmt: skip
    assert found == [Interval(NOW)]


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (happened("Page Viewed"), {"Page Viewed"}),
        (happened("Page Viewed", scope="visit"), {ANY}),
        (feature("orders.count", ">=", 1), {ANY}),
        (trait("plan", "=", "pro"), set()),
    ],
)
def test_only_events_that_matter_are_read(leaf: Stored, expected: set[str]) -> None:
    replayed = Replayed.of(linked(rule(leaf), SEGMENTS))
    assert replayed.events == expected
    assert replayed.learns is (leaf["kind"] == "trait")
