"""A list follows what its visitor clicks at once, and what others click within minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.utils import timezone

from personalization import hints
from personalization.events.models import Event, Source
from personalization.management import beside
from personalization.management.beside import Beside
from personalization.management.commands.run_worker import Worker
from personalization.ml.models import ModelVersion
from personalization.ml.training.attempts import request, take
from personalization.ml.training.known import plan_of
from personalization.ml.training.recommend_plan import RECOMMEND
from personalization.ml.training.train import train
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests import machine
from tests.calm import CALM
from tests.conftest import BROWSER
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at, make_items
from tests.slots.conftest import FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.delivery.recommend_pages"),
]

#: Two departments, of which nobody looks at both; who looks around does so in this order.
BOOTS = tuple(f"boot-{n}" for n in range(8))
TENTS = tuple(f"tent-{n}" for n in range(8))
#: How often a test looks whether an event has come, each tenth of a second.
PATIENCE = 300
#: Nobody has looked at them when the recommender is trained.
LAMP, OIL = "lamp", "oil"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    # Playwright keeps an event loop running, which makes Django expect async code.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=FLAGS)
        yield browser
        browser.close()


def agree(person: Person) -> None:
    """Say yes as a visitor does: a worker takes back what nobody has said."""
    record_consent(
        Key(Identity.ANONYMOUS, person.visitor_id),
        granted=frozenset({"analytics", "personalization"}),
        mechanism=Mechanism.BANNER,
        now=timezone.now(),
    )


@pytest.fixture
def shop(settings: Any, make_source: Callable[..., Source]) -> ModelVersion:
    """A shop with visitors of the last hours, and the shipped recommender trained on them."""
    make_source(kind=Source.Kind.BROWSER, write_key="tracker-key")
    settings.PERSONALIZATION_TRACKER_KEY = "tracker-key"
    # What the tests compare is the models' work, not chance.
    settings.PERSONALIZATION_RECOMMENDATIONS = CALM
    make_items(*BOOTS, *TENTS, LAMP, OIL)
    for n in range(60):
        shelf = BOOTS if n % 3 else TENTS
        start = n % len(shelf)
        person = make_person()
        agree(person)
        look_at(person, *(shelf + shelf)[start : start + 5], minutes=120 + 3 * n)
    now = timezone.now()
    attempt = take(request(plan_of(RECOMMEND), now=now), now=now)
    assert attempt is not None
    version = train(attempt, plan_of(RECOMMEND))
    assert version.status == ModelVersion.Status.SERVING, (version.error, version.remarks)
    return version


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Callable[[Person], Page]]:
    """Open a browser of somebody who agrees."""
    contexts = []

    def opened(person: Person) -> Page:
        agree(person)
        context = browser.new_context(user_agent=BROWSER)
        contexts.append(context)
        context.add_cookies(
            [
                {"name": name, "value": value, "url": live_server.url}
                for name, value in person.cookies.items()
            ]
        )
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def listed(page: Page) -> list[str]:
    """Go home by the link that every page has, and return what is recommended there."""
    follow(page, "Home")
    return page.locator("li").all_inner_texts()


def look(page: Page, key: str) -> None:
    """Click on a product, and wait until the worker has seen that."""
    views = Event.objects.filter(name="Product Viewed", properties__product_id=key)
    before = views.count()
    follow(page, key)
    for _ in range(PATIENCE):
        drain()
        if views.count() > before:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the view of {key} never arrived")


def follow(page: Page, name: str) -> None:
    page.locator("nav").get_by_role("link", name=name, exact=True).click()
    page.wait_for_load_state("load")


def test_a_list_is_another_one_after_two_clicks(
    shop: ModelVersion, live_server: LiveServer, visit: Callable[[Person], Page]
) -> None:
    page = visit(make_person())
    page.goto(live_server.url)
    before = listed(page)
    assert any(key in BOOTS for key in before)  # what most look at
    for key in TENTS[:2]:
        look(page, key)
    after = listed(page)
    assert len(after) == 4
    assert after != before
    assert after[0] == TENTS[2]
    assert set(after) <= set(TENTS)


def test_on_a_page_that_caches_keep_the_browser_puts_the_own_list_in_and_reports_it(
    shop: ModelVersion, live_server: LiveServer, visit: Callable[[Person], Page]
) -> None:
    person = make_person()
    look_at(person, *TENTS[:2])
    page = visit(person)
    page.goto(live_server.url)  # the first list of a process takes longer than one waits
    titles: list[str] = []
    for _ in range(20):
        page.goto(f"{live_server.url}/kept/")
        page.wait_for_timeout(1500)
        titles = page.locator(".pz-recommendation-title").all_inner_texts()
        if titles[0] == f"The {TENTS[2]}":
            break
    assert titles[0] == f"The {TENTS[2]}"
    assert {title.removeprefix("The ") for title in titles} <= set(TENTS)
    reported = Event.objects.filter(name="Recommendation Shown", properties__place="kept")
    for _ in range(PATIENCE):
        drain()
        if reported.exists():
            break
        page.wait_for_timeout(100)
    event = reported.order_by("timestamp").last()
    assert event is not None
    assert [f"The {key}" for key in event.properties["items"]] == titles
    assert event.properties["model"] == f"recommend {shop.number}"


class RunWorker:
    """`run_worker` on a clock of the test; what it does beside are the real commands, in here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(beside.subprocess, "Popen", self._run)
        self._work = Worker(beside=Beside())
        self._begun, self._seconds = timezone.now(), 0

    def until(self, minutes: int) -> None:
        for seconds in range(self._seconds, 60 * minutes + 1, 20):
            self._work(now=self._begun + timedelta(seconds=seconds))
        self._seconds = 60 * minutes

    def _run(self, command: list[str], **how: Any) -> RunWorker:
        with suppress(SystemExit):  # of a process: other models have too little to learn from
            call_command(*command[3:], stdout=StringIO(), stderr=StringIO())
        return self

    def poll(self) -> int:
        return 0


class Schedule:
    """The tasks of Celery, each when the schedule has it, on a clock of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seconds = 0

    def until(self, minutes: int) -> None:
        for second in range(self._seconds + 1, 60 * minutes + 1):
            for entry in hints.BEAT_SCHEDULE.values():
                if second % entry["schedule"] == 0:
                    current_app.tasks[entry["task"]].apply(throw=True)
        self._seconds = 60 * minutes


@pytest.mark.parametrize("way", [RunWorker, Schedule])
def test_what_others_do_is_in_a_list_within_five_minutes(
    way: type[RunWorker] | type[Schedule],
    shop: ModelVersion,
    live_server: LiveServer,
    visit: Callable[[Person], Page],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = way(monkeypatch)
    work.until(0)
    shop.refresh_from_db()
    learned_until = shop.window_until
    ours = visit(make_person())
    ours.goto(live_server.url)
    look(ours, LAMP)
    before = listed(ours)
    assert len(before) == 4
    assert OIL not in before
    for _ in range(2):
        theirs = visit(make_person())
        theirs.goto(live_server.url)
        for key in (LAMP, OIL):
            look(theirs, key)
    work.until(3)
    shop.refresh_from_db()
    assert shop.window_until == learned_until, "it is the refresh that the list follows"
    work.until(5)
    shop.refresh_from_db()
    assert shop.window_until > learned_until
    for _ in range(30):  # the web process looks every five seconds what serves
        if (after := listed(ours))[0] == OIL:
            break
        ours.wait_for_timeout(500)
    assert after[0] == OIL
