"""Starting and ending previews in the admin."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.ticket import COOKIE, MOST_ARMS, MOST_SEGMENTS, read_ticket
from personalization.experiments.models import Arm, Experiment
from personalization.segments.models import Segment
from tests.admin.rules import CART, did, group, rule

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:personalization_slot_preview")
END = reverse("admin:personalization_slot_preview_end")
#: What nobody can do.
NEVER = rule(did("Product Added"), group(did("Product Added"), negated=True))


def ticket_of(client: Client):
    return read_ticket({name: morsel.value for name, morsel in client.cookies.items()})


@pytest.fixture
def staff(sign_in):
    return sign_in("preview", "view_profile", "view_segment", "view_slot")


def start(client: Client, **fields: object):
    usual = {"kind": "segments", "target": "/shop/?page=2"}
    return client.post(PAGE, {**usual, **fields})


def test_a_preview_of_segments_begins_at_a_page_of_the_site(staff, make_segment):
    one, two = make_segment("one"), make_segment("two", CART)
    make_segment("three")
    response = start(staff, segments=[one.pk, two.pk])
    assert (response.status_code, response["Location"]) == (302, "/shop/?page=2")
    ticket = ticket_of(staff)
    assert (ticket.kind, set(ticket.segments), ticket.at) == ("segments", {one.pk, two.pk}, None)
    assert ticket.user == staff.session["_auth_user_id"]


@pytest.fixture
def experiments():
    """One of each status, and one that compares versions of a rule."""
    for n, (status, kind) in enumerate(
        [("running", "variations"), ("draft", "variations"), ("stopped", "models"),
         ("draft", "rules"), ("running", "rules")]
    ):  # fmt: skip
        experiment = Experiment.objects.create(slug=f"e{n}", name=f"E{n}", status=status, kind=kind)
        for key in ("old", "new"):
            Arm.objects.create(experiment=experiment, key=key, name=key.title())


def test_arms_of_what_runs_and_of_what_is_prepared_can_be_chosen(staff, experiments):
    page = staff.get(PAGE, {"arms": "e1:new"}).content.decode()
    values = re.findall(r'name="arms" value="([^"]+)"', page)
    assert values == ["e0:old", "e0:new", "e1:old", "e1:new", "e4:old", "e4:new"]
    assert re.search(r'value="e1:new"[^>]* checked', page)
    assert start(staff, arms=["e0:old", "e1:new"]).status_code == 302
    assert ticket_of(staff).arms == (("e0", "old"), ("e1", "new"))


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (["e0:old", "e0:new"], "Choose one arm of each experiment."),
        (["e2:old"], "is not one of the available choices"),
        (["e3:old"], "is not one of the available choices"),
        (["e0:gone"], "is not one of the available choices"),
    ],
)
def test_what_cannot_be_looked_at_together_is_refused(staff, experiments, arms, words):
    response = start(staff, arms=arms)
    assert response.status_code == 200
    assert words in response.content.decode()
    assert ticket_of(staff) is None


def test_no_more_experiments_than_a_cookie_holds(staff):
    for n in range(MOST_ARMS + 1):
        experiment = Experiment.objects.create(slug=f"e{n}", name="E", status="running")
        Arm.objects.create(experiment=experiment, key="new")
    arms = [f"e{n}:new" for n in range(MOST_ARMS + 1)]
    assert "are too many" in start(staff, arms=arms).content.decode()
    assert start(staff, arms=arms[1:]).status_code == 302


def test_who_looks_as_themselves_is_in_their_own_arms(staff, experiments):
    start(staff, kind="self", arms=["e0:old"])
    assert ticket_of(staff).arms == ()


def test_without_experiments_the_page_does_not_speak_of_them(staff):
    assert "Arms of experiments" not in staff.get(PAGE).content.decode()


def test_the_cookie_is_for_this_browser_and_short(staff):
    morsel = start(staff).cookies[COOKIE]
    assert morsel["httponly"]
    assert morsel["samesite"] == "Lax"
    assert morsel["max-age"] == 3600
    assert morsel["path"] == "/"


def test_it_is_sent_over_https_alone_where_the_site_says_so(staff, settings):
    settings.PERSONALIZATION_COOKIE_SECURE = True
    assert start(staff).cookies[COOKIE]["secure"]


def test_somebody_in_no_segment_can_be_pretended(staff):
    assert start(staff).status_code == 302
    assert ticket_of(staff).segments == ()


def test_a_date_counts_in_the_zone_of_the_site(staff):
    assert start(staff, at="2031-05-01T10:30").status_code == 302
    assert ticket_of(staff).at == microseconds(datetime(2031, 5, 1, 10, 30, tzinfo=UTC))


def test_a_visitor_is_found_by_what_they_are_known_as(staff, make_visitor):
    profile = make_visitor(("Product Viewed", 1), identity="anna")
    for words in ("anna", f" {profile.pk} "):
        assert start(staff, kind="profile", profile=words).status_code == 302
        assert (ticket_of(staff).kind, ticket_of(staff).profile) == ("profile", profile.pk)


def test_somebody_is_made_up_for_a_rule(staff, make_segment):
    cart = make_segment("cart", CART)
    assert start(staff, kind="visitor", segment=cart.pk).status_code == 302
    assert (ticket_of(staff).kind, ticket_of(staff).segments) == ("visitor", (cart.pk,))


def test_staff_look_into_their_own_pages(staff):
    assert start(staff, kind="self", at="2031-05-01T10:30").status_code == 302
    assert (ticket_of(staff).kind, ticket_of(staff).at) == ("self", None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "profile", "profile": "nobody"}, "Nobody is known as “nobody”."),
        ({"kind": "profile"}, "Nobody is known as “”."),
        ({"kind": "visitor"}, "Choose the segment that somebody made up enters."),
        ({"kind": "king"}, "king is not one of the available choices"),
        ({"at": "soon"}, "Enter a valid date/time."),
        ({"segments": ["4711"]}, "4711 is not one of the available choices"),
        ({"target": "https://evil.example/"}, "“https://evil.example/” is no page of this site."),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(staff, fields, said):
    page = start(staff, **fields)
    assert page.status_code == 200
    assert said in page.content.decode()
    assert COOKIE not in staff.cookies


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/", "///evil.example", "/\\evil.example", "https:/evil.example", "evil.example",
        "javascript:alert(1)", "\\\\evil.example", "/\t/evil.example", "http://testserver@evil.example/",
    ],
)  # fmt: skip
def test_a_preview_leads_nowhere_else(staff, target):
    assert start(staff, target=target).status_code == 200
    response = staff.post(END, {"target": target})
    assert response["Location"] == PAGE


def test_nobody_who_enters_is_said(staff, make_segment):
    never = make_segment("never", NEVER)
    assert (
        "Nobody was found who enters it."
        in start(staff, kind="visitor", segment=never.pk).content.decode()
    )


def test_more_segments_than_a_cookie_holds_are_refused(staff):
    Segment.objects.bulk_create(
        Segment(slug=f"s{n}", name=f"s{n}", kind="manual") for n in range(MOST_SEGMENTS + 1)
    )
    ids = list(Segment.objects.values_list("pk", flat=True))
    said = f"{len(ids)} are too many; up to {MOST_SEGMENTS} can be."
    assert said in start(staff, segments=ids).content.decode()
    response = start(staff, segments=ids[1:])
    assert response.status_code == 302
    assert len(response.cookies[COOKIE].OutputString()) < 4000
    assert len(ticket_of(staff).segments) == MOST_SEGMENTS


def test_a_get_starts_nothing(staff):
    assert staff.get(PAGE, {"kind": "self", "target": "/"}).status_code == 200
    assert COOKIE not in staff.cookies


def test_a_post_without_a_token_starts_and_ends_nothing(staff):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff.cookies
    assert start(strict).status_code == 403
    assert strict.post(END).status_code == 403


def test_who_may_not_preview_is_refused(sign_in):
    client = sign_in("view_slot", "change_slot", "view_segment", "view_profile")
    assert client.get(PAGE).status_code == 403
    assert start(client).status_code == 403
    assert PAGE in sign_in("preview", staff=False).get(PAGE)["Location"]


def test_visitors_are_offered_to_those_alone_who_may_see_them(sign_in, make_visitor):
    profile = make_visitor(("Product Viewed", 1))
    client = sign_in("preview")
    assert 'name="profile"' not in client.get(PAGE).content.decode()
    page = start(client, kind="profile", profile=str(profile.pk))
    assert "profile is not one of the available choices" in page.content.decode()


def test_a_preview_ends_and_leads_back_to_the_page(staff):
    start(staff)
    assert "A preview is in force" in staff.get(PAGE).content.decode()
    response = staff.post(END, {"target": "/shop/"})
    assert (response.status_code, response["Location"]) == (302, "/shop/")
    assert staff.cookies[COOKIE].value == ""
    assert "A preview is in force" not in staff.get(PAGE).content.decode()


def test_a_get_ends_nothing(staff):
    assert staff.get(END).status_code == 405


def test_whoever_lost_the_permission_can_still_end_it(sign_in):
    response = sign_in("view_slot").post(END)
    assert response["Location"] == reverse("admin:index")


def test_a_link_makes_the_choice(staff, make_segment, make_visitor):
    cart = make_segment("cart", CART)
    page = staff.get(
        PAGE, {"kind": "visitor", "segments": "cart", "target": "/x/"}
    ).content.decode()
    assert f'<option value="{cart.pk}" selected>' in page
    assert 'value="/x/"' in page
    page = staff.get(PAGE, {"kind": "segments", "segments": "cart"}).content.decode()
    assert f'name="segments" value="{cart.pk}" id="id_segments_0" checked' in page


def test_the_page_that_was_looked_at_last_is_offered_again(staff):
    assert 'name="target" value="/"' in staff.get(PAGE).content.decode()
    start(staff, target="/shop/")
    assert 'name="target" value="/shop/"' in staff.get(PAGE).content.decode()


def test_segments_of_the_app_itself_and_those_that_are_off_are_not_offered(staff, make_segment):
    make_segment("off", active=False, name="Switched off")
    make_segment("cap:slot:hero", internal=True, name="Cap of hero")
    page = staff.get(PAGE).content.decode()
    assert "Switched off" not in page
    assert "Cap of hero" not in page


def test_segments_and_profiles_lead_to_their_previews(sign_in, make_segment, make_visitor):
    cart, hand, off = (
        make_segment("cart", CART),
        make_segment("hand"),
        make_segment("off", active=False),
    )
    profile = make_visitor(("Product Viewed", 1))
    may, may_not = (
        sign_in("preview", "view_segment", "view_profile"),
        sign_in("view_segment", "view_profile"),
    )
    pages = {
        reverse("admin:personalization_segment_change", args=[cart.pk]): ["kind=segments&amp;segments=cart", "kind=visitor&amp;segments=cart"],
        reverse("admin:personalization_segment_change", args=[hand.pk]): ["kind=segments&amp;segments=hand"],
        reverse("admin:personalization_segment_change", args=[off.pk]): [],
        reverse("admin:personalization_profile_change", args=[profile.pk]): [f"kind=profile&amp;profile={profile.pk}"],
    }  # fmt: skip
    for address, links in pages.items():
        html = may.get(address).content.decode()
        assert html.count(f"{PAGE}?kind=") == len(links)
        assert all(f"{PAGE}?{link}" in html for link in links)
        assert PAGE not in may_not.get(address).content.decode()


def test_the_page_is_read_with_as_many_queries_for_many_segments(
    staff, make_segment, django_assert_max_num_queries
):
    for n in range(40):
        make_segment(f"s{n}", CART if n % 2 else None)
    with django_assert_max_num_queries(10):
        staff.get(PAGE)


def test_begun_is_now(staff):
    before = microseconds(timezone.now())
    start(staff)
    assert before <= ticket_of(staff).begun <= microseconds(timezone.now() + timedelta(seconds=1))
