"""Staff see arms of experiments before anybody does, and why a visitor is in one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings

from personalization.delivery.models import Variation
from personalization.delivery.rule_arms import keep_rule_arms
from personalization.delivery.ticket import read_ticket
from personalization.events.models import BufferedBatch
from personalization.experiments.models import Arm, Experiment
from personalization.rules.writing import happened, rule
from personalization.segments.models import Segment
from personalization.testing import drain, exposures_at_once
from tests.delivery.people import Person, make_person, make_segments, make_variation
from tests.delivery.staff import give, looking_as, slot_of, staff_client, ticket_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.delivery.staff_site")]

SLOT = '{% personalized_block "hero" %}everybody{% endpersonalized_block %}'


@pytest.fixture(autouse=True)
def segments() -> Any:
    return make_segments("a", "b")


def make_experiment(*contents: str, **fields: Any) -> Experiment:
    usual = {"slug": "test", "name": "Hero test", "place": "hero", "status": "draft"}
    experiment = Experiment.objects.create(**{**usual, **fields})
    for n, content in enumerate(contents):
        Arm.objects.create(
            experiment=experiment, key=f"arm{n}", name=f"Arm {n}", content=content, position=n
        )
    return experiment


def offer() -> str:
    return make_variation("a", "the offer").key


def see(client: Client) -> str:
    response = client.get("/page/", {"source": f"<body>{SLOT}</body>"})
    return str(response.content.decode())


def seen_by(client: Client) -> list[str]:
    """Return what the slot shows, as the panel names it."""
    shown: Any = slot_of(see(client), "hero")["shown"]
    return list(shown)


def test_an_arm_of_an_experiment_that_nobody_sees_yet_is_looked_at() -> None:
    make_experiment("", offer())
    assert seen_by(looking_as("b", arms=(("test", "arm1"),))) == ["the offer"]
    assert seen_by(looking_as("a", arms=(("test", "arm0"),))) == []
    assert seen_by(looking_as("a")) == ["the offer"]
    assert seen_by(looking_as("b")) == []


def test_it_is_published_for_that_preview_and_nobody_else() -> None:
    make_experiment("", offer())
    staff, person = looking_as("b", arms=(("test", "arm1"),)), make_person("b")
    for _ in range(2):
        assert seen_by(staff) == ["the offer"]
        assert "everybody" in see(person.client())


@override_settings(PERSONALIZATION_HOLDOUT=1.0, PERSONALIZATION_GLOBAL_HOLDOUT=1.0)
def test_no_chance_and_no_holdout_has_a_say() -> None:
    make_experiment(offer(), "", status="running", coverage=0.0)
    for n in range(5):
        assert seen_by(looking_as("b", begun=n + 1, arms=(("test", "arm0"),))) == ["the offer"]


@pytest.mark.parametrize("arms", [(("gone", "arm1"),), (("test", "gone"),), (("over", "arm1"),)])
def test_what_does_not_exist_any_more_is_shown_as_if_it_had_not_been_chosen(arms: Any) -> None:
    make_experiment("", offer())
    make_experiment("", slug="over", status="stopped")
    assert seen_by(looking_as("a", arms=arms)) == ["the offer"]


def test_strategies_and_versions_of_rules_are_looked_at_too() -> None:
    key = offer()
    make_variation("b", "another")
    make_experiment("priority", "all", kind="strategies")
    assert seen_by(looking_as("a", "b", arms=(("test", "arm1"),))) == ["the offer", "another"]
    Segment.objects.create(slug="keen", name="Keen", rule=rule(happened("Product Viewed")))
    Variation.objects.filter(pk=key.partition(":")[2]).update(
        segment=Segment.objects.get(slug="keen")
    )
    which = make_experiment("keen:1", "keen:1", slug="which", kind="rules", status="running")
    keep_rule_arms(which)
    drain()
    assert seen_by(looking_as("keen", arms=(("which", "arm1"),))) == ["the offer"]
    assert seen_by(looking_as("b", arms=(("which", "arm1"),))) == ["another"]


def test_nothing_of_it_is_counted() -> None:
    make_experiment("", offer(), status="running")
    with exposures_at_once():
        for arm in ("arm0", "arm1"):
            see(looking_as("a", arms=(("test", arm),)))
    assert not BufferedBatch.objects.exists()


def test_a_ticket_keeps_its_arms() -> None:
    client = looking_as("a", arms=(("test", "arm1"), ("other", "x")))
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    ticket = read_ticket(cookies)
    assert ticket is not None
    assert ticket.arms == (("test", "arm1"), ("other", "x"))


# -- why -------------------------------------------------------------------------------------


def steps_of(person: Person) -> dict[str, str]:
    client, user = staff_client()
    give(client, ticket_for(user, kind="self"))
    client.cookies.load(person.cookies)
    steps: Any = slot_of(see(client), "hero")["steps"]
    return {step["name"]: step["answer"] for step in steps}


def test_the_panel_says_in_which_arm_the_visitor_is_and_by_what_chance() -> None:
    make_experiment(offer(), offer(), status="running")
    Arm.objects.filter(key="arm0").update(weight=1.0)
    Arm.objects.filter(key="arm1").update(weight=0.0)
    Experiment.objects.get().save()
    told = steps_of(make_person("a"))
    assert told["Experiments"] == "“Arm 0” of “Hero test”, by a chance of 100 %"


@override_settings(PERSONALIZATION_GLOBAL_HOLDOUT=1.0)
def test_and_who_is_held_out_from_everything() -> None:
    offer()
    told = steps_of(make_person("a"))
    assert told["Holdout from everything"] == "held out, by a chance of 100 %"


@override_settings(PERSONALIZATION_HOLDOUT=1.0)
def test_and_who_is_held_out_from_one_content() -> None:
    offer()
    told = steps_of(make_person("a"))
    assert told["Holdout of what is shown"] == "the offer: held out, by a chance of 100 %"


def test_reasons_are_said_in_words() -> None:
    make_experiment("", offer())
    staff = looking_as("b", arms=(("test", "arm1"),))
    hero = slot_of(see(staff), "hero")
    assert hero["reason"] == "An experiment says so, whatever the visitor's segments."
