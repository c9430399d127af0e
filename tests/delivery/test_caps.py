"""The whole way of a cap: shown, written, counted, left out, and shown again a day later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from personalization.delivery.models import Slot, Variation
from personalization.events.models import Event, Source
from personalization.events.write_keys import add_write_key
from personalization.monitoring.audit import audit_profiles
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Snapshot
from personalization.segments.manual import add_members
from personalization.segments.models import Segment
from personalization.segments.rebuild import checksum, rebuild_profiles
from personalization.testing import drain, exposures, exposures_at_once
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation
from tests.delivery.rendering import render, request_of
from tests.delivery.showing import BROWSER

pytestmark = pytest.mark.django_db

NOW = timezone.now()
HOUR, DAY, MICROSECOND = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
HERO = '{% personalized_block "hero" %}default{% endpersonalized_block %}'


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(timezone, "now", lambda: NOW)  # not an hour later, in a long run
    with exposures_at_once():
        yield


@pytest.fixture
def person() -> Person:
    """Somebody who gets the offer first, and the news behind it."""
    make_segments("a")
    make_variation("a", "offer", priority=1)
    make_variation("a", "news", priority=2)
    return member()


def member() -> Person:
    """Return somebody in the segment, who has agreed and has a past in the database."""
    person = make_person()
    record_consent(
        Key(Identity.ANONYMOUS, person.visitor_id),
        granted=("analytics", "personalization"),
        mechanism=Mechanism.BANNER,
        now=NOW - HOUR,
    )
    drain(now=NOW - HOUR)
    add_members(Segment.objects.get(slug="a"), [person.profile.pk], now=NOW - HOUR)
    return person


def cap(what: str, **times: Any) -> None:
    """Cap a variation by its content, or the slot."""
    capped: Any = (
        Slot.objects.get(slug="hero") if what == "slot" else Variation.objects.get(content=what)
    )
    for name, n in times.items():
        setattr(capped, f"cap_{name}", n)
    capped.save()
    drain(now=NOW)


def see(person: Person, after: timedelta = timedelta(0)) -> str:
    """Return what the person is shown so long after the beginning, and let it be counted."""
    now = NOW + after
    seen = render(HERO, person, now=now)
    drain(now=now)
    return seen


def click(person: Person, variation: str, *, after: timedelta) -> None:
    found = Variation.objects.get(content=variation)
    clicked = {"slot": "hero", "variation": found.key}
    from_tracker(person, "Slot Clicked", clicked, message_id="click", at=NOW + after)
    drain(now=NOW + after)


def from_tracker(
    person: Person, name: str, properties: Any, *, message_id: str, at: datetime, key: str = ""
) -> None:
    """Send an event as the tracker in the browser of the person does."""
    client = Client(headers={"user-agent": BROWSER})
    client.cookies.load(person.cookies)
    sent = {
        "type": "track",
        "event": name,
        "properties": properties,
        "messageId": message_id,
        "timestamp": at.isoformat(),
        "writeKey": key or tracker_key(),
    }
    response = client.post("/p/v1/track", sent, content_type="application/json")
    assert response.status_code == 200, response.content


def tracker_key() -> str:
    source, _ = Source.objects.get_or_create(slug="tracker", defaults={"name": "Tracker"})
    return add_write_key(source)


# -- shown and left out -------------------------------------------------------------------


def test_what_was_shown_often_enough_makes_room_until_a_day_has_passed(person: Person) -> None:
    cap("offer", daily=3)
    assert [see(person, n * HOUR) for n in range(3)] == ["offer"] * 3
    assert see(person, 3 * HOUR) == "news"
    assert render(HERO, person, now=NOW + DAY - MICROSECOND) == "news"
    # At that very instant, with no worker at work.
    assert render(HERO, person, now=NOW + DAY) == "offer"
    drain(now=NOW + DAY)
    assert render(HERO, person, now=NOW + DAY + HOUR - MICROSECOND) == "news"
    assert render(HERO, person, now=NOW + DAY + HOUR) == "offer"


def test_in_all_means_for_ever(person: Person) -> None:
    cap("offer", total=2)
    assert [see(person, n * DAY) for n in range(4)] == ["offer", "offer", "news", "news"]
    assert render(HERO, person, now=NOW + 700 * DAY) == "news"


def test_what_is_ignored_is_put_away_and_what_is_clicked_stays(person: Person) -> None:
    cap("offer", ignored=2)
    assert [see(person, n * HOUR) for n in range(3)] == ["offer", "offer", "news"]
    click(person, "news", after=3 * HOUR)
    assert see(person, 4 * HOUR) == "news"
    click_late = {"slot": "hero", "variation": Variation.objects.get(content="offer").key}
    at = NOW + 5 * HOUR
    from_tracker(person, "Slot Clicked", click_late, message_id="late", at=at)
    drain(now=at)
    assert see(person, 6 * HOUR) == "offer"


def test_a_slot_that_showed_enough_shows_its_default(person: Person) -> None:
    cap("slot", daily=2)
    assert [see(person, n * HOUR) for n in range(3)] == ["offer", "offer", "default"]
    decided = request_of(person, now=NOW + 3 * HOUR).personalization.decide("hero")  # type: ignore[attr-defined]
    assert (decided.reason, decided.candidate) == ("capped", None)
    assert see(person, DAY) == "offer"
    assert {shown["reason"] for shown in exposures("hero")} == {"segment"}


def test_each_visitor_is_counted_by_themselves(person: Person) -> None:
    other = member()
    cap("offer", total=1)
    assert see(person) == "offer"
    assert see(other) == "offer"
    assert see(person, HOUR) == see(other, HOUR) == "news"


def test_where_all_are_shown_each_of_them_counts_and_the_slot_once(person: Person) -> None:
    slot = Slot.objects.get(slug="hero")
    slot.strategy = "all"
    slot.save()
    cap("offer", total=2)
    cap("slot", total=4)
    assert [see(person, n * HOUR) for n in range(5)] == [
        "offernews", "offernews", "news", "news", "default",
    ]  # fmt: skip
    assert [shown["variation"].count("+") for shown in exposures("hero")] == [1, 1, 0, 0]


def test_a_cap_that_is_set_later_counts_what_was_shown_before(person: Person) -> None:
    assert [see(person, n * HOUR) for n in range(3)] == ["offer"] * 3
    cap("offer", total=3)
    assert see(person, 4 * HOUR) == "news"
    cap("offer", total=4)
    assert [see(person, n * HOUR) for n in (5, 6)] == ["offer", "news"]
    cap("offer", total=None)
    assert see(person, 7 * HOUR) == "offer"


def test_what_the_log_says_is_what_is_kept(person: Person) -> None:
    cap("offer", daily=2, ignored=5)
    cap("slot", total=4)
    for n in range(5):
        see(person, n * HOUR)
    now = NOW + 5 * HOUR
    assert list(audit_profiles(now=now)) == []
    kept = checksum(Snapshot.objects.get(pk=person.profile.pk))
    rebuild_profiles([person.profile.pk], now=now)
    assert checksum(Snapshot.objects.get(pk=person.profile.pk)) == kept


# -- once per decision --------------------------------------------------------------------


def test_a_decision_counts_once_whoever_reports_it(person: Person, settings: Any) -> None:
    settings.PERSONALIZATION_TRACKER_KEY = tracker_key()
    assert see(person) == "offer"
    [shown] = exposures()
    for _ in range(2):
        from_tracker(
            person, "Slot Shown", shown, message_id=shown["decision_id"], at=NOW + HOUR,
            key=settings.PERSONALIZATION_TRACKER_KEY,
        )  # fmt: skip
    drain(now=NOW + HOUR)
    event = Event.objects.get(name="Slot Shown")
    assert event.message_id == shown["decision_id"]
    assert event.identity.profile == person.profile
    assert event.source.slug == "tracker"


def test_who_refused_meanwhile_is_not_counted(person: Person) -> None:
    seen = render(HERO, person, now=NOW)
    assert seen == "offer"
    record_consent(
        Key(Identity.ANONYMOUS, person.visitor_id),
        granted=(), mechanism=Mechanism.BANNER, now=NOW,
    )  # fmt: skip
    drain(now=NOW)
    assert exposures() == []


# -- kept with what is capped -------------------------------------------------------------


def caps() -> set[str]:
    return set(Segment.objects.filter(internal=True).values_list("slug", flat=True))


@pytest.fixture
def capped() -> Variation:
    """A variation of a slot, each with a cap."""
    make_segments("a")
    slot = make_slot()
    slot.cap_daily = 3
    slot.save()
    variation = make_variation("a", "offer")
    variation.cap_total = 1
    variation.save()
    return variation


def test_a_cap_is_a_segment_that_is_there_with_its_numbers_and_goes_with_them(
    capped: Variation,
) -> None:
    assert caps() == {f"cap:slot:{capped.slot_id}", f"cap:variation:{capped.pk}"}
    assert capped.cap is not None
    number = capped.cap.pk
    capped.cap_total = 2
    capped.save()
    assert capped.cap.pk == number
    assert "2" in str(capped.cap.rule)
    capped.cap_total = None
    capped.save()
    assert capped.cap is None
    assert caps() == {f"cap:slot:{capped.slot_id}"}
    assert Variation.objects.get().cap is None


def test_what_changes_nothing_of_the_cap_makes_no_version(capped: Variation) -> None:
    assert capped.cap is not None
    before = capped.cap.versions.count()
    capped.name = "Another"
    capped.save()
    assert capped.cap.versions.count() == before


@pytest.mark.parametrize("columns", [("cap_total",), ("name", "cap_total")])
def test_saving_some_columns_is_enough(capped: Variation, columns: tuple[str, ...]) -> None:
    before = Variation.objects.get().cap
    capped.cap_total = 9
    capped.save(update_fields=columns)
    after = Variation.objects.get().cap
    assert before is not None
    assert after is not None
    assert after.rule != before.rule


def test_a_number_that_is_not_saved_is_not_kept(capped: Variation) -> None:
    cap = Segment.objects.get(slug=f"cap:variation:{capped.pk}")
    capped.cap_total = 9
    capped.save(update_fields=["name"])
    assert Segment.objects.get(pk=cap.pk).rule == cap.rule


def test_an_old_copy_does_not_undo_the_cap(capped: Variation) -> None:
    old = Variation.objects.get()
    old.cap = None
    old.name = "Old"
    old.save()
    assert Variation.objects.get().cap is not None
    without = Variation.objects.get()
    fresh = Variation.objects.get()
    fresh.cap_total = None
    fresh.save()
    without.cap_total = None
    without.save()
    assert Variation.objects.get().cap is None


def test_a_failure_takes_both_back(capped: Variation) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.create(slug="hero", name="Twice", cap_total=1)
    with pytest.raises(ValueError, match="cap_total is 5000"):
        Slot.objects.create(slug="other", name="Other", cap_total=5000)
    assert not Slot.objects.filter(slug="other").exists()
    assert len(caps()) == 2


def test_another_slug_of_the_slot_is_followed(capped: Variation) -> None:
    slot = capped.slot
    slot.slug = "renamed"
    slot.save()
    assert slot.cap is not None
    assert "renamed" in str(slot.cap.rule)


@pytest.mark.parametrize("by", ["slot", "slots", "variation", "variations"])
def test_deleting_takes_the_caps_along(capped: Variation, by: str) -> None:
    if by == "slot":
        capped.slot.delete()
    elif by == "slots":
        Slot.objects.all().delete()
    elif by == "variation":
        capped.delete()
    else:
        Variation.objects.all().delete()
    assert caps() == (set() if by.startswith("slot") else {f"cap:slot:{capped.slot_id}"})


def test_a_segment_of_the_app_that_is_no_cap_stays(capped: Variation) -> None:
    Segment.objects.create(slug="kept", name="Kept", internal=True, kind="manual")
    capped.slot.delete()
    assert caps() == {"kept"}
