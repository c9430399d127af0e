from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization.admin.timeline import PAGE, timeline
from personalization.events.models import Event
from personalization.privacy.models import Consent
from personalization.profiles.models import Identity, Profile
from personalization.rules.catalogue import Catalogue
from personalization.segments.manual import add_members
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from tests.admin.rules import CART, did, group, rule

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_profile_changelist")


def page_of(profile: Profile) -> str:
    return reverse("admin:personalization_profile_change", args=[profile.pk])


def listed(response) -> list[Profile]:
    return list(response.context["cl"].result_list)


# -- list -------------------------------------------------------------------------------------


def test_the_list_shows_who_came_last_first(owner, make_visitor):
    early = make_visitor(("Page Viewed", 5))
    late = make_visitor(("Page Viewed", 1))
    never = make_visitor()
    assert listed(owner.get(LIST)) == [late, early, never]


def test_a_profile_is_found_by_part_of_any_identity_and_by_its_id(owner, make_visitor):
    ada = make_visitor(identity="device-of-ada")
    Identity.objects.create(profile=ada, namespace="user", value="ada@example.org")
    kim = make_visitor(identity="device-of-kim")
    assert listed(owner.get(LIST, {"q": "ADA@"})) == [ada]
    assert listed(owner.get(LIST, {"q": "device-of"})) == [kim, ada]
    assert listed(owner.get(LIST, {"q": str(kim.pk)})) == [kim]
    assert listed(owner.get(LIST, {"q": "nobody"})) == []
    assert listed(owner.get(LIST, {"q": "9" * 40})) == []
    assert listed(owner.get(LIST, {"q": "²"})) == []


def test_the_best_identity_names_the_profile(owner, make_visitor):
    profile = make_visitor(identity="0123456789abcdef")
    Identity.objects.create(profile=profile, namespace="claimed", value="admin")
    assert "Anonymous 01234567<" in owner.get(LIST).content.decode()
    Identity.objects.create(profile=profile, namespace="user", value="ada@example.org")
    assert ">ada@example.org<" in owner.get(LIST).content.decode()


def test_a_claim_is_never_shown_as_a_name(owner):
    profile = Profile.objects.create()
    Identity.objects.create(profile=profile, namespace="claimed", value="boss@example.org")
    assert "Claims to be boss@example.org" in owner.get(page_of(profile)).content.decode()


def test_the_list_is_filtered_by_segment(owner, make_visitor, make_segment):
    segment = make_segment("guests")
    inside, _outside = make_visitor(), make_visitor()
    add_members(segment, [inside.pk], now=timezone.now())
    assert listed(owner.get(LIST, {"segment": "guests"})) == [inside]
    assert listed(owner.get(LIST, {"segment": "no-such"})) == []
    assert "Guests" in owner.get(LIST).content.decode()


def test_the_list_takes_as_many_queries_for_many_as_for_two(
    owner, make_visitor, make_segment, django_assert_num_queries
):
    segment = make_segment("guests")

    def fill(n: int) -> None:
        new = [make_visitor(("Page Viewed", 1)) for _ in range(n)]
        add_members(segment, [profile.pk for profile in new], now=timezone.now())

    fill(2)
    owner.get(LIST)
    # session, user, segments of the filter, count, profiles, identities, memberships
    with django_assert_num_queries(7):
        owner.get(LIST)
    fill(20)
    with django_assert_num_queries(7):
        owner.get(LIST)


# -- one profile ------------------------------------------------------------------------------


def verdicts(response) -> dict[str, bool]:
    return {each.answer.segment.slug: each.answer.holds for each in response.context["verdicts"]}


def test_the_page_says_why_and_why_not_with_actual_values(owner, make_visitor, make_segment):
    make_segment("cart", CART, name="Cart abandoners")
    make_segment("buyers", rule(did("Order Completed", 2)), name="Buyers")
    make_segment("guests")
    profile = make_visitor(("Product Added", 2), ("Product Added", 3))
    refresh_segments(now=timezone.now())
    response = owner.get(page_of(profile))
    assert verdicts(response) == {"cart": True, "buyers": False, "guests": False}
    first = response.context["verdicts"][0].answer
    assert first.segment.slug == "cart", "those it is in come first"
    text = response.content.decode()
    assert "added a product to the cart in the last 24 hours" in text
    assert "twice in that time, most recently 2 hours ago" in text
    assert "Leaves on" in text
    assert "never" in text
    assert "Its members are kept by hand." in text


