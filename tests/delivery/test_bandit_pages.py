"""What a page makes of a bandit: whom it asks, what it reads, and what it logs to learn from."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from django.core.signing import b64_decode
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.delivery.exposures import told_arms
from personalization.delivery.known import read_visitor
from personalization.delivery.models import Variation
from personalization.delivery.published import Published, asks_features, published_now
from personalization.events.catalogue import SLOT_SHOWN
from personalization.events.models import Source
from personalization.experiments.models import Arm, BanditState, Experiment
from personalization.experiments.trial import Assigned
from personalization.ingest.proof import proof_of, with_proof
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Snapshot
from personalization.testing import exposures_at_once, memory_buffer
from tests.delivery.deciding import KEY, browser, server
from tests.delivery.people import Person, make_person, make_segments, make_variation
from tests.delivery.recommending import make_items
from tests.delivery.rendering import render, request_of
from tests.delivery.showing import show, written
from tests.ingest.test_proof import DECISION, ID, NOW, SENDER, arrival

pytestmark = pytest.mark.django_db(transaction=True)

HERO = '{% personalized_block "hero" %}default{% endpersonalized_block %}'
#: Who has many visits, or is loyal, is worth more in the first arm; others in the second one.
STATE = {
    "kind": "linucb",
    "arms": ["one", "two"],
    "features": {
        "names": ["visits.count", "segment.loyal"],
        "means": [10.0, 0.5],
        "scales": [5.0, 0.5],
    },
    "models": [
        {"weights": [0.0, 1.0, 1.0], "root": [[0.1], [0.0, 0.1], [0.0, 0.0, 0.1]]},
        {"weights": [0.0, -1.0, -1.0], "root": [[0.1], [0.0, 0.1], [0.0, 0.0, 0.1]]},
    ],
    "bonus": 1.0,
}


@pytest.fixture
def bandit() -> Experiment:
    make_segments("everybody", "loyal")
    keys = [f"variation:{make_variation('everybody', text).pk}" for text in ("First", "Second")]
    experiment = Experiment.objects.create(
        slug="which", name="Which", place="hero", allocation="linucb", status="running"
    )
    for position, (key, content) in enumerate(zip(("one", "two"), keys, strict=True)):
        Arm.objects.create(experiment=experiment, key=key, content=content, position=position)
    BanditState.objects.create(experiment=experiment, number=1, content=STATE)
    return experiment


def _visitor(
    *, visits: Any, segments: tuple[str, ...] = ("everybody",), number: int | None = None
) -> Person:
    person = make_person(*segments, number=number)
    Snapshot.objects.filter(pk=person.profile.pk).update(
        features={"visits.count": visits, "orders.count": 7}
    )
    return person


def _probability(person: Person) -> float:
    """Return the chance of the first arm for a visitor."""
    known = read_visitor(person.visitor_id, now=NOW)
    standing = known.standing(consented=True, bot=False, unit=known.unit, now=0)
    [trial] = published_now().trials
    assert trial.policy is not None
    return trial.policy.weights(standing.features)[0]


def test_each_visitor_mostly_sees_what_suits_them(bandit: Experiment) -> None:
    people = [_visitor(visits=30 * (n >= 20), number=n) for n in range(40)]
    seen = [render(HERO, person) for person in people]
    assert seen[:20].count("Second") >= 18
    assert seen[20:].count("First") >= 18


def test_a_membership_is_a_feature_like_others(bandit: Experiment) -> None:
    assert _probability(_visitor(visits=11, segments=("everybody", "loyal"))) > 0.9
    assert _probability(_visitor(visits=11)) < 0.1


@pytest.mark.parametrize("visits", [None, "many", True, [3], 10**400])
def test_a_feature_that_is_no_number_counts_as_usual(bandit: Experiment, visits: Any) -> None:
    person = _visitor(visits=visits, segments=("everybody", "loyal"))
    assert render(HERO, person) in ("First", "Second")
    assert _probability(person) > 0.9


def test_a_page_with_such_a_bandit_still_costs_one_read(bandit: Experiment) -> None:
    person = _visitor(visits=30)
    warm = render(HERO, person)
    with CaptureQueriesContext(connection) as captured:
        assert render(HERO, person) == warm
    [query] = captured
    assert "features" in query["sql"]


def test_without_such_a_bandit_features_are_not_even_read(bandit: Experiment) -> None:
    person = _visitor(visits=30)
    render(HERO, person)
    assert asks_features()
    bandit.status = Experiment.Status.STOPPED
    bandit.save()
    render(HERO, person)
    assert not asks_features()
    with CaptureQueriesContext(connection) as captured:
        render(HERO, person)
    [query] = captured
    assert "features" not in query["sql"]


def test_a_process_that_has_not_heard_of_a_bandit_yet_reads_once_more(bandit: Experiment) -> None:
    person = _visitor(visits=30)
    BanditState.objects.all().delete()
    render(HERO, person)
    assert not asks_features()
    BanditState.objects.create(experiment=bandit, number=1, content=STATE)
    known = read_visitor(person.visitor_id, now=NOW)
    standing = known.standing(consented=True, bot=False, unit=known.unit, now=0)
    assert standing.features == {"visits.count": 30, "segment.loyal": 0.0}


def test_only_what_bandits_look_at_is_known_of_a_visitor(bandit: Experiment) -> None:
    person = _visitor(visits=30, segments=("everybody", "loyal"))
    standing = request_of(person).personalization.standing  # type: ignore[attr-defined]
    assert standing.features == {"visits.count": 30, "segment.loyal": 1.0}


def test_a_state_that_nobody_can_read_leaves_pages_as_they_began(bandit: Experiment) -> None:
    BanditState.objects.all().delete()
    BanditState.objects.create(experiment=bandit, content=[{"what": "ever"}])
    assert render(HERO, _visitor(visits=30)) in ("First", "Second")
    assert _probability(_visitor(visits=30)) == pytest.approx(0.5)
    assert published_now() != Published(revision=0, segments={}, slots={})


def test_what_was_looked_at_is_logged_with_the_chance(bandit: Experiment) -> None:
    person = _visitor(visits=30)
    decision = request_of(person).personalization.decide("hero")  # type: ignore[attr-defined]
    with exposures_at_once(), memory_buffer():
        show(decision, visitor_id=person.visitor_id)
        [event] = written()
    told = event["properties"]["assigned"]["which"]
    assert told["context"] == {"visits.count": 30, "segment.loyal": 0.0}
    chance = _probability(person)
    assert told["probability"] == pytest.approx(chance if told["arm"] == "one" else 1 - chance)


def test_what_is_the_same_for_all_is_logged_without_a_context() -> None:
    assert told_arms([Assigned("which", "one", 0.5)]) == {
        "which": {"arm": "one", "probability": 0.5}
    }


@pytest.mark.parametrize("list_of_items", [False, True], ids=["slot", "list in it"])
def test_a_browser_is_told_no_features_of_its_visitor(
    bandit: Experiment, list_of_items: bool
) -> None:
    """They are the site's: segments and scores stand in no answer that a script could read."""
    if list_of_items:
        make_items("hat")
        for row in Variation.objects.all():
            row.content = "[[recommend]]"
            row.save()
    person = _visitor(visits=30, segments=("everybody", "loyal"))
    [hero] = browser(person).ask("hero")
    assert set(hero["assigned"]["which"]) == {"arm", "probability"}
    assert ("lists" in hero) is list_of_items
    proof = hero["proof"].removeprefix(".").partition(":")[0]
    told = b64_decode(proof.encode())
    with suppress(zlib.error):
        told = zlib.decompress(told)
    for secret in ("context", "visits", "loyal"):
        assert secret not in json.dumps(hero)
        assert secret.encode() not in told


