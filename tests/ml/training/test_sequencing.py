"""Sequence rules are learned from the log of the site, one model for each goal."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from personalization.events.goals import Goal
from personalization.events.models import Event
from personalization.ml.artefact import CorruptArtefact
from personalization.ml.models import ModelVersion
from personalization.ml.sequences.rules import SequenceRules
from personalization.ml.training import sequencing
from personalization.ml.training.attempts import request, take
from personalization.ml.training.known import plan_of, planned
from personalization.ml.training.plans import Order
from personalization.ml.training.sequencing import stored
from personalization.ml.training.train import train
from personalization.ml.training.versions import serving
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk
from personalization.profiles.models import Identity, Profile, Snapshot
from tests.ml.training.conftest import DAY, MINUTE, NOW, damage

pytestmark = pytest.mark.django_db
NAME = "sequences.order"
#: What people do, and how many of them.
LIVES = (
    (("/", "/shop", "/guide", "Product Added", "Order Completed"), 45),
    (("/", "/shop", "/guide", "Product Added"), 15),
    (("/", "/shop", "Product Added"), 60),
    (("/", "/shop", "/"), 100),
    (("/guide", "/", "/shop"), 30),
)


@pytest.fixture
def goal() -> Goal:
    return Goal.objects.create(slug="order", name="An order", event="Order Completed")


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Callable[..., None]:
    """Log people who do something of `LIVES`."""
    source = make_source()

    def fill(*, consent: bool = True, share: float = 1.0) -> None:
        events = []
        for steps, n in LIVES:
            for one in range(round(share * n)):
                profile = Profile.objects.create()
                identity = Identity.objects.create(
                    profile=profile, namespace=Identity.ANONYMOUS, value=f"{steps}{one}"
                )
                Snapshot.objects.create(profile=profile, consents={"personalization": consent})
                for place, step in enumerate(steps):
                    is_page = step.startswith("/")
                    events.append(
                        Event(
                            identity=identity, source=source, type="page" if is_page else "track",
                            name="Page Viewed" if is_page else step,
                            properties={"path": f"{step}/{one}" if len(step) > 1 else step}
                            if is_page else {},
                            message_id=f"{identity.pk}-{place}",
                            timestamp=NOW - 2 * DAY + place * MINUTE,
                        )
                    )  # fmt: skip
        Event.objects.bulk_create(events)

    return fill


def trained() -> ModelVersion:
    plan = plan_of(NAME)
    attempt = take(request(plan, now=NOW), now=NOW)
    assert attempt is not None
    return train(attempt, plan)


def test_every_active_goal_has_a_plan(goal: Goal) -> None:
    Goal.objects.create(slug="old", name="Old", event="Product Shared", is_active=False)
    assert [name for name in planned() if name.startswith("sequences.")] == [NAME]


def test_what_leads_to_the_goal_is_found_and_serves(goal: Goal, log: Any) -> None:
    log()
    version = trained()
    assert version.status == ModelVersion.Status.SERVING, (version.error, version.remarks)
    found = stored(version)
    assert {each.steps for each in found.patterns} == {("/", "/guide")}
    assert version.rows == 250
    assert version.metrics["lift"] > 1.5
    assert version.metrics["patterns"] == 1
    assert serving(NAME) == version


def test_what_comes_next_is_learned_and_judged_on_others(goal: Goal, log: Any) -> None:
    log()
    version = trained()
    onward = stored(version).onward
    assert onward is not None
    assert onward.likeliest(["/guide", "/"], n=1)[0][0] == "/shop"
    assert version.metrics["next_step"] > version.metrics["usual.next_step"] + 0.2


def test_where_nobody_shows_how_patterns_hold_what_comes_next_is_judged_all_the_same(
    goal: Goal, log: Any, monkeypatch: Any
) -> None:
    def nobody(*args: Any, **more: Any) -> Any:
        raise UnfitData("Nobody shows it.")

    log()
    monkeypatch.setattr(SequenceRules, "held", nobody)
    version = trained()
    assert "lift" not in version.metrics
    assert version.metrics["next_step"] > 0


def test_who_does_not_consent_is_not_looked_at(goal: Goal, log: Any) -> None:
    log(consent=False)
    version = trained()
    assert version.status == ModelVersion.Status.LACKING
    assert "0 of 0 people reach “Order Completed”" in version.error


def test_of_many_people_some_are_drawn(goal: Goal, log: Any, monkeypatch: Any) -> None:
    log()
    monkeypatch.setattr(sequencing, "MOST", 200)
    assert trained().rows == 200


def drawn(monkeypatch: Any, *, of: int, most: int, seed: int = 0) -> list[int]:
    """Return who is drawn of so many people; no more of them are in memory than are drawn, but for
    the one who is read."""
    read: list[weakref.ref[Walk]] = []

    def people(**_window: Any) -> Iterator[Walk]:
        for number in range(of):
            one = Walk(steps=(f"/{number}",), at=(number,))
            read.append(weakref.ref(one))
            yield one
            del one
            assert sum(each() is not None for each in read) <= most + 1

    monkeypatch.setattr(sequencing, "walks", people)
    monkeypatch.setattr(sequencing, "MOST", most)
    order = Order(
        plan=plan_of(NAME), since=NOW - DAY, until=NOW, seed=seed, progress=lambda *_: None
    )
    return [walk.at[0] for walk in sequencing._drawn(order)]


def test_people_are_drawn_while_they_are_read(goal: Goal, monkeypatch: Any) -> None:
    found = drawn(monkeypatch, of=100, most=10)
    assert len(set(found)) == 10
    assert found == sorted(found)
    assert found == drawn(monkeypatch, of=100, most=10)
    assert found != drawn(monkeypatch, of=100, most=10, seed=1)
    for most in (100, 101):
        assert drawn(monkeypatch, of=100, most=most) == list(range(100))


def test_everybody_is_as_likely_to_be_drawn(goal: Goal, monkeypatch: Any) -> None:
    times = Counter(
        one for seed in range(1000) for one in drawn(monkeypatch, of=8, most=2, seed=seed)
    )
    # 250 of each are expected, with a standard deviation of 14.
    assert set(times) == set(range(8))
    assert all(abs(n - 250) < 4 * 14 for n in times.values())


def test_a_goal_that_is_gone_says_so(goal: Goal, log: Any) -> None:
    plan = plan_of(NAME)
    attempt = take(request(plan, now=NOW), now=NOW)
    assert attempt is not None
    goal.delete()
    assert "no goal “order” any more" in train(attempt, plan).error


def test_what_cannot_be_tried_does_not_serve(goal: Goal, log: Any) -> None:
    log(share=0.5)  # enough people to find patterns in all of them, and too few in a part
    version = trained()
    assert version.status == ModelVersion.Status.CANDIDATE, (version.error, version.remarks)
    assert any("not validated" in remark for remark in version.remarks)


def test_a_damaged_artefact_is_refused(goal: Goal, log: Any) -> None:
    log()
    version = trained()
    damage(version)
    with pytest.raises(CorruptArtefact):
        stored(version)
    version.artefact.delete()
    with pytest.raises(CorruptArtefact, match="Nothing is stored"):
        stored(version)


def test_the_window_is_that_of_the_plan(goal: Goal) -> None:
    assert plan_of(NAME).window == timedelta(days=30)