def test_the_page_is_right_before_the_worker_has_caught_up(owner, make_visitor, make_segment):
    """The rule is new: no snapshot has its counters yet."""
    profile = make_visitor(("Product Added", 2))
    make_segment("cart", CART)
    assert not profile.memberships.exists()
    assert verdicts(owner.get(page_of(profile))) == {"cart": True}


def test_a_departure_that_no_job_has_noticed_is_shown(owner, make_visitor, make_segment):
    make_segment("cart", rule(did("Product Added", last="PT3H")))
    profile = make_visitor(("Product Added", 2))
    refresh_segments(now=timezone.now() - timedelta(hours=1))
    assert verdicts(owner.get(page_of(profile))) == {"cart": True}
    Event.objects.update(timestamp=timezone.now() - timedelta(hours=4))
    counters = profile.snapshot.counters
    shift = 2 * 3600 * 1_000_000
    for counter in counters.values():
        counter["n"] = [instant - shift for instant in counter["n"]]
    profile.snapshot.counters = counters
    profile.snapshot.save()
    assert verdicts(owner.get(page_of(profile))) == {"cart": False}


def test_members_by_hand_are_shown_since_when(owner, make_visitor, make_segment):
    segment = make_segment("guests")
    profile = make_visitor()
    add_members(segment, [profile.pk], now=timezone.now())
    response = owner.get(page_of(profile))
    assert verdicts(response) == {"guests": True}
    assert response.context["verdicts"][0].since is not None


def test_a_broken_rule_is_named_and_hides_nothing_else(owner, make_visitor, make_segment):
    make_segment("wreck", {"version": 9})
    make_segment("cart", CART)
    response = owner.get(page_of(make_visitor(("Product Added", 1))))
    assert verdicts(response) == {"cart": True, "wreck": False}
    assert "version of the rule language is not known" in response.content.decode()


def test_traits_features_and_consents_are_shown(owner, make_visitor, make_event):
    profile = make_visitor()
    identity = profile.identities.get()
    now = timezone.now()
    make_event(
        profile, "Identify", at=now, properties={"plan": "pro", "tags": ["a", 1]}, type="identify"
    )
    Consent.objects.create(
        identity=identity, purpose="marketing", granted=False, policy_version="7",
        mechanism="banner",
    )  # fmt: skip
    from personalization.segments.rebuild import rebuild_profiles

    rebuild_profiles([profile.pk], now=now)
    text = owner.get(page_of(profile)).content.decode()
    for part in ("plan", "pro", "[&quot;a&quot;, 1]", "number of events", "Marketing", "refused"):
        assert part in text
    assert "told who they are" in text


def test_the_page_takes_as_many_queries_for_a_long_story(
    owner, make_visitor, make_segment, django_assert_max_num_queries
):
    for index in range(20):
        make_segment(
            f"segment-{index}",
            rule(did("Page Viewed", index, last="P3D"), group(*CART["root"]["rules"])),
        )  # noqa: E501
    profile = make_visitor(*(("Page Viewed", hours, {"path": "/"}) for hours in range(90)))
    owner.get(page_of(profile))
    with django_assert_max_num_queries(20):
        owner.get(page_of(profile))


def test_a_profile_without_snapshot_or_identity_has_a_page(owner):
    profile = Profile.objects.create()
    assert f"Profile {profile.pk}" in owner.get(page_of(profile)).content.decode()
    assert owner.get(LIST).status_code == 200


