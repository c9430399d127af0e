"""What is decided for a browser comes back as a report, and counts as it was decided."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, override_settings

from personalization.delivery.models import Slot, Variation
from personalization.events.catalogue import RECOMMENDATION_SHOWN, SLOT_SHOWN
from personalization.events.models import Event, Source
from personalization.experiments.models import Arm, Experiment
from personalization.testing import drain
from personalization.types import JsonObject
from tests.conftest import BROWSER
from tests.delivery.deciding import KEY, OWN, URL, browser, server
from tests.delivery.people import (
    Person,
    make_people,
    make_person,
    make_segments,
    make_slot,
    make_variation,
)
from tests.delivery.recommending import look_at, make_items
from tests.delivery.staff import looking_as
from tests.ingest.sending import consent

pytestmark = pytest.mark.django_db

PAGE = "page-key"


@pytest.fixture
def person(make_source: Callable[..., Source]) -> Person:
    make_source(kind=Source.Kind.BROWSER, write_key=PAGE, schemas=Source.Schemas.QUARANTINE)
    make_segments("a")
    make_variation("a", "<p>for a</p>")
    return make_person("a")


@pytest.fixture
def experiment(person: Person) -> Experiment:
    found = Experiment.objects.create(slug="test", name="Test", place="hero", status="running")
    Arm.objects.create(experiment=found, key="plain", weight=0.5, position=0)
    key = Variation.objects.get().key
    Arm.objects.create(experiment=found, key="offer", weight=0.5, content=key, position=1)
    return found


def report(person: Person, answer: Any, name: str = SLOT_SHOWN, **changed: Any) -> JsonObject:
    """Report as `slots.js` does what was answered; return what is stored of it."""
    names = ("slot", "variation", "probability", "reason", "assigned", "proof")
    told = {each: answer[each] for each in names if answer.get(each)}
    return reported(person, name, {**told, **changed}, message_id=answer["decision_id"])


def reported(person: Person, name: str, told: Any, *, message_id: str) -> JsonObject:
    client = Client(headers={"user-agent": BROWSER})
    client.cookies.load(person.cookies)
    consent(client, "analytics", "personalization")
    call = {"type": "track", "event": name, "messageId": message_id, "properties": told}
    call["anonymousId"] = person.visitor_id
    body = json.dumps({"batch": [call], "writeKey": PAGE})
    response = client.post("/p/v1/batch", body, content_type="application/json")
    assert response.json()["rejected"] == []
    drain()
    return dict(Event.objects.get(message_id=message_id, name=name).properties)


def test_what_was_decided_is_stored_as_it_was_decided(
    person: Person, experiment: Experiment
) -> None:
    """Also the default of an arm: without a variation, and with the arm."""
    arms = set()
    for somebody in make_people(14, "a"):
        [hero] = browser(somebody).ask("hero")
        stored = report(somebody, hero)
        told = {name: hero[name] for name in ("slot", "probability", "reason", "assigned")}
        shown = {"variation": hero["variation"]} if hero["variation"] else {}
        assert stored == {**told, **shown, "decision_id": hero["decision_id"]}
        arms.add(hero["assigned"]["test"]["arm"])
    assert arms == {"plain", "offer"}


def test_a_visitor_cannot_move_to_another_arm(person: Person, experiment: Experiment) -> None:
    [hero] = browser(person).ask("hero")
    forged = {"test": {"arm": "another", "probability": 1e-9}}
    assert report(person, hero, assigned=forged)["assigned"] == hero["assigned"]


def test_nor_take_that_of_somebody_else(person: Person, experiment: Experiment) -> None:
    [hero] = browser(make_person("a")).ask("hero")
    assert "assigned" not in report(person, hero)


def test_a_server_that_asks_for_somebody_gets_a_proof_for_their_browser(
    person: Person, experiment: Experiment, make_source: Callable[..., Source]
) -> None:
    make_source(write_key=KEY)
    asked = server(authorization=f"Bearer {KEY}")
    [hero] = asked.ask("hero", anonymousId=person.visitor_id)
    assert report(person, hero)["assigned"] == hero["assigned"]


def test_what_does_not_count_has_no_proof(person: Person) -> None:
    make_slot("empty")
    [hero] = browser().ask("hero")
    [empty] = browser(person).ask("empty")
    assert "proof" not in hero
    assert "proof" not in empty


def test_staff_who_pretend_to_be_somebody_get_none(person: Person, experiment: Experiment) -> None:
    client = looking_as("a")
    client.cookies.load(person.cookies)
    body = json.dumps({"slots": ["hero"]})
    answer = client.post(URL, body, content_type="application/json", headers={"origin": OWN})
    [hero] = answer.json()["decisions"]
    assert (hero["variation"] != "", "proof" in hero) == (True, False)


@override_settings(PERSONALIZATION_HOLDOUT=1.0)
def test_who_is_held_out_waits_for_the_trigger_as_everybody_does(person: Person) -> None:
    """Else the arms would be counted at different moments, and of different visitors."""
    slot = Slot.objects.get(slug="hero")
    slot.trigger = "exit_intent"
    slot.save()
    [hero] = browser(person).ask("hero")
    assert (hero["variation"], hero["reason"]) == ("", "held_out")
    assert hero["trigger"]["kind"] == "exit_intent"
    assert report(person, hero)["assigned"] == hero["assigned"]


@override_settings(PERSONALIZATION_GLOBAL_HOLDOUT=0.5)
def test_a_list_that_a_browser_shows_is_proved_as_well(person: Person) -> None:
    make_items("hat", "shoe")
    look_at(person, "shoe")
    asker = browser(person)
    answer = asker.client.get("/p/v1/recommend?place=home&shown=0").json()
    told = {**answer["shown"], "propensities": [1e-9]}
    stored = reported(person, RECOMMENDATION_SHOWN, told, message_id=answer["decision_id"])
    assert stored == {name: answer["shown"][name] for name in answer["shown"] if name != "proof"}
    assert set(stored["assigned"]) == {"global"}  # type: ignore[arg-type]
    counted = asker.client.get("/p/v1/recommend?place=home&html=1").json()
    assert "proof" not in counted["shown"]  # it counts already
