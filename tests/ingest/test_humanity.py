"""No profile before a second view or something done, in whatever order they come."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.events.models import BufferedBatch, Event, Source
from personalization.ingest import permission
from personalization.ingest.accept import keep
from personalization.ingest.arrival import Arrival
from personalization.ingest.humanity import (
    HELD_FOR,
    _hold,
    is_view,
    prove,
    purge_held,
    release_held,
    split,
)
from personalization.ingest.identities import Sender
from personalization.ingest.item import Item
from personalization.ingest.models import HeldEvent
from personalization.ingest.pipeline import process_events
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.models import Identity, Profile
from tests.effort import examples

NOW = datetime(2026, 3, 1, tzinfo=UTC)
USER = Key(Identity.USER, "u1")


def key(value: str = "a1") -> Key:
    return Key(Identity.ANONYMOUS, value)


def arrival(
    message_id: str, name: str = "Page Viewed", *, who: str = "a1", joins: Sequence[Key] = ()
) -> Arrival:
    kind = {"Page Viewed": "page", "Screen Viewed": "screen"}.get(name, "track")
    return Arrival(
        type=kind, name=name, properties={}, context={}, at=microseconds(NOW),
        message_id=message_id, key=key(who), joins=tuple(joins),
    )  # fmt: skip


@dataclass(frozen=True)
class Sent:
    arrival: Arrival

    @property
    def message(self) -> tuple[int, str]:
        return 1, self.arrival.message_id


def ids(sent: Sequence[Sent]) -> list[str]:
    return [one.arrival.message_id for one in sent]


def divided(*arrivals: Arrival, known: Sequence[Key] = (), held: Sequence[Arrival] = ()) -> Any:
    """Return the ids of what goes on and of what is held."""
    go, hold = split([*map(Sent, arrivals)], known=set(known), held=[*map(Sent, held)])
    return ids(go), ids(hold)


# -- what proves a person -------------------------------------------------------------------


def test_a_single_view_is_held() -> None:
    assert divided(arrival("1")) == ([], ["1"])


def test_a_second_view_proves_both() -> None:
    assert divided(arrival("1"), arrival("2")) == (["1", "2"], [])
    assert divided(arrival("2"), held=[arrival("1")]) == (["1", "2"], [])


def test_the_same_view_twice_is_one() -> None:
    assert divided(arrival("1"), arrival("1")) == ([], ["1", "1"])
    assert divided(arrival("1"), held=[arrival("1")]) == ([], ["1"])


def test_something_done_proves_what_was_viewed() -> None:
    done = arrival("2", "Product Added")
    assert divided(done, held=[arrival("1")]) == (["1", "2"], [])
    assert divided(done) == (["2"], [])


def test_what_a_page_reports_while_it_loads_is_one_view() -> None:
    page, product = arrival("1"), arrival("2", "Product Viewed")
    assert divided(page, product) == ([], ["1", "2"])
    assert divided(product, arrival("3", "Product Viewed"), held=[page]) == (["1", "2", "3"], [])


def test_one_visitor_proves_nothing_of_another() -> None:
    assert divided(arrival("1"), arrival("2", who="b"), arrival("3", who="b")) == (
        ["2", "3"],
        ["1"],
    )


def test_who_is_known_needs_no_proof() -> None:
    assert divided(arrival("1"), known=[key()]) == (["1"], [])
    assert divided(arrival("1"), known=[key()], held=[arrival("2")]) == (["2", "1"], [])


def test_whom_the_site_joins_with_a_user_is_known() -> None:
    assert divided(arrival("1", joins=[USER])) == (["1"], [])
    assert divided(arrival("1"), arrival("2", joins=[USER])) == (["1", "2"], [])


@pytest.mark.parametrize(
    ("name", "viewed"),
    [
        ("Page Viewed", True), ("Screen Viewed", True), ("Product Viewed", True),
        ("Product Added", False), ("Order Completed", False), ("Viewed", False),
        ("Scroll Depth Reached", False),
    ],
)  # fmt: skip
def test_views_are_told_by_their_names(name: str, viewed: bool) -> None:
    assert is_view(arrival("1", name)) is viewed


NAMES = ["Page Viewed", "Page Viewed", "Product Viewed", "Screen Viewed", "Product Added"]
ARRIVALS = st.lists(
    st.builds(
        lambda number, name, who, joined: arrival(
            str(number), name, who=who, joins=[USER] if joined else []
        ),
        st.integers(0, 99),
        st.sampled_from(NAMES),
        st.sampled_from("abc"),
        st.sampled_from([False] * 9 + [True]),
    ),
    max_size=10,
    unique_by=lambda one: one.message_id,
)


@examples(300)
@given(arrivals=ARRIVALS, seed=st.integers(0, 10**6), known=st.sets(st.sampled_from("abc")))
def test_what_is_proved_is_a_function_of_the_set(
    arrivals: list[Arrival], seed: int, known: set[str]
) -> None:
    """In one piece or in many, in any order, and with repetitions: the same goes on."""
    sure = {key(who) for who in known}
    at_once, _ = split([*map(Sent, arrivals)], known=sure)
    dice = random.Random(seed)
    again = arrivals + dice.sample(arrivals, dice.randrange(len(arrivals) + 1))
    dice.shuffle(again)
    gone: set[str] = set()
    held: dict[str, Sent] = {}
    while again:
        n = dice.randrange(1, 4)
        piece, again = [*map(Sent, again[:n])], again[n:]
        go, hold = split(piece, known=sure, held=list(held.values()))
        gone |= set(ids(go))
        # Who went on has a profile from then on.
        sure |= {each for one in go for each in one.arrival.keys}
        held |= {one.arrival.message_id: one for one in hold}
        held = {name: one for name, one in held.items() if name not in gone}
    # What is of somebody known by now is released by the sweep.
    gone |= {name for name, one in held.items() if one.arrival.key in sure}
    assert gone == set(ids(at_once))


# -- with the database ----------------------------------------------------------------------


def items(source: Source, *arrivals: Arrival) -> list[Item]:
    return [Item(each, source, NOW) for each in arrivals]


def proved(source: Source, *arrivals: Arrival, known: Sequence[Key] = ()) -> list[str]:
    gone = prove(items(source, *arrivals), known=set(known))
    return [item.arrival.message_id for item in gone]


def held() -> list[str]:
    return list(HeldEvent.objects.order_by("pk").values_list("message_id", flat=True))


@pytest.mark.django_db
def test_a_view_is_held_until_the_proof_comes(browser: Source) -> None:
    assert proved(browser, arrival("1"), arrival("x", who="b")) == []
    assert held() == ["1", "x"]
    assert proved(browser, arrival("1")) == []
    assert held() == ["1", "x"], "held once"
    assert proved(browser, arrival("2", "Product Added")) == ["1", "2"]
    assert held() == ["x"]


@pytest.mark.django_db
def test_a_held_event_comes_back_as_it_was(browser: Source) -> None:
    first = arrival("1", "Product Viewed")
    prove([Item(first, browser, NOW - timedelta(hours=3))], known=())
    (back, _) = prove(items(browser, arrival("2", "Product Viewed")), known=())
    assert back == Item(first, browser, NOW - timedelta(hours=3))


@pytest.mark.django_db
def test_messages_of_two_sources_are_two(
    browser: Source, make_source: Callable[..., Source]
) -> None:
    other = make_source(kind=Source.Kind.BROWSER)
    assert proved(browser, arrival("1")) == []
    assert proved(other, arrival("1")) == ["1", "1"]


@pytest.mark.django_db
def test_servers_and_the_known_cost_nothing(
    browser: Source, server: Source, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert proved(server, arrival("1"), arrival("2")) == ["1", "2"]
        assert proved(browser, arrival("3"), known=[key()]) == ["3"]
        assert proved(browser) == []


@pytest.mark.django_db
def test_many_strangers_cost_as_much_as_one(
    browser: Source, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):  # who is held already, and these from now on
        proved(browser, *(arrival(str(n), who=f"v{n}") for n in range(50)))


@pytest.mark.django_db
def test_what_a_server_says_of_somebody_makes_them_known(browser: Source, server: Source) -> None:
    said = Item(arrival("1", joins=[USER]), server, NOW)
    gone = prove([*items(browser, arrival("2")), said], known=())
    assert {item.arrival.message_id for item in gone} == {"1", "2"}


# -- sweeps -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_who_became_known_by_other_means_is_released(browser: Source) -> None:
    proved(browser, arrival("1"), arrival("x", who="b"))
    assert release_held(now=NOW) == 0
    find_or_create([key()])
    assert release_held(now=NOW) == 1
    assert held() == ["x"]
    (batch,) = BufferedBatch.objects.all()
    assert json.loads(batch.payload) == [arrival("1").to_json()]
    assert batch.received_at == NOW
    assert release_held(now=NOW) == 0


@pytest.mark.django_db
def test_what_two_workers_held_at_once_is_released(browser: Source) -> None:
    proved(browser, arrival("1"), arrival("x", who="b"), arrival("y", "Product Viewed", who="b"))
    # The other worker, whose transaction did not see the first one's.
    _hold(items(browser, arrival("2")))
    assert release_held(now=NOW + timedelta(days=1)) == 0, "nobody overlaps for a day"
    assert release_held(now=NOW) == 2
    assert held() == ["x", "y"]


@pytest.mark.django_db
def test_a_view_that_nothing_followed_is_forgotten(browser: Source) -> None:
    proved(browser, arrival("1"))
    assert purge_held(now=NOW + HELD_FOR) == 0
    assert purge_held(now=NOW + HELD_FOR + timedelta(seconds=1)) == 1
    assert held() == []


# -- through the pipeline ---------------------------------------------------------------------


@pytest.fixture
def anybody_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the events of browsers without a recorded yes, as a site could that needs none."""
    monkeypatch.setattr(permission.Permissions, "allow", lambda *args, **kwargs: True)


