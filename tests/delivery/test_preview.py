"""Staff see the site as somebody else: exactly that, read-only, and nobody else does."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery import ticket as tickets
from personalization.delivery.visitor import Visitor
from personalization.events.models import BufferedBatch, Event
from personalization.profiles.models import Snapshot
from personalization.segments.models import Membership
from tests.delivery.people import make_person, make_segments, make_slot, make_variation
from tests.delivery.staff import (
    USUAL,
    give,
    looking_as,
    make_staff,
    slot_of,
    staff_client,
    ticket_for,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.delivery.staff_site")]


@pytest.fixture(autouse=True)
def segments() -> Any:
    return make_segments("a", "b")


def text(client: Client, address: str = "/page/", **headers: str) -> str:
    response = client.get(address, headers=headers)
    assert response.status_code == 200
    return str(response.content.decode())


def body(html: str) -> str:
    """Return what the page itself says."""
    shown = html.partition("<body>")[2].partition("</body>")[0]
    return shown.partition('<div id="personalization-inspector"')[0]


@pytest.mark.parametrize(
    ("slugs", "expected"),
    [
        ((), "default"),
        (("a",), "for a|a is here"),
        (("b",), "for b"),
        (("a", "b"), "for a|a is here"),
    ],
)
def test_staff_see_the_page_as_somebody_in_exactly_these_segments(
    slugs: tuple[str, ...], expected: str
) -> None:
    assert body(text(looking_as(*slugs))) == expected


def test_what_the_member_of_staff_is_in_does_not_count() -> None:
    client = looking_as("b")
    client.cookies.load(make_person("a").cookies)
    assert body(text(client)) == "for b"


def test_everybody_else_sees_what_they_saw_before() -> None:
    looking_as("a")
    assert "personalization-inspector" not in text(make_person("b").client())
    assert body(text(Client())) == "default"


@pytest.mark.parametrize("who", ["nobody", "another", "no staff any more", "no permission"])
def test_a_cookie_is_worth_nothing_to_whom_it_was_not_given(segments: Any, who: str) -> None:
    client, user = staff_client()
    give(client, ticket_for(user, segments=(segments["a"].pk,)))
    if who == "nobody":
        client.logout()
        give(client, ticket_for(user, segments=(segments["a"].pk,)))
    elif who == "another":
        client.force_login(make_staff(*USUAL))
    elif who == "no staff any more":
        type(user).objects.update(is_staff=False)
    else:
        user.user_permissions.clear()
    html = text(client)
    assert body(html) == "default"
    assert "personalization-inspector" not in html


def test_a_profile_is_seen_by_those_alone_who_may_see_profiles() -> None:
    person = make_person("a")
    for codenames, expected in ((("preview",), "default"), (USUAL, "for a|a is here")):
        client, user = staff_client(make_staff(*codenames))
        give(client, ticket_for(user, kind="profile", profile=person.profile.pk))
        assert body(text(client)) == expected


@pytest.mark.parametrize("value", ["", "x", "e30:1:x", "x" * 5000, "é", '{"kind":"segments"}'])
def test_a_tampered_cookie_is_ignored(value: str) -> None:
    client, _ = staff_client()
    client.cookies[tickets.COOKIE] = value
    html = text(client)
    assert body(html) == "default"
    assert "personalization-inspector" not in html


def test_one_letter_of_a_cookie_makes_it_worthless() -> None:
    client = looking_as("a")
    value = client.cookies[tickets.COOKIE].value
    for index in range(0, len(value), 7):
        other = "A" if value[index] != "A" else "B"
        request = RequestFactory().get("/")
        request.COOKIES[tickets.COOKIE] = value[:index] + other + value[index + 1 :]
        assert tickets.read_ticket(request.COOKIES) is None


def test_a_preview_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    client = looking_as("a")
    monkeypatch.setattr(tickets, "LIFE", timedelta(seconds=-1))
    assert body(text(client)) == "default"


def test_a_ticket_of_another_release_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    client = looking_as("a")
    monkeypatch.setattr(tickets, "_NAMES", {"user", "kind"})
    assert body(text(client)) == "default"


def test_nothing_is_written_by_looking(django_assert_num_queries: Any) -> None:
    client = looking_as("a")
    client.cookies.load(make_person("b").cookies)
    before = [list(model.objects.order_by("pk").values()) for model in (Snapshot, Membership)]
    for _ in range(2):
        text(client)
    after = [list(model.objects.order_by("pk").values()) for model in (Snapshot, Membership)]
    assert before == after
    assert not Event.objects.exists()
    assert not BufferedBatch.objects.exists()


def test_the_page_says_that_it_is_a_preview() -> None:
    html = text(looking_as("a"))
    assert "data-personalization-preview" in html
    assert "You see this page as somebody in a" in html
    assert "End preview" in html


def test_staff_look_into_their_own_page_without_pretending_anything() -> None:
    client, user = staff_client()
    give(client, ticket_for(user, kind="self"))
    client.cookies.load(make_person("b").cookies)
    html = text(client)
    assert body(html) == "for b"
    assert "data-personalization-preview" not in html
    assert "You see this page as yourself" in html


def test_a_profile_is_seen_as_its_own_pages_are() -> None:
    person = make_person("b")
    client, user = staff_client()
    give(client, ticket_for(user, kind="profile", profile=person.profile.pk))
    assert body(text(client)) == body(text(person.client())) == "for b"


def test_a_profile_that_did_not_agree_sees_the_default() -> None:
    person = make_person("b", consents=("analytics",))
    client, user = staff_client()
    give(client, ticket_for(user, kind="profile", profile=person.profile.pk))
    html = text(client)
    assert body(html) == "default"
    assert "did not agree" in slot_of(html, "hero")["reason"]


def test_a_profile_that_is_gone_is_nobody() -> None:
    client, user = staff_client()
    give(client, ticket_for(user, kind="profile", profile=4711))
    assert body(text(client)) == "default"


def test_schedules_are_those_of_the_date() -> None:
    make_slot()
    now = timezone.now()
    later = make_variation("a", "next week")
    type(later).objects.update(starts_at=now + timedelta(days=7), ends_at=now + timedelta(days=8))
    for days, expected in ((0, "for a"), (6.9, "for a"), (7.5, "next week"), (8.1, "for a")):
        client = looking_as("a", at=microseconds(now + timedelta(days=days)))
        assert body(text(client)).partition("|")[0] == expected


def test_chance_shows_a_profile_what_it_shows_on_its_own_pages() -> None:
    slot = make_slot()
    type(slot).objects.update(strategy="random")
    for n in range(8):
        make_variation("a", f"<i>{n}</i>")
    person = make_person("a")
    client, user = staff_client()
    give(client, ticket_for(user, kind="profile", profile=person.profile.pk))
    assert body(text(client)) == body(text(person.client()))


def test_the_next_preview_draws_another_lot() -> None:
    slot = make_slot()
    type(slot).objects.update(strategy="random")
    for n in range(8):
        make_variation("a", f"<i>{n}</i>")
    seen = {body(text(looking_as("a", begun=begun))) for begun in range(40)}
    again = {body(text(looking_as("a", begun=7))) for _ in range(3)}
    assert len(seen) > 4
    assert len(again) == 1


def test_what_is_asked_before_the_login_is_known_is_asked_again() -> None:
    """A middleware of the site outside of the one that knows who is logged in."""
    settings_of_site = [
        "personalization.delivery.middleware.PersonalizationMiddleware",
        "tests.delivery.asking.AskingMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    client = looking_as("a")
    client.cookies.load(make_person("b").cookies)
    with override_settings(MIDDLEWARE=settings_of_site):
        assert body(text(client)) == "for a|a is here"


def test_without_logins_there_is_no_preview() -> None:
    client = looking_as("a")
    only = ["personalization.delivery.middleware.PersonalizationMiddleware"]
    with override_settings(MIDDLEWARE=only):
        assert body(text(client)) == "default"


def test_a_preview_is_found_wherever_the_visitor_is_asked_for() -> None:
    user = make_staff(*USUAL)
    client = give(Client(), ticket_for(user, segments=()))
    request: HttpRequest = RequestFactory().get("/")
    request.COOKIES[tickets.COOKIE] = client.cookies[tickets.COOKIE].value
    visitor = Visitor(request)
    assert (visitor.preview, visitor.inspected) == (None, False)
    request.user = user
    visitor.look_closer()
    assert visitor.inspected
    assert visitor.known
    assert visitor.has_consent("marketing")
    request.user = AnonymousUser()
    assert not Visitor(request).inspected


def test_the_reads_of_a_preview_do_not_grow_with_the_slots_of_a_page(
    django_assert_max_num_queries: Any,
) -> None:
    client = looking_as("a")
    block = '{{% personalized_block "s{}" %}}d{{% variant "a" %}}a{{% endpersonalized_block %}}'
    source = "<body>" + "".join(block.format(n) for n in range(40)) + "</body>"
    client.get("/page/", {"source": source})  # what is published is read once for a process
    with django_assert_max_num_queries(10):
        assert client.get("/page/", {"source": source}).content.count(b"warnings") >= 40


# -- what is sent from such a page --------------------------------------------------------


EVENT = {"type": "track", "event": "Product Viewed", "anonymousId": "x", "messageId": "1"}


def send(client: Client, key: str) -> Any:
    body = {"batch": [EVENT], "writeKey": key}
    return client.post("/p/v1/batch", json.dumps(body), content_type="application/json")


@pytest.fixture
def key(make_source: Any) -> str:
    make_source(write_key="of-a-test")
    return "of-a-test"


def test_what_the_page_sends_is_answered_and_kept_by_nobody(key: str) -> None:
    assert send(looking_as("a"), key).status_code == 200
    assert not BufferedBatch.objects.exists()


def test_what_a_pixel_sends_is_answered_and_kept_by_nobody(make_source: Any) -> None:
    make_source(write_key="of-a-server", kind="server")
    pixel = "/p/pixel/v1/track?writeKey=of-a-server&event=E&userId=u"
    assert looking_as("a").get(pixel).status_code == 200
    assert not BufferedBatch.objects.exists()
    Client().get(pixel)
    assert BufferedBatch.objects.exists()


def test_what_others_send_is_kept(key: str) -> None:
    client, user = staff_client()
    give(client, ticket_for(user, kind="self"))
    for n, sender in enumerate((client, Client()), 1):
        assert send(sender, key).status_code == 200
        assert BufferedBatch.objects.count() == n


def test_the_tracker_finds_no_consent_in_a_preview() -> None:
    assert 'data-consent-cookie=""' in text(looking_as("a"))
    client, user = staff_client()
    give(client, ticket_for(user, kind="self"))
    assert 'data-consent-cookie="pz_consent"' in text(client)


def test_nobody_is_asked_for_consent_in_the_name_of_another() -> None:
    source = {"source": "{% consent_banner %}"}
    assert b"May we remember" not in looking_as("a").get("/page/", source).content
    assert b"May we remember" in staff_client()[0].get("/page/", source).content


def test_what_code_of_the_site_records_in_a_preview_is_not_kept() -> None:
    for client, n in ((looking_as("a"), 0), (staff_client()[0], 1)):
        client.cookies.load(make_person("b").cookies)
        assert client.post("/track/").status_code == 200
        assert BufferedBatch.objects.count() == n


def test_forms_of_the_site_work_as_they_do() -> None:
    assert body(looking_as("a").post("/form/", {"q": "socks"}).content.decode()) == "socks"


def test_no_decision_of_a_preview_counts_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    monkeypatch.setattr(
        "personalization.delivery.visitor.expose",
        lambda decision, view: shown.append(decision.slot),
    )
    person = make_person("b")
    client = looking_as("a")
    client.cookies.load(person.cookies)
    text(client)
    assert shown == []
    text(person.client())
    assert shown == ["hero"]


# -- caches ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["/page/", "/plain/", "/cached/slot", "/plain-cached/", "/json/"]
)
def test_no_cache_may_keep_what_staff_see(address: str) -> None:
    response = looking_as("a").get(address)
    assert set(response["Cache-Control"].split(", ")) >= {"private", "no-store"}
    assert "public" not in response["Cache-Control"]


@pytest.mark.parametrize("kind", ["slot", "flag", "asked", "plain", "id"])
@pytest.mark.parametrize("first", ["staff", "visitor"])
def test_a_page_cache_and_a_preview_never_meet(kind: str, first: str) -> None:
    address = f"/cached/{kind}"
    usual = text(Client(), address).split()[0]
    cache.clear()
    client = looking_as("a")

    def staff() -> None:
        assert text(client, address).split()[0] == (
            "a" if kind in ("slot", "flag", "asked") else "everybody"
        )

    def visitor() -> None:
        assert text(Client(), address).split()[0] == usual

    order = [staff, visitor] if first == "staff" else [visitor, staff]
    for see in order * 2:
        see()


def test_a_preview_is_rendered_anew_each_time_and_others_keep_their_copy() -> None:
    client = looking_as("a")
    kept = text(Client(), "/cached/plain")
    assert text(client, "/cached/plain") != text(client, "/cached/plain")
    assert text(Client(), "/cached/plain") == kept


def test_a_site_cache_is_asked_neither() -> None:
    middleware = [
        "personalization.delivery.middleware.PersonalizationMiddleware",
        "django.middleware.cache.UpdateCacheMiddleware",
        "personalization.delivery.middleware.CacheKeyMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    client = looking_as("a")
    with override_settings(MIDDLEWARE=middleware):
        for _ in range(2):
            assert body(text(client, "/plain/")) == "nothing of ours"
            assert "personalization-inspector" in text(client, "/plain/")
            assert "personalization-inspector" not in text(Client(), "/plain/")
            assert body(text(client)) == "for a|a is here"
            assert body(text(Client())) == "default"


def test_a_client_cannot_name_the_key_of_a_preview() -> None:
    kept = text(Client(), "/cached/slot", **{"X-Personalization-Key": "preview:1"})
    assert kept.startswith("everybody")
    assert text(looking_as("b"), "/cached/slot", **{"X-Personalization-Key": ""}).startswith("b")