@pytest.mark.parametrize("name", ["0", "999999", "nonsense", "1_0", "9" * 40])
def test_who_asks_for_a_profile_that_is_gone_is_told_and_led_to_the_list(owner, name):
    address = reverse("admin:personalization_profile_change", args=[name])
    response = owner.get(address, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert "joined with another" in response.content.decode()


def test_profiles_are_not_added_changed_or_deleted_by_hand(owner, make_visitor):
    profile = make_visitor()
    assert owner.get(reverse("admin:personalization_profile_add")).status_code == 403
    delete = reverse("admin:personalization_profile_delete", args=[profile.pk])
    assert owner.post(delete, {"post": "yes"}).status_code == 403
    assert owner.post(page_of(profile), {"created_at_0": "2020-01-01"}).status_code == 200
    assert Profile.objects.get().created_at == profile.created_at


# -- timeline ---------------------------------------------------------------------------------


def test_the_timeline_goes_back_visit_by_visit(owner, make_visitor):
    profile = make_visitor(
        ("Page Viewed", 50.0), ("Product Viewed", 49.9), ("Order Completed", 1, {"total": 9})
    )
    chapters = owner.get(page_of(profile)).context["timeline"].chapters
    names = [[entry.event.name for entry in chapter.entries] for chapter in chapters]
    assert names == [["Order Completed"], ["Product Viewed", "Page Viewed"]]
    assert [chapter.visit.events for chapter in chapters] == [1, 2]


def test_every_event_is_on_exactly_one_page(make_visitor, make_event):
    profile = make_visitor()
    now = timezone.now()
    for index in range(2 * PAGE + 7):  # several at the same instant, also at the border
        make_event(profile, "Page Viewed", at=now - timedelta(seconds=index // 9))
    seen: list[int] = []
    before = ""
    for _ in range(3):
        part = timeline(profile, Catalogue(), before=before)
        seen += [entry.event.pk for chapter in part.chapters for entry in chapter.entries]
        before = part.older
    assert before == ""
    assert len(seen) == 2 * PAGE + 7
    assert seen == list(Event.objects.order_by("-timestamp", "-pk").values_list("pk", flat=True))


@pytest.mark.parametrize("place", ["", "-", "x-1", "1-", "-1-1", "²-1", "9" * 30 + "-1", "1-" * 9])
def test_a_garbled_place_shows_the_newest_events(owner, make_visitor, place):
    profile = make_visitor(("Page Viewed", 1))
    response = owner.get(page_of(profile), {"before": place})
    assert len(response.context["timeline"].chapters) == 1


def test_many_and_long_properties_are_cut_short(owner, make_visitor):
    properties = {f"key{index}": "v" * 500 for index in range(40)}
    profile = make_visitor(("Odd", 1, properties))
    text = owner.get(page_of(profile)).content.decode()
    assert "and 28 more" in text
    assert "v" * 200 not in text
    assert "did “Odd”" in text


def test_the_members_of_a_segment_lead_to_their_profiles(owner, make_visitor, make_segment):
    make_segment("cart", CART)
    profile = make_visitor(("Product Added", 2))
    refresh_segments(now=timezone.now())
    segment = Segment.objects.get()
    page = owner.get(reverse("admin:personalization_segment_change", args=[segment.pk]))
    text = page.content.decode()
    assert page_of(profile) in text
    assert f"{LIST}?segment=cart" in text
    assert [member.membership.profile for member in page.context["overview"].members] == [profile]


# -- derived features ---------------------------------------------------------------------------


def derived(response) -> dict[str, tuple[str, str]]:
    """Return what derived features say, by label: the value and why."""
    return {line.label: (line.value, line.sentence) for line in response.context["derived"]}


def test_derived_features_stand_there_with_the_rule_that_decides_them(owner, make_visitor):
    shopper = make_visitor(
        ("Order Completed", 24 * 40, {"total": 320}), ("Order Completed", 24 * 39), ("Engaged", 1)
    )
    found = derived(owner.get(page_of(shopper)))
    assert found["recency score"] == ("4", "Visitors who last ordered at most 60 days ago")
    assert found["spending score"][0] == "4"
    assert found["RFM group"][0] == "potential loyalists"
    assert found["engagement"] == ("passive", "Visitors who did anything in the last 30 days")
    assert found["lifecycle stage"][0] == "active"
    assert found["persona"] == ("not known", "")


def test_they_say_when_time_alone_changes_them(owner, make_visitor):
    visitor = make_visitor(("Page Viewed", 12))
    response = owner.get(page_of(visitor))
    lines = {line.label: line for line in response.context["derived"]}
    assert lines["lifecycle stage"].value == "new"
    assert lines["lifecycle stage"].when.startswith("Changes on ")
    assert "(in 6" in lines["lifecycle stage"].when
    assert lines["RFM group"].when == "Time alone does not change it."
    assert "first did anything at most 1 week ago" in response.content.decode()


def test_they_are_true_though_no_rule_has_anything_kept_for_them(owner, make_visitor):
    visitor = make_visitor(("Order Completed", 1))
    assert visitor.snapshot.counters == {}
    assert derived(owner.get(page_of(visitor)))["frequency score"][0] == "1"
    assert derived(owner.get(page_of(make_visitor())))["frequency score"][0] == "not known"