def deliver(source: Source, *arrivals: Arrival) -> None:
    sender = Sender(trusted=False, visitor_id=None, received_at=NOW)
    keep(arrivals, source=source, sender=sender)
    process_events(now=NOW)


@pytest.mark.django_db
def test_no_profile_before_the_proof_and_then_all_of_it(browser: Source, anybody_may: None) -> None:
    deliver(browser, arrival("1"))
    assert not Profile.objects.exists()
    assert held() == ["1"]
    deliver(browser, arrival("2"), arrival("3", who="b"))
    assert sorted(Event.objects.values_list("message_id", flat=True)) == ["1", "2"]
    assert Profile.objects.count() == 1
    assert held() == ["3"]
    deliver(browser, arrival("1"), arrival("4"))
    assert Event.objects.count() == 3, "released once, and stored once"


@settings(examples(25), suppress_health_check=[*HealthCheck])
@given(arrivals=ARRIVALS, seed=st.integers(0, 10**6))
@pytest.mark.django_db
def test_any_order_through_the_pipeline_stores_the_same(
    browser: Source, anybody_may: None, arrivals: list[Arrival], seed: int
) -> None:
    expected = set(ids(split([*map(Sent, arrivals)], known=())[0]))
    dice = random.Random(seed)
    dice.shuffle(arrivals)
    with transaction.atomic():
        while arrivals:
            n = dice.randrange(1, 4)
            deliver(browser, *arrivals[:n])
            arrivals = arrivals[n:]
        release_held(now=NOW)
        process_events(now=NOW)
        assert set(Event.objects.values_list("message_id", flat=True)) == expected
        transaction.set_rollback(True)
