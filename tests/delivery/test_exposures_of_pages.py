"""Pages of a site, and what is written of what they showed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from personalization.delivery import exposure_queue
from personalization.delivery.choose import Decision
from personalization.events.models import Event
from personalization.shortcuts import choose, in_segment
from personalization.testing import drain, exposures, exposures_at_once, memory_buffer
from tests.delivery import fuzz
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation
from tests.delivery.rendering import render, request_of
from tests.delivery.showing import BROWSER, written

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = override_settings(PERSONALIZATION_EXPOSURE_DELAY=timedelta(seconds=1))
HERO = '{% personalized_block "hero" %}default{% variant "a" %}a{% endpersonalized_block %}'
PAGE = "".join(HERO.replace("hero", f"slot-{number}") for number in range(20))


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    stack = [fuzz.OURS, fuzz.COMMON]
    with override_settings(MIDDLEWARE=stack, ROOT_URLCONF="tests.delivery.pages"):
        yield
        exposure_queue.forget()


@pytest.fixture
def person() -> Person:
    make_segments("a", "b")
    make_slot()
    return make_person("a")


def browser_of(person: Person) -> Client:
    client = Client(headers={"user-agent": BROWSER})
    client.cookies.load(person.cookies)
    return client


def asynchronously(person: Person, url: str) -> Any:
    async def ask() -> Any:
        client = AsyncClient(headers={"user-agent": BROWSER})
        client.cookies.load(person.cookies)
        return await client.get(url)

    return async_to_sync(ask)()


def synchronously(person: Person, url: str) -> Any:
    return browser_of(person).get(url)


@pytest.mark.parametrize("ask", [synchronously, asynchronously])
def test_a_page_is_one_event_on_the_timeline_of_the_profile(
    person: Person, ask: Callable[[Person, str], Any]
) -> None:
    assert ask(person, "/late/slot?ref=mail").content.startswith(b"a ")
    assert exposure_queue.flush() == 1
    assert exposure_queue.flush() == 0
    drain()
    drain()
    [event] = Event.objects.filter(identity__profile=person.profile)
    assert event.name == "Slot Shown"
    assert event.properties["slot"] == "hero"
    assert event.properties["variation"] == "template:0:a"
    assert event.message_id == event.properties["decision_id"]
    assert event.context["page"] == {
        "path": "/late/slot",
        "url": "http://testserver/late/slot?ref=mail",
    }
    with override_settings(ROOT_URLCONF="tests.urls", MIDDLEWARE=_admin_middleware()):
        staff = Client()
        staff.force_login(User.objects.create_superuser("owner"))
        address = reverse("admin:personalization_profile_change", args=[person.profile.pk])
        assert "was shown something in a slot" in staff.get(address).content.decode()


def _admin_middleware() -> list[str]:
    from tests.settings import MIDDLEWARE

    return MIDDLEWARE


@SECOND
def test_a_page_of_a_known_visitor_still_costs_one_read(person: Person) -> None:
    with memory_buffer():
        render(PAGE, person)
        with CaptureQueriesContext(connection) as captured:
            assert render(PAGE, person) == "a" * 20
        assert len(captured) == 1
        exposure_queue.flush()
        assert len(written()) == 40


def test_each_look_at_a_page_counts(person: Person) -> None:
    client = browser_of(person)
    for _ in range(3):
        client.get("/bare/slot")
    drain()
    assert len({shown["decision_id"] for shown in exposures("hero")}) == 3


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("head", {}),
        ("get", {"sec-purpose": "prefetch;prerender"}),
        ("get", {"user-agent": "Googlebot/2.1"}),
    ],
)
def test_what_nobody_looks_at_counts_for_nobody(
    person: Person, method: str, headers: dict[str, str]
) -> None:
    response = getattr(browser_of(person), method)("/bare/slot", headers=headers)
    assert response.status_code == 200
    assert exposure_queue.flush() == 0


def test_a_default_that_nobody_assigned_counts_for_nobody(person: Person) -> None:
    person.enter()
    assert browser_of(person).get("/bare/slot").content.startswith(b"everybody")
    person.enter("a")
    person.agree_to("analytics")
    assert browser_of(person).get("/bare/slot").content.startswith(b"everybody")
    assert Client().get("/bare/slot").content.startswith(b"everybody")
    assert exposure_queue.flush() == 0


def test_a_variation_of_the_admin_is_called_by_its_number(person: Person) -> None:
    variation = make_variation("a", "from the admin")
    browser_of(person).get("/bare/slot")
    drain()
    [shown] = exposures("hero")
    assert shown["variation"] == variation.key == f"variation:{variation.pk}"


@override_settings(PERSONALIZATION_BUFFER="tests.delivery.test_exposure_queue.BrokenBuffer")
@pytest.mark.parametrize("delay", [0, 86400])
def test_no_page_fails_by_a_buffer_that_does(person: Person, delay: int) -> None:
    with override_settings(PERSONALIZATION_EXPOSURE_DELAY=timedelta(seconds=delay)):
        response = browser_of(person).get("/bare/slot")
        exposure_queue.flush()
    assert response.content.startswith(b"a ")


@exposures_at_once()
def test_code_that_chooses_says_whether_it_shows(person: Person) -> None:
    request = request_of(person, now=timezone.now())
    chosen = choose(request, "hero", segments=["a"], expose=False)
    assert isinstance(chosen, Decision)
    assert in_segment(request, "a")
    drain()
    assert exposures() == []
    shown = choose(request, "hero", segments=["a"])
    assert shown is not None
    drain()
    assert [each["decision_id"] for each in exposures("hero")] == [shown.id]
    assert exposures("another") == []
