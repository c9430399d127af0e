"""Operators merge profiles, look through the log of merges, and part them again."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization import shortcuts
from personalization.ingest.merges import merge_profiles, undo_merge
from personalization.profiles import merges
from personalization.profiles.locks import ProfileMoved
from personalization.profiles.models import Merge, Profile
from personalization.testing import drain
from tests.profiles.test_links import of, persons, profile_of

pytestmark = pytest.mark.django_db

LOG = reverse("admin:personalization_merge_changelist")


def page_of(name: str) -> str:
    return reverse("admin:personalization_profile_change", args=[profile_of(name)])


def merge_address(name: str) -> str:
    return reverse("admin:personalization_profile_merge", args=[profile_of(name)])


def entry_address(entry: Merge, page: str = "change") -> str:
    return reverse(f"admin:personalization_merge_{page}", args=[entry.pk])


def text_of(response: Any) -> str:
    """Return what stands on the page, without its markup."""
    assert response.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", response.content.decode())))


@pytest.fixture
def people(db: None) -> None:
    for user in "uv":
        shortcuts.identify(user_id=user, traits={"plan": f"plan of {user}"})
    shortcuts.track("Seen", anonymous_id="device")
    drain()


@pytest.fixture
def joined(people: None) -> Merge:
    """The device is that of u, as an event said."""
    shortcuts.identify(user_id="u", anonymous_id="device")
    drain()
    return Merge.objects.get()


# -- merging -------------------------------------------------------------------------------


def test_who_may_merge_is_shown_both_before(owner: Client, people: None) -> None:
    assert "Merge with another profile" in text_of(owner.get(page_of("user:u")))
    shown = text_of(owner.get(merge_address("user:u"), {"with": "v"}))
    for told in ("plan: plan of u", "plan: plan of v", "user: u", "user: v", "known users"):
        assert told in shown
    assert persons() == of("user:u", "user:v", "anonymous:device")


def test_a_device_is_no_second_user(owner: Client, people: None) -> None:
    assert "known users" not in text_of(owner.get(merge_address("user:u"), {"with": "device"}))


def test_both_are_merged_on_confirmation(owner: Client, people: None) -> None:
    response = owner.post(merge_address("user:u"), {"other": profile_of("user:v")}, follow=True)
    assert "Both are one profile now." in text_of(response)
    assert persons() == of("user:u user:v", "anonymous:device")
    entry = Merge.objects.get()
    assert entry.cause == "operator"
    assert entry.by is not None
    assert str(entry.by).startswith("owner-")


@pytest.mark.parametrize(
    ("text", "told"),
    [("nobody", "nobody who is called “nobody”"), ("u", "this profile itself"), ("", "E-mail")],
)
def test_who_is_not_found_is_named(owner: Client, people: None, text: str, told: str) -> None:
    response = owner.get(merge_address("user:u"), {"with": text})
    assert told in text_of(response)
    assert "Merge both" not in response.content.decode()


@pytest.mark.parametrize(
    "other", ["", "x", "²", "99999", "-1", "9" * 18, "1" + "0" * 30, "9" * 5000]
)
def test_what_is_no_profile_is_refused(owner: Client, people: None, other: str) -> None:
    response = owner.post(merge_address("user:u"), {"other": other}, follow=True)
    assert "There is no profile" in text_of(response)
    assert not Merge.objects.exists()


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers keep moving all identities."""

    def moved(*args: Any, **kwargs: Any) -> None:
        raise ProfileMoved

    monkeypatch.setattr(merges, "merge", moved)
    monkeypatch.setattr(merges, "undo", moved)


@pytest.mark.usefixtures("busy")
def test_who_merges_busy_profiles_is_asked_to_try_again(owner: Client, people: None) -> None:
    response = owner.post(merge_address("user:u"), {"other": profile_of("user:v")}, follow=True)
    assert "Nothing was done; try again." in text_of(response)
    assert "Both are one profile now." not in text_of(response)
    assert persons() == of("user:u", "user:v", "anonymous:device")


def test_a_profile_that_is_gone_leads_back_to_the_list(owner: Client, people: None) -> None:
    address = reverse("admin:personalization_profile_merge", args=[99999])
    assert "no such profile any more" in text_of(owner.get(address, follow=True))


def test_merging_needs_its_permission(sign_in: Any, people: None) -> None:
    client = sign_in("view_profile")
    assert "Merge with" not in text_of(client.get(page_of("user:u")))
    assert client.get(merge_address("user:u")).status_code == 403
    sent = {"other": profile_of("user:v")}
    assert client.post(merge_address("user:u"), sent).status_code == 403
    assert sign_in("add_merge").post(merge_address("user:u"), sent).status_code == 403
    assert Client().post(merge_address("user:u"), sent).status_code == 302
    assert not Merge.objects.exists()
    assert (
        sign_in("view_profile", "add_merge").post(merge_address("user:u"), sent).status_code == 302
    )
    assert Merge.objects.exists()


def test_what_visitors_state_is_escaped(owner: Client, people: None) -> None:
    evil = "<script>alert(1)</script>"
    shortcuts.identify(user_id=evil, traits={evil: evil})
    drain()
    for response in (
        owner.get(merge_address("user:u"), {"with": evil}),
        owner.get(merge_address(f"user:{evil}"), {"with": "u"}),
        owner.get(merge_address("user:u"), {"with": evil + "?"}),
    ):
        assert evil not in response.content.decode()


# -- where identities came from ------------------------------------------------------------


