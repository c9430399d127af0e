"""Suggested merges: an operator looks at what speaks for them, and decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.ingest.merges import merge_profiles
from personalization.profiles import merges
from personalization.profiles.locks import ProfileMoved
from personalization.profiles.models import Merge, MergeSuggestion, Profile
from tests.admin.test_merges import text_of

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_mergesuggestion_changelist")


@pytest.fixture
def suggest(make_profile: Callable[..., Profile]) -> Callable[..., MergeSuggestion]:
    def make(probability: float = 0.876, *, one: Profile | None = None) -> MergeSuggestion:
        return MergeSuggestion.objects.create(
            one=one or make_profile(),
            other=make_profile(),
            probability=probability,
            weights={
                "city": {"agrees": False, "weight": -2.25},
                "email": {"agrees": True, "weight": 9.5},
            },
        )

    return make


def act(client: Client, action: str, *suggestions: MergeSuggestion) -> Any:
    chosen = [each.pk for each in suggestions]
    sent = {"action": action, "_selected_action": chosen}
    return client.post(LIST, sent, follow=True)


def test_the_list_says_what_speaks_for_and_against_the_weightiest_first(
    owner: Client, suggest: Any
) -> None:
    suggest()
    shown = text_of(owner.get(LIST))
    assert "88 %" in shown
    assert "e-mail +9.5 city -2.2" in shown.replace("−", "-")


def test_nothing_is_certain(owner: Client, suggest: Any) -> None:
    suggest(0.99999)
    assert "99 %" in text_of(owner.get(LIST))


def test_the_likeliest_come_first(owner: Client, suggest: Any) -> None:
    low, high = suggest(0.5), suggest(0.9)
    assert list(owner.get(LIST).context["cl"].result_list) == [high, low]


def test_who_is_one_person_is_merged(owner: Client, suggest: Any) -> None:
    chosen, other = suggest(), suggest()
    assert "1 pair is merged." in text_of(act(owner, "accept", chosen))
    entry = Merge.objects.get()
    assert entry.cause == "suggestion"
    assert entry.by is not None
    assert list(MergeSuggestion.objects.all()) == [other]


def test_pairs_that_share_a_profile_are_merged_one_after_the_other(
    owner: Client, suggest: Any, make_profile: Callable[..., Profile]
) -> None:
    shared = make_profile()
    pairs = [suggest(one=shared), suggest(one=shared)]
    act(owner, "accept", *pairs)
    assert Profile.objects.count() == 1
    assert not MergeSuggestion.objects.exists()


def test_a_pair_that_is_gone_meanwhile_is_passed_over(
    owner: Client, suggest: Any, make_profile: Callable[..., Profile]
) -> None:
    """The first takes a profile along that the second one names."""
    first = suggest()
    second = suggest(one=first.other)
    third = MergeSuggestion.objects.create(one=first.one, other=second.other, probability=0.6)
    act(owner, "accept", first, second, third)
    assert Profile.objects.count() <= 2
    assert Merge.objects.count() >= 1


def test_one_that_cannot_be_merged_is_told(owner: Client, suggest: Any) -> None:
    chosen = suggest()
    chosen.one.identities.all().delete()
    shown = text_of(act(owner, "accept", chosen))
    assert "with an identity" in shown
    assert "0 pairs are merged." in shown


def test_a_pair_of_busy_profiles_is_told_and_the_others_are_merged(
    owner: Client, suggest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, other = suggest(), suggest()
    merge = merges.merge

    def moved(one: int, *args: Any, **kwargs: Any) -> Any:
        if one == busy.one_id:
            raise ProfileMoved
        return merge(one, *args, **kwargs)

    monkeypatch.setattr(merges, "merge", moved)
    shown = text_of(act(owner, "accept", busy, other))
    assert "Nothing was done; try again." in shown
    assert "1 pair is merged." in shown
    assert list(MergeSuggestion.objects.all()) == [busy]


def test_who_is_not_one_person_is_dismissed_and_can_be_looked_up(
    owner: Client, suggest: Any
) -> None:
    chosen = suggest()
    assert "1 pair is dismissed." in text_of(act(owner, "dismiss", chosen))
    assert list(owner.get(LIST).context["cl"].result_list) == []
    dismissed = owner.get(LIST, {"status": "dismissed"}).context["cl"].result_list
    assert list(dismissed) == [chosen]
    assert Profile.objects.count() == 2


def test_deciding_needs_permission(sign_in: Any, suggest: Any) -> None:
    chosen = suggest()
    looking = sign_in("view_mergesuggestion")
    for action in ("accept", "dismiss"):
        act(looking, action, chosen)
        assert f'value="{action}"' not in looking.get(LIST).content.decode()
    assert MergeSuggestion.objects.get().status == "open"
    assert sign_in("view_profile").get(LIST).status_code == 403
    act(sign_in("view_mergesuggestion", "change_mergesuggestion"), "dismiss", chosen)
    assert MergeSuggestion.objects.get().status == "dismissed"


def test_a_page_shows_one_pair(owner: Client, suggest: Any) -> None:
    address = reverse("admin:personalization_mergesuggestion_change", args=[suggest().pk])
    assert "88 %" in text_of(owner.get(address))


def test_merging_by_hand_ends_the_suggestion(owner: Client, suggest: Any) -> None:
    chosen = suggest()
    merge_profiles(chosen.one_id, chosen.other_id, now=timezone.now())
    assert list(owner.get(LIST).context["cl"].result_list) == []
