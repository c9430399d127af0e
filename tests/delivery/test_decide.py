"""`POST /v1/decide`: what many slots show, for a browser or a server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from personalization.delivery import decide as deciding_module
from personalization.delivery import visitor
from personalization.delivery.choose import Decision, choose
from personalization.delivery.models import Slot, Variation
from personalization.delivery.published import Place
from personalization.events.models import BufferedBatch, Event
from personalization.experiments.models import Experiment
from personalization.segments.models import Segment
from tests.delivery.deciding import OWN, STRIP, browser, queries
from tests.delivery.people import (
    Person,
    make_person,
    make_segments,
    make_slot,
    make_variation,
    span_around,
)
from tests.delivery.rendering import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Person:
    make_segments("a", "b", "c")
    make_variation("a", "<p>for a</p>")
    return make_person("a")


def test_every_slot_is_answered_in_order(person: Person) -> None:
    make_slot("footer")
    hero, strip, footer = browser(person).ask("hero", STRIP, {"slot": "footer"})
    assert hero.pop("decision_id") != strip.pop("decision_id")
    assert hero.pop("proof") != strip.pop("proof")
    assert hero == {
        "slot": "hero",
        "variation": f"variation:{Variation.objects.get().pk}",
        "content": "<p>for a</p>",
        "reason": "segment",
        "probability": 1.0,
    }
    assert strip == {
        "slot": "strip",
        "variation": "template:0:a",
        "content": None,
        "reason": "segment",
        "probability": 1.0,
    }
    assert len(footer.pop("decision_id")) == 32
    assert footer == {
        "slot": "footer",
        "variation": "",
        "content": None,
        "reason": "no_match",
        "probability": 1.0,
    }


def test_a_candidate_is_for_the_members_of_any_of_its_segments(person: Person) -> None:
    person.enter("c")
    assert browser(person).variations(STRIP) == ["template:1:b+c"]
    person.enter()
    assert browser(person).variations(STRIP) == [""]


def test_all_slots_cost_one_read(person: Person) -> None:
    many = [{"slot": f"slot-{n}", "candidates": STRIP["candidates"]} for n in range(50)]
    asker = browser(person)
    asker.ask("hero")
    with queries(1):
        assert asker.variations("hero", *many[1:]).count("template:0:a") == 49


def test_nobody_costs_no_more_than_what_is_published() -> None:
    make_slot("strip")
    browser().ask("strip")  # loads what is published, once for the process
    with queries(1):
        hero, strip = browser().ask("hero", "strip")
    assert (hero["error"]["code"], strip["reason"]) == ("unknown_slot", "no_id")


def test_a_visitor_whom_the_database_does_not_know_costs_one_read_too(person: Person) -> None:
    browser().ask("hero")
    person.profile.delete()
    with queries(1):
        hero, unknown = browser(person).ask("hero", "hreo")
    assert hero["reason"] == "no_consent"
    assert unknown["error"]["code"] == "unknown_slot"


def test_an_unknown_slot_leaves_its_neighbours_alone(person: Person) -> None:
    unknown, hero = browser(person).ask("hreo", "hero")
    assert unknown == {
        "slot": "hreo",
        "error": {"code": "unknown_slot", "message": "There is no slot “hreo”."},
    }
    assert hero["content"] == "<p>for a</p>"


def test_a_slot_that_fails_leaves_its_neighbours_alone(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(place: Place, *args: Any, **kwargs: Any) -> Decision:
        if place.slug == "hero":
            raise RuntimeError("a mistake of ours")
        return choose(place, *args, **kwargs)

    monkeypatch.setattr(visitor, "choose", broken)
    failed = counted("slots.failed")
    hero, strip = browser(person).ask("hero", STRIP)
    assert hero["error"]["code"] == "failed"
    assert strip["variation"] == "template:0:a"
    assert counted("slots.failed") == failed + 1


def test_several_contents_are_told_one_by_one(person: Person) -> None:
    Slot.objects.filter(slug="hero").update(strategy="all")
    make_variation("b", "<p>for b</p>")
    person.enter("a", "b")
    own = {"slot": "hero", "candidates": [{"key": "mine", "segments": ["b"]}]}
    [hero] = browser(person).ask(own)
    first, second = Variation.objects.values_list("pk", flat=True)
    assert hero["variation"] == f"variation:{first}+variation:{second}+mine"
    assert hero["content"] == "<p>for a</p><p>for b</p>"
    assert hero["parts"] == [
        {"key": f"variation:{first}", "content": "<p>for a</p>"},
        {"key": f"variation:{second}", "content": "<p>for b</p>"},
        {"key": "mine", "content": None},
    ]


def test_what_an_experiment_assigned_is_told_with_a_default_too(person: Person) -> None:
    experiment = Experiment.objects.create(
        slug="hero-test", name="Hero", place="hero", status="running"
    )
    experiment.arms.create(key="as-it-is", weight=1.0)
    experiment.arms.create(key="new", weight=0.0, content=Variation.objects.get().key, position=1)
    [hero] = browser(person).ask("hero")
    assert (hero["variation"], hero["reason"]) == ("", "experiment")
    assert hero["assigned"] == {"hero-test": {"arm": "as-it-is", "probability": 1.0}}


def test_a_slot_with_a_trigger_comes_with_its_rule(person: Person) -> None:
    Slot.objects.filter(slug="hero").update(
        trigger="scroll_depth", trigger_value=60, presentation="dialog", name="Newsletter"
    )
    Slot.objects.get(slug="hero").save()
    [hero] = browser(person).ask("hero")
    rule = hero["trigger"].pop("rule")
    assert hero["trigger"] == {
        "kind": "scroll_depth",
        "value": 60,
        "presentation": "dialog",
        "name": "Newsletter",
    }
    assert rule["root"]["rules"] == [
        {
            "kind": "event",
            "event": "Page Scrolled",
            "operator": ">=",
            "value": 60,
            "aggregate": "max",
            "prop": "depth",
        }
    ]


def test_who_has_seen_it_often_enough_waits_for_no_trigger(person: Person) -> None:
    cap = Segment.objects.create(
        slug="cap-hero", name="cap", kind=Segment.Kind.MANUAL, internal=True
    )
    Slot.objects.filter(slug="hero").update(trigger="exit_intent", cap=cap)
    person.enter("a", "cap-hero")
    [hero] = browser(person).ask("hero")
    assert hero["reason"] == "capped"
    assert "trigger" not in hero


def test_a_trigger_waits_for_who_has_something_to_see_only(person: Person) -> None:
    slot = Slot.objects.get(slug="hero")
    slot.trigger = "exit_intent"
    slot.save()
    person.enter("b")
    assert "trigger" not in browser(person).ask("hero")[0]


# Whom it is about


@pytest.mark.parametrize("consents", [(), ("analytics",), ("marketing",)])
def test_without_consent_the_default_is_decided(consents: tuple[str, ...]) -> None:
    make_segments("a")
    make_variation("a", "for a")
    [hero] = browser(make_person("a", consents=consents)).ask("hero")
    assert (hero["variation"], hero["reason"]) == ("", "no_consent")


def test_without_a_cookie_the_default_is_decided(person: Person) -> None:
    assert [one["reason"] for one in browser().ask("hero", STRIP)] == ["no_id", "no_id"]


def test_a_forged_cookie_is_nobody(person: Person) -> None:
    asker = browser()
    asker.client.cookies.load({**person.cookies, "pz_id": f"{person.visitor_id}:forged"})
    assert asker.ask("hero")[0]["reason"] == "no_id"


def test_a_bot_sees_the_default(person: Person) -> None:
    asker = browser(person, **{"user-agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"})
    assert asker.ask("hero")[0]["reason"] == "bot"


def test_nothing_counts_by_being_decided(person: Person) -> None:
    browser(person).ask("hero", STRIP)
    assert not Event.objects.exists()
    assert not BufferedBatch.objects.exists()


def test_what_is_over_is_not_decided_for(person: Person) -> None:
    now = timezone.now()
    person.be_in({"a": span_around(now, before=timedelta(days=2), after=-timedelta(seconds=1))})
    assert browser(person).variations("hero") == [""]


CAMPAIGN = {"kind": "context", "field": "utm.campaign", "operator": "=", "value": "spring"}
PATH = {"kind": "context", "field": "path", "operator": "=", "value": "/shoes/"}
CAME = {"kind": "context", "field": "referrer", "operator": "contains", "value": "search.example"}


@pytest.mark.parametrize(
    ("leaf", "page"),
    [
        (CAMPAIGN, {"path": "/", "search": "?utm_campaign=spring"}),
        (PATH, {"path": "/shoes/"}),
        (CAME, {"path": "/", "referrer": "https://search.example/?q=shoes"}),
    ],
)
def test_rules_about_the_request_look_at_the_page(
    leaf: Any, page: Any, make_segment: Callable[..., Segment]
) -> None:
    make_segment("here", {"version": 1, "root": {"combinator": "and", "rules": [leaf]}})
    make_variation("here", "here")
    asker = browser(make_person())
    assert asker.variations("hero", page=page) != [""]
    assert asker.variations("hero", page={"path": "/other/"}) == [""]
    assert asker.variations("hero") == [""]


def test_a_page_that_does_not_say_where_it_is_is_known_by_its_address(
    make_segment: Callable[..., Segment],
) -> None:
    make_segment("here", {"version": 1, "root": {"combinator": "and", "rules": [PATH, CAMPAIGN]}})
    make_variation("here", "here")
    asker = browser(make_person(), referer=f"{OWN}/shoes/?utm_campaign=spring")
    assert asker.variations("hero") != [""]


def test_without_the_database_every_slot_shows_its_default(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("personalization.delivery.visitor.read_visitor", broken)
    monkeypatch.setattr(deciding_module, "published_now", broken)
    assert browser(person).variations("hero", STRIP) == ["", ""]