def test_what_a_browser_reports_has_what_was_looked_at(bandit: Experiment) -> None:
    person = _visitor(visits=30)
    [hero] = browser(person).ask("hero")
    key = Key(Identity.ANONYMOUS, person.visitor_id)
    reported = arrival({"proof": hero["proof"]}, message_id=hero["decision_id"], key=key)
    sender = replace(SENDER, received_at=timezone.now())
    stored: Any = with_proof(reported, sender=sender).properties
    told = stored["assigned"]["which"]
    assert told.pop("context") == {"visits.count": 30, "segment.loyal": 0.0}
    assert told == hero["assigned"]["which"]


def test_a_server_is_told_them_as_it_reports_without_a_proof(
    bandit: Experiment, make_source: Callable[..., Source]
) -> None:
    make_source(write_key=KEY)
    person = _visitor(visits=30)
    asked = server(authorization=f"Bearer {KEY}")
    [hero] = asked.ask("hero", anonymousId=person.visitor_id)
    assert hero["assigned"]["which"]["context"] == {"visits.count": 30, "segment.loyal": 0.0}


def test_a_browser_proves_what_was_looked_at_as_well() -> None:
    told = {"which": {"arm": "one", "probability": 0.99, "context": {"visits.count": 30}}}
    shown: Any = {"slot": "hero", "reason": "experiment", "probability": 0.99, "assigned": told}
    key = Key(Identity.ANONYMOUS, ID)
    proof = proof_of(SLOT_SHOWN, shown, message_id=DECISION, key=key, now=NOW)
    forged = {"which": {**told["which"], "context": {"visits.count": -1}}}
    said: Any = {**shown, "assigned": forged, "proof": proof}
    assert with_proof(arrival(said), sender=SENDER).properties["assigned"] == told
