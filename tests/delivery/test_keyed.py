"""Pages with keyed slots: what they cost, what is kept of them, and what others are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.delivery import learned, middleware
from personalization.delivery.models import Variation
from personalization.delivery.page_key import DEFAULT_KEY
from personalization.delivery.visitor import Visitor
from personalization.shortcuts import choose
from tests.conftest import BROWSER
from tests.delivery import fuzz, pages
from tests.delivery.people import Person, make_person, make_segments, make_variation, span_around
from tests.delivery.rendering import render_in, request_of
from tests.delivery.staff import looking_as

pytestmark = pytest.mark.django_db(transaction=True)

STACK = [fuzz.OURS, *fuzz.STACKS["whole site with keys"]]
KEYED = pages.SOURCES["keyed"]


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    make_segments("a", "b")
    with override_settings(
        MIDDLEWARE=STACK, ROOT_URLCONF="tests.delivery.pages", PERSONALIZATION_DELIVERY="keyed"
    ):
        yield


@pytest.fixture
def person() -> Person:
    return make_person("a")


def get(path: str, person: Person | None = None, **headers: str) -> Any:
    client = person.client() if person else Client()
    return client.get(path, headers={"user-agent": BROWSER, **headers})


def shown(path: str, person: Person | None = None) -> str:
    return str(get(path, person).content.decode())


def warm(path: str, *people: Person | None) -> None:
    for person in people * 2:
        get(path, person)


# -- what it costs ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/bare/two", "/cached/keyed", "/late/nested", "/bare/flag"])
def test_a_kept_page_costs_a_visitor_we_know_one_read(path: str, person: Person) -> None:
    warm(path, person)
    with CaptureQueriesContext(connection) as captured, patch.object(learned, "_cache") as looked:
        looked.side_effect = lambda: cache
        get(path, person)
    assert len(captured) == 1
    assert looked.call_count == 1


@pytest.mark.parametrize("path", ["/bare/two", "/cached/keyed", "/late/nested", "/bare/flag"])
def test_it_costs_nobody_else_any(path: str, person: Person) -> None:
    with CaptureQueriesContext(connection) as captured, patch.object(learned, "_cache") as looked:
        for _ in range(3):
            get(path)
    assert len(captured) == 0
    looked.assert_not_called()


def test_a_page_that_asks_nothing_costs_nothing(person: Person) -> None:
    with CaptureQueriesContext(connection) as captured, patch.object(learned, "_cache") as looked:
        warm("/bare/plain", person)
    assert len(captured) == 0
    looked.assert_not_called()


def test_a_page_that_no_cache_keeps_is_not_learned_of(person: Person) -> None:
    with (
        override_settings(MIDDLEWARE=[fuzz.OURS, fuzz.COMMON]),
        patch.object(learned, "_cache") as looked,
    ):
        assert shown("/bare/keyed", person).startswith("a ")
    looked.assert_not_called()


def test_a_cache_that_fails_costs_what_it_knew_and_no_page(person: Person) -> None:
    kept = shown("/cached/keyed", person)
    with patch.object(learned, "_cache", side_effect=ConnectionError):
        for who, expected in ((person, "a "), (make_person("b"), "b "), (None, "everybody ")):
            assert shown("/cached/keyed", who).startswith(expected)
    assert shown("/cached/keyed", person).startswith(kept[:2])


# -- the answers are of now ------------------------------------------------------------


def at(minutes: int) -> Any:
    now = timezone.now() + timedelta(minutes=minutes)
    return patch.object(middleware, "Visitor", lambda request: Visitor(request, now=now))


def test_a_membership_that_ends_by_itself_gives_the_other_version_of_a_kept_page() -> None:
    hour = timedelta(hours=1)
    person, other = make_person("b"), make_person()
    person.be_in({"a": span_around(timezone.now(), before=hour, after=hour)})
    warm("/bare/keyed", person, other)
    before, default = shown("/bare/keyed", person), shown("/bare/keyed", other)
    assert before.startswith("a ")
    with at(30):
        assert shown("/bare/keyed", person) == before
    with at(90):  # nothing was written, and no page was dropped
        assert shown("/bare/keyed", person) == default
    assert shown("/bare/keyed", person) == before


def test_a_schedule_that_ends_gives_the_other_version(person: Person) -> None:
    row = make_variation("a", "soon over", slot="strip")
    row.ends_at = timezone.now() + timedelta(hours=1)
    row.save()
    warm("/bare/admin", person)
    assert shown("/bare/admin", person).startswith("soon over ")
    with at(90):
        assert shown("/bare/admin", person).startswith("everybody ")


def test_what_is_published_shows_at_once(person: Person) -> None:
    row = make_variation("a", "old", slot="strip")
    warm("/bare/admin", person)
    Variation.objects.get(pk=row.pk).delete()
    assert shown("/bare/admin", person).startswith("everybody ")
    make_variation("a", "new", slot="strip")
    assert shown("/bare/admin", person).startswith("new ")


def test_consent_that_is_withdrawn_counts_for_a_kept_page(person: Person) -> None:
    warm("/bare/keyed", person, None)
    person.agree_to("analytics")
    assert shown("/bare/keyed", person) == shown("/bare/keyed")


def test_who_sees_all_defaults_whatever_is_asked_shares_the_page_of_the_unknown() -> None:
    kept = shown("/bare/two")
    crawler = {"user-agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}
    assert get("/bare/two", make_person("a"), **crawler).content.decode() == kept
    assert shown("/bare/two", make_person("a", consents=())) == kept
    with override_settings(PERSONALIZATION_PAUSE_SEGMENT="b"):
        assert shown("/bare/two", make_person("a", "b")) == kept


def test_nothing_of_it_survives_who_becomes_somebody_else_in_the_middle(person: Person) -> None:
    request = request_of(person)
    visitor: Any = request.personalization  # type: ignore[attr-defined]
    assert render_in(KEYED, request) == "a"
    assert not visitor.used
    person.enter("b")
    visitor.look_again()
    assert render_in(KEYED, request) == "b"
    assert visitor.used


def test_nothing_does_who_agrees_in_the_middle() -> None:
    person = make_person("a", consents=())
    request = request_of(person)
    visitor: Any = request.personalization  # type: ignore[attr-defined]
    assert render_in(KEYED, request) == "everybody"
    person.agree_to("personalization")
    visitor.look_again()
    assert render_in("{% personalized_block 'x' keyed %}x{% endpersonalized_block %}", request)
    assert visitor.used


# -- what others are told --------------------------------------------------------------

STYLES = ["bare", "late", "generic", "cached", "cached-api", "public", "for-cdn", "missing"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_nothing_outside_keeps_a_keyed_page_or_varies_by_it(style: str, known: bool) -> None:
    person = make_person("a") if known else None
    for _ in range(3):
        response = get(f"/{style}/slot", person)
        assert response["Cache-Control"] == "private, no-cache"
        assert "Vary" not in response
        assert not response.cookies
        assert not {"Expires", "CDN-Cache-Control", "Surrogate-Control"} & set(response.headers)


def test_a_kept_page_is_confirmed_without_being_sent(person: Person) -> None:
    conditional = "django.middleware.http.ConditionalGetMiddleware"
    with override_settings(MIDDLEWARE=[fuzz.OURS, conditional, *STACK[1:]]):
        warm("/bare/keyed", person)
        etag = get("/bare/keyed", person)["ETag"]
        again = get("/bare/keyed", person, **{"if-none-match": etag})
        assert again.status_code == 304
        assert again["Cache-Control"] == "private, no-cache"
        assert "Vary" not in again
        other = get("/bare/keyed", make_person("b"), **{"if-none-match": etag})
        assert other.status_code == 200
        assert other.content.startswith(b"b ")


def test_a_compressed_page_is_kept_by_the_key_too(person: Person) -> None:
    with override_settings(MIDDLEWARE=[fuzz.OURS, fuzz.UPDATE, fuzz.KEY, fuzz.GZIP, fuzz.FETCH]):
        for path in ("/bare/keyed", "/bare/two"):
            for who in (person, make_person("b")) * 2:
                plain, packed = get(path, who), get(path, who, **{"accept-encoding": "gzip"})
                assert plain.content.startswith(b"a " if who is person else b"b ") or "two" in path
                assert packed["Cache-Control"] == "private, no-cache"


def test_what_is_rendered_too_late_is_the_default_for_all(person: Person) -> None:
    response = get("/public-streamed/slot", person)
    assert response.getvalue().startswith(b"everybody")
    assert response["Cache-Control"] == "public, max-age=600"


def test_a_preview_has_no_part_in_any_cache(person: Person) -> None:
    session, login = (
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    )
    with override_settings(MIDDLEWARE=[*STACK[:3], session, login, *STACK[3:]]):
        staff = looking_as("b")
        warm("/bare/keyed", None, person)
        kept = shown("/bare/keyed")
        first, second = (staff.get("/bare/keyed").content for _ in range(2))
        assert first.startswith(b"b ")
        assert first != second
        assert shown("/bare/keyed") == kept
        assert shown("/bare/keyed", make_person("b")).encode() not in (first, second)


@pytest.mark.parametrize("ask", ["visitor_id", "segments", "stale_segments"])
def test_what_else_is_asked_makes_the_page_personal(person: Person, ask: str) -> None:
    request = request_of(person)
    visitor: Any = request.personalization  # type: ignore[attr-defined]
    render_in(KEYED, request)
    assert not visitor.used
    getattr(visitor, ask)
    assert visitor.used


def test_a_variant_that_fails_is_kept_for_nobody(person: Person) -> None:
    broken = KEYED.replace("a{% variant", "{% include 'no/such/template.html' %}{% variant")
    with patch.dict(pages.SOURCES, broken=broken):
        first, second = (shown("/bare/broken", person) for _ in range(2))
    pages.template.cache_clear()
    assert first.startswith("everybody ")
    assert first != second


def test_a_page_is_told_no_more_of_a_decision_than_its_key_tells(person: Person) -> None:
    """Else it would show the next visitor what was of the first."""
    for who, reason in ((person, "segment"), (make_person(), "no_match"), (None, "no_match")):
        decision: Any = choose(request_of(who), "hero", segments=["a"])
        assert (decision.reason, decision.probability, decision.id) == (reason, 1.0, "")


# -- what was shown --------------------------------------------------------------------


class Shown(list[Any]):
    def __call__(self, decision: Any, view: Any) -> None:
        self.append((decision.slot, decision.variation, decision.id))


@pytest.fixture
def exposed() -> Iterator[Shown]:
    found = Shown()
    with patch("personalization.delivery.visitor.expose", found):
        yield found


@pytest.mark.parametrize("path", ["/bare/two", "/cached/two"])
def test_each_view_of_a_kept_page_is_an_exposure(path: str, person: Person, exposed: Shown) -> None:
    warm(path, person)
    kept = shown(path, person)
    exposed.clear()
    assert shown(path, person) == kept
    assert shown(path, person) == kept
    slots = [slot for slot, _, _ in exposed]
    assert sorted(slots) == ["hero", "hero", "strip", "strip"]
    assert ("hero", "template:0:a") in {(slot, variation) for slot, variation, _ in exposed}
    assert len({decision_id for _, _, decision_id in exposed}) == 4


def test_one_that_is_confirmed_is_an_exposure_too(person: Person, exposed: Shown) -> None:
    conditional = "django.middleware.http.ConditionalGetMiddleware"
    with override_settings(MIDDLEWARE=[fuzz.OURS, conditional, *STACK[1:]]):
        warm("/bare/keyed", person)
        etag = get("/bare/keyed", person)["ETag"]
        exposed.clear()
        get("/bare/keyed", person, **{"if-none-match": etag})
    assert [slot for slot, _, _ in exposed] == ["hero"]


def test_a_page_that_is_rendered_is_counted_once(person: Person, exposed: Shown) -> None:
    get("/bare/two", person)
    assert sorted(slot for slot, _, _ in exposed) == ["hero", "strip"]
    assert all(decision_id for _, _, decision_id in exposed)


def test_asking_for_a_segment_shows_nothing(person: Person, exposed: Shown) -> None:
    warm("/bare/flag", person)
    shown("/bare/flag", person)
    assert exposed == []


def test_nobody_unknown_is_exposed_to_anything(exposed: Shown) -> None:
    warm("/bare/two", None)
    assert exposed == []


def test_a_cache_that_hides_cookies_from_pages_changes_nothing(person: Person) -> None:
    request = request_of(person)
    request.META["HTTP_USER_AGENT"] = BROWSER
    request.COOKIES = {}  # as wagtail-cache does, which keeps those of Django
    with patch("personalization.delivery.exposures.hand_over") as handed:
        assert render_in(KEYED, request) == "a"
    handed.assert_called_once()


# -- an edge ---------------------------------------------------------------------------


def key_of(path: str, person: Person | None = None, **headers: str) -> Any:
    client = person.client() if person else Client()
    data = {"path": path} if path else {}
    return client.get("/p/v1/key", data, headers={"user-agent": BROWSER, **headers})


@pytest.fixture
def edge() -> Iterator[None]:
    with override_settings(PERSONALIZATION_EDGE=True, MIDDLEWARE=[fuzz.OURS, fuzz.COMMON]):
        yield


def with_key(path: str, key: str, person: Person | None = None) -> Any:
    return get(path, person, **{"x-personalization-key": key})


@pytest.mark.usefixtures("edge")
def test_the_key_of_a_page_costs_one_read(person: Person) -> None:
    get("/public/two", person)
    with CaptureQueriesContext(connection) as captured:
        answer = key_of("/public/two", person)
    assert len(captured) == 1
    assert answer.status_code == 204
    assert answer["Cache-Control"] == "private, no-store"
    assert not answer.cookies
    with CaptureQueriesContext(connection) as captured:
        assert key_of("/public/two")["X-Personalization-Key"] == DEFAULT_KEY
    assert len(captured) == 0


@pytest.mark.usefixtures("edge")
def test_the_answer_to_a_password_is_kept_in_front_only_if_the_page_says_so() -> None:
    sent = {"x-personalization-key": DEFAULT_KEY, "authorization": "Basic YW5uOnNlY3JldA=="}
    assert "private" in get("/cached/two", **sent)["Cache-Control"]
    assert "s-maxage=900" in get("/public/two", **sent)["Cache-Control"]


@pytest.mark.usefixtures("edge")
def test_a_response_with_the_right_key_may_be_kept_in_front_and_by_no_browser(
    person: Person,
) -> None:
    get("/public/two?x=1", person)
    key = key_of("/public/two?x=1", person)["X-Personalization-Key"]
    response = with_key("/public/two?x=1", key, person)
    assert set(response["Cache-Control"].split(", ")) == {"public", "max-age=0", "s-maxage=900"}
    assert response["Vary"] == "X-Personalization-Key"
    default = with_key("/public/two", DEFAULT_KEY)
    assert set(default["Cache-Control"].split(", ")) == {"public", "max-age=0", "s-maxage=900"}


@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize("style", ["bare", "for-cdn"])
def test_one_that_does_not_say_for_how_long_may_not(style: str) -> None:
    assert with_key(f"/{style}/keyed", DEFAULT_KEY)["Cache-Control"] == "private, no-cache"


@pytest.mark.usefixtures("edge")
def test_one_with_another_key_is_private(person: Person) -> None:
    get("/public/keyed", person)
    right = key_of("/public/keyed", person)["X-Personalization-Key"]
    other = make_person("b")
    for sent, who in ((DEFAULT_KEY, person), (right, other), (right, None), ("", person)):
        response = with_key("/public/keyed", sent, who)
        assert response["Cache-Control"] == "private, no-cache"
        assert response["Vary"] == "X-Personalization-Key"
    assert get("/public/keyed", person)["Cache-Control"] == "private, no-cache"


@pytest.mark.usefixtures("edge")
def test_a_page_not_known_yet_has_a_key_that_nothing_is_kept_under(person: Person) -> None:
    key = key_of("/public/keyed", person)["X-Personalization-Key"]
    assert with_key("/public/keyed", key, person)["Cache-Control"] == "private, no-cache"
    assert key_of("/public/keyed", person)["X-Personalization-Key"] != key


@pytest.mark.usefixtures("edge")
def test_pages_that_ask_nothing_have_one_key_for_all_we_know(person: Person) -> None:
    keys = {
        key_of("/public/plain", who)["X-Personalization-Key"] for who in (person, make_person())
    }
    assert len(keys) == 1
    assert "Vary" not in get("/public/plain", person)


@pytest.mark.usefixtures("edge")
def test_the_page_may_stand_in_a_header_as_a_browser_sends_it(person: Person) -> None:
    get("/public/keyed", person)
    key = key_of("/public/keyed?a=1&b=2", person)["X-Personalization-Key"]
    for page in ("/public/keyed", "/public/keyed?a=1&b=2", "/public/ke%79ed"):
        headers = {"x-personalization-page": page}
        assert key_of("", person, **headers)["X-Personalization-Key"] == key


@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize(
    "path", ["", "page", "//evil.example/", "/\\evil", "https://evil.example/", "/a b", "/" * 4001]
)
def test_what_is_no_page_of_this_site_has_no_key(path: str) -> None:
    answer = key_of(path)
    assert answer.status_code == 400
    assert path[:100] in answer.content.decode().replace("\\\\", "\\")
    assert "X-Personalization-Key" not in answer


@pytest.mark.usefixtures("edge")
def test_a_key_is_only_read() -> None:
    answer = Client(enforce_csrf_checks=True).post("/p/v1/key", {"path": "/"})
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


def test_without_an_edge_no_keys_are_told(person: Person) -> None:
    assert key_of("/bare/keyed", person).status_code == 404