def test_a_profile_says_where_its_identities_came_from(owner: Client, joined: Merge) -> None:
    response = owner.get(page_of("user:u"))
    assert "device joined on" in text_of(response)
    assert "by an event" in text_of(response)
    assert entry_address(joined) in response.content.decode()


def test_the_log_is_for_those_who_may_see_it(sign_in: Any, joined: Merge) -> None:
    assert "joined on" not in text_of(sign_in("view_profile").get(page_of("user:u")))
    client = sign_in("view_profile", "view_merge")
    assert "joined on" in text_of(client.get(page_of("user:u")))
    assert "Undo" not in text_of(client.get(entry_address(joined)))


def test_of_several_merges_the_last_is_named(owner: Client, joined: Merge) -> None:
    undo_merge(joined, now=timezone.now())
    merge_profiles(profile_of("anonymous:device"), profile_of("user:u"), now=timezone.now())
    assert "device joined on" in text_of(owner.get(page_of("user:u")))
    assert "by an operator" in text_of(owner.get(page_of("user:u")))


# -- the log -------------------------------------------------------------------------------


def test_the_log_says_who_moved_where_and_why(owner: Client, joined: Merge) -> None:
    shown = text_of(owner.get(LOG))
    for told in ("Anonymous device", f"Profile {joined.target_profile}", "an event", "holds"):
        assert told in shown
    shown = text_of(owner.get(entry_address(joined)))
    assert "u and Anonymous device are one person, said at" in shown or (
        "Anonymous device and u are one person, said at" in shown
    )


def test_what_an_operator_did_rests_on_nothing_that_was_said(owner: Client, people: None) -> None:
    merge_profiles(profile_of("user:u"), profile_of("user:v"), now=timezone.now())
    assert "What was said: –" in text_of(owner.get(entry_address(Merge.objects.get())))


def test_a_long_move_is_shortened_in_the_list(owner: Client, people: None) -> None:
    shortcuts.identify(user_id="v", anonymous_id="second")
    drain()
    merge_profiles(profile_of("user:u"), profile_of("user:v"), now=timezone.now())
    Merge.objects.update(identities=[["anonymous", "a"], ["user", "v"], ["crm", "c"]])
    assert "Anonymous a and 2 more" in text_of(owner.get(LOG))


@pytest.mark.parametrize(("chosen", "n"), [("no", 2), ("yes", 1), ("", 3)])
def test_the_log_is_filtered_by_what_holds(
    owner: Client, joined: Merge, chosen: str, n: int
) -> None:
    undo_merge(joined, now=timezone.now())
    merge_profiles(profile_of("user:v"), profile_of("user:u"), now=timezone.now())
    response = owner.get(LOG, {"undone": chosen} if chosen else {})
    assert len(response.context["cl"].result_list) == n


def test_the_log_is_searched_by_profile(owner: Client, joined: Merge) -> None:
    for number, n in ((joined.source_profile, 1), (joined.target_profile, 1), (99999, 0)):
        response = owner.get(LOG, {"q": str(number)})
        assert len(response.context["cl"].result_list) == n


def test_the_list_costs_the_same_for_many_entries(
    owner: Client, joined: Merge, django_assert_max_num_queries: Any
) -> None:
    Merge.objects.bulk_create(
        Merge(source_profile=n, target_profile=1, identities=[["user", "u"]]) for n in range(30)
    )
    with django_assert_max_num_queries(8):
        owner.get(LOG)


# -- undo ----------------------------------------------------------------------------------


def test_an_undo_asks_first(owner: Client, joined: Merge) -> None:
    assert "Undo" in text_of(owner.get(entry_address(joined)))
    shown = text_of(owner.get(entry_address(joined, "undo")))
    assert "Anonymous device" in shown
    assert "Undo a merge" in shown
    assert persons() == of("user:u anonymous:device", "user:v")


def test_an_undo_parts_them(owner: Client, joined: Merge) -> None:
    shown = text_of(owner.post(entry_address(joined, "undo"), follow=True))
    assert "They are apart again: Profile" in shown
    assert "undone" in shown
    assert persons() == of("user:u", "anonymous:device", "user:v")
    assert 'undo/"' not in owner.get(entry_address(joined)).content.decode()


def test_two_operators_undo_a_merge_once(owner: Client, joined: Merge) -> None:
    owner.post(entry_address(joined, "undo"))
    assert "was undone on" in text_of(owner.post(entry_address(joined, "undo"), follow=True))
    assert Profile.objects.count() == 3


@pytest.mark.usefixtures("busy")
def test_who_undoes_a_merge_of_busy_profiles_is_asked_to_try_again(
    owner: Client, joined: Merge
) -> None:
    shown = text_of(owner.post(entry_address(joined, "undo"), follow=True))
    assert "Nothing was done; try again." in shown
    assert "They are apart again" not in shown
    assert Merge.objects.get().undone_at is None


def test_an_undo_needs_its_permission(sign_in: Any, joined: Merge) -> None:
    for client in (sign_in("view_merge"), sign_in("add_merge"), sign_in()):
        assert client.get(entry_address(joined, "undo")).status_code == 403
        assert client.post(entry_address(joined, "undo")).status_code == 403
    assert sign_in("change_merge").post(entry_address(joined, "undo")).status_code == 302
    assert Merge.objects.get(pk=joined.pk).undone_at is not None


def test_what_is_not_in_the_log_is_not_there(owner: Client, db: None) -> None:
    address = reverse("admin:personalization_merge_undo", args=[99999])
    assert "no such merge" in text_of(owner.get(address, follow=True))
