"""One visitor is in one arm, however a slot is delivered, on all devices, before and after login."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.http import HttpRequest
from django.test import override_settings

from personalization.delivery.models import Variation
from personalization.events.models import Source
from personalization.experiments.models import Arm, Experiment
from personalization.profiles.models import Identity, Profile
from personalization.shortcuts import choose, choose_template, identify
from personalization.testing import drain, exposures_at_once, memory_buffer
from tests.delivery.deciding import browser
from tests.delivery.people import Person, make_people, make_segments, make_variation
from tests.delivery.rendering import render_in, request_of
from tests.delivery.showing import BROWSER, written

pytestmark = pytest.mark.django_db

SLOT = '{{% personalized_block "hero" {} %}}plain{{% endpersonalized_block %}}'
HOLDOUTS = {"PERSONALIZATION_HOLDOUT": 0.5, "PERSONALIZATION_GLOBAL_HOLDOUT": 0.2}


@pytest.fixture(autouse=True)
def _published() -> None:
    make_segments("a")
    make_variation("a", "offer")


def run_experiment(variation: Variation | None = None) -> Experiment:
    variation = variation or Variation.objects.get()
    place = variation.slot.slug
    experiment = Experiment.objects.create(slug="test", name="Test", place=place, status="running")
    for n, content in enumerate(["", variation.key]):
        Arm.objects.create(
            experiment=experiment, key=f"arm{n}", weight=0.5, content=content, position=n
        )
    return experiment


def page_of(person: Person) -> HttpRequest:
    request = request_of(person)
    request.META["HTTP_USER_AGENT"] = BROWSER
    return request


def shown_by(person: Person, mode: str) -> str:
    return str(render_in(SLOT.format(mode), page_of(person)))


def fragment(person: Person) -> str:
    answer = browser(person).client.get("/p/v1/slots/hero")
    return "offer" if b"offer" in answer.content else "plain"


WAYS: dict[str, Callable[[Person], str]] = {
    "inline": lambda person: shown_by(person, "inline"),
    "keyed": lambda person: shown_by(person, "keyed"),
    "decide": lambda person: browser(person).ask("hero")[0]["content"] or "plain",
    "fragment": fragment,
}


@pytest.mark.parametrize("runs", [True, False], ids=["experiment", "holdouts alone"])
def test_every_way_to_show_a_slot_shows_the_same(runs: bool) -> None:
    if runs:
        run_experiment()
    people = make_people(30, "a")
    with override_settings(**HOLDOUTS):
        seen = {
            person.visitor_id: {way: show(person) for way, show in WAYS.items()}
            for person in people
        }
    assert all(len(set(each.values())) == 1 for each in seen.values()), seen
    assert {each["inline"] for each in seen.values()} == {"plain", "offer"}


def test_and_every_way_that_counts_notes_the_same_arms() -> None:
    run_experiment()
    ways = [name for name in WAYS if name != "decide"]
    for person in make_people(10, "a"):
        with override_settings(**HOLDOUTS), memory_buffer(), exposures_at_once():
            for way in ways:
                WAYS[way](person)
            [told] = browser(person).ask("hero")
            noted = [event["properties"] for event in written()]
            assert len(noted) == len(ways)
            for each in noted:
                assert each["assigned"] == told["assigned"]
                assert each["probability"] == pytest.approx(told["probability"])


@contextmanager
def cached_site() -> Iterator[None]:
    names = "UpdateCacheMiddleware", "FetchFromCacheMiddleware"
    update, fetch = (f"django.middleware.cache.{name}" for name in names)
    ours = "personalization.delivery.middleware"
    middleware = [
        f"{ours}.PersonalizationMiddleware", update, f"{ours}.CacheKeyMiddleware", fetch,
    ]  # fmt: skip
    with override_settings(MIDDLEWARE=middleware, ROOT_URLCONF="tests.delivery.pages"):
        yield


def page(person: Person) -> tuple[str, str]:
    """Return what the page shows, and the number of the render that it comes from."""
    answer = person.client().get("/bare/admin", headers={"user-agent": BROWSER})
    shown, _, serial = answer.content.decode().rpartition(" ")
    return shown, serial


def test_a_page_out_of_a_cache_notes_the_arm_of_who_sees_it() -> None:
    """It was rendered for somebody else, in the same arm: their default as well as their offer."""
    variation = make_variation("a", "strip offer", slot="strip")
    run_experiment(variation)
    people, serials = make_people(14, "a"), set()
    for person in people * 2:
        with cached_site(), memory_buffer(), exposures_at_once():
            shown, serial = page(person)
            serials.add(serial)
            [event] = written()
            assert event["key"][1] == person.visitor_id
            arm = event["properties"]["assigned"]["test"]["arm"]
            told = arm, event["properties"].get("variation", "")
            assert told == {"strip offer": ("arm1", variation.key)}.get(shown, ("arm0", ""))
    assert 2 <= len(serials) <= 4, "most came out of the cache"


def test_an_experiment_that_starts_or_stops_changes_what_caches_answer() -> None:
    variation = make_variation("a", "strip offer", slot="strip")
    people = make_people(14, "a")
    before, meanwhile = set[str](), set[str]()
    with cached_site():
        for found in (before, meanwhile, before):
            found.update(page(person)[0] for person in people)
            for experiment in Experiment.objects.all():
                experiment.status = "stopped"
                experiment.save()
            if not Experiment.objects.exists():
                run_experiment(variation)
    assert (before, meanwhile) == ({"strip offer"}, {"strip offer", "everybody"})


def test_python_and_whole_pages_ask_the_same() -> None:
    run_experiment()
    people = make_people(26, "a")
    with override_settings(**HOLDOUTS):
        for person in people[:10]:
            decision = choose(page_of(person), "hero", expose=False)
            assert decision is not None
            content = decision.candidate.content if decision.candidate else "plain"
            assert content == shown_by(person, "inline")
    templates = {"a": "offer.html"}
    with override_settings(PERSONALIZATION_HOLDOUT=0.5), memory_buffer(), exposures_at_once():
        found = Counter(
            choose_template(page_of(person), "page", templates, default="plain.html")
            for person in people[10:]
        )
        noted = [event["properties"] for event in written()]
    assert set(found) == {"offer.html", "plain.html"}
    arms = Counter(each["assigned"]["page/page:offer.html"]["arm"] for each in noted)
    assert arms == Counter(shown=found["offer.html"], held_out=found["plain.html"])


# -- who somebody is -----------------------------------------------------------------------


def arm_of(person: Person) -> str:
    [hero] = browser(person).ask("hero")
    return str(hero["assigned"]["test"]["arm"])


@pytest.fixture
def visitors(make_source: Callable[..., Source]) -> list[Person]:
    make_source(write_key="server-key")
    run_experiment()
    return make_people(8, "a")


def test_who_logs_in_stays_in_the_arm(visitors: list[Person]) -> None:
    for n, person in enumerate(visitors):
        before = arm_of(person)
        identify(user_id=f"user-{n}", anonymous_id=person.visitor_id)
        drain()
        _settle(person)
        assert arm_of(person) == before
        [about] = browser(person).ask("hero")
        assert about["assigned"]["test"]["arm"] == before


def test_two_devices_of_one_person_are_in_the_arm_that_was_first(visitors: list[Person]) -> None:
    """By the profile that was there first, which goes on."""
    for n, (first, second) in enumerate(zip(visitors[::2], visitors[1::2], strict=True)):
        before = arm_of(first)
        for person in (first, second):
            identify(user_id=f"user-{n}", anonymous_id=person.visitor_id)
            drain()
        assert _profile(first) == _profile(second) == first.profile
        _settle(first)
        assert arm_of(first) == arm_of(second) == before


def _profile(person: Person) -> Profile:
    return Identity.objects.get(namespace="anonymous", value=person.visitor_id).profile


def _settle(person: Person) -> None:
    """What was counted anew from the log knows nothing of what tests wrote beside it."""
    same = Person(person.visitor_id, _profile(person))
    same.enter("a")
    same.agree_to("analytics", "personalization")
