"""From stored events to suggestions, and what operators make of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from personalization.events.models import Event
from personalization.ingest.merges import undo_merge
from personalization.ingest.suggestions import (
    SEEN,
    accept_suggestion,
    dismiss_suggestions,
    portraits_of_visitors,
    renew_suggestions,
)
from personalization.profiles.identity import Key, find
from personalization.profiles.models import (
    Identity,
    LinkVerdict,
    Merge,
    MergeSuggestion,
    Profile,
    Snapshot,
)
from tests.factories import make_event, make_profile

pytestmark = pytest.mark.django_db

__all__ = ["make_event", "make_profile"]

NOW = datetime(2026, 3, 6, 20, tzinfo=UTC)  # a Friday
ANN = {"email": "ann@mail.example", "name": "Ann Aims"}


@pytest.fixture
def visitor(make_profile: Callable[..., Profile]) -> Callable[..., Profile]:
    def make(*, agreed: bool = True, ago: timedelta = timedelta(0), **traits: str) -> Profile:
        consents = {"personalization": True} if agreed else {"analytics": True}
        return make_profile(traits=traits, consents=consents, last_seen=NOW - ago)

    return make


@pytest.fixture
def crowd(visitor: Callable[..., Profile]) -> list[Profile]:
    return [visitor(email=f"p{n}@mail.example", name=f"Person {n}") for n in range(30)]


@pytest.fixture
def anns(visitor: Callable[..., Profile], crowd: list[Profile]) -> tuple[Profile, Profile]:
    return visitor(**ANN), visitor(**ANN)


@pytest.fixture
def operator() -> User:
    return User.objects.create_user("operator")


def renew(at_least: float = 0.5) -> list[tuple[int, int]]:
    renew_suggestions(now=NOW, at_least=at_least)
    open_ones = MergeSuggestion.objects.filter(status="open")
    return list(open_ones.values_list("one", "other"))


def pair(*profiles: Profile) -> tuple[int, int]:
    one, other = sorted(profile.pk for profile in profiles)
    return one, other


def test_a_suggestion_is_written_with_what_speaks_for_it(anns: tuple[Profile, Profile]) -> None:
    assert renew() == [pair(*anns)]
    found = MergeSuggestion.objects.get()
    assert 0.5 < found.probability < 1
    assert found.weights.keys() == {"email", "name"}
    assert found.weights["email"]["agrees"] is True
    assert found.weights["email"]["weight"] > 3
    assert found.created_at == NOW
    assert "ann@" not in str(found.weights)


def test_nothing_is_merged_by_it(anns: tuple[Profile, Profile]) -> None:
    n = Profile.objects.count()
    renew()
    assert Profile.objects.count() == n
    assert not Merge.objects.exists()


def test_only_who_agreed_to_personalization_is_compared(
    visitor: Callable[..., Profile], crowd: list[Profile]
) -> None:
    visitor(**ANN), visitor(agreed=False, **ANN)
    assert renew() == []


def test_who_has_not_been_here_for_long_is_left_out(
    visitor: Callable[..., Profile], crowd: list[Profile]
) -> None:
    visitor(**ANN), visitor(ago=SEEN + timedelta(days=1), **ANN)
    assert renew() == []


def test_suggestions_are_renewed(anns: tuple[Profile, Profile]) -> None:
    assert renew() == renew() == [pair(*anns)]
    Snapshot.objects.filter(pk=anns[0].pk).update(traits={})
    assert renew() == []


def test_an_accepted_suggestion_is_a_merge_that_can_be_undone(
    anns: tuple[Profile, Profile], operator: User
) -> None:
    renew()
    accept_suggestion(MergeSuggestion.objects.get(), now=NOW, by=operator)
    entry = Merge.objects.get()
    assert (entry.cause, entry.by) == ("suggestion", operator)
    assert Identity.objects.filter(profile=entry.target_profile).count() == 2
    assert not MergeSuggestion.objects.exists()
    assert renew() == []
    undo_merge(entry, now=NOW)
    both = Snapshot.objects.filter(profile__identities__in=entry_identities(entry))
    both.update(traits=ANN, consents={"personalization": True}, last_seen=NOW)
    assert renew() == []  # a person parted them
    LinkVerdict.objects.all().delete()
    assert len(renew()) == 1


def entry_identities(entry: Merge) -> list[Identity]:
    keys = [Key(*key) for key in (*entry.identities, *entry.others)]
    return list(find(keys).values())


def test_a_dismissed_suggestion_does_not_come_back(
    anns: tuple[Profile, Profile], operator: User
) -> None:
    renew()
    assert dismiss_suggestions(MergeSuggestion.objects.all(), now=NOW, by=operator) == 1
    assert dismiss_suggestions(MergeSuggestion.objects.all(), now=NOW, by=operator) == 0
    found = MergeSuggestion.objects.get()
    assert (found.status, found.decided_at, found.decided_by) == ("dismissed", NOW, operator)
    assert renew() == []
    assert MergeSuggestion.objects.count() == 1


# -- habits --------------------------------------------------------------------------------


@pytest.fixture
def browse(make_event: Callable[..., Event]) -> Callable[..., None]:
    def make(profile: Profile, *hours: int, days: int = 0, **network: str) -> None:
        for hour in hours:
            at = NOW.replace(hour=hour) - timedelta(days=days)
            make_event(profile, "Page Viewed", at=at, context={"network": network})

    return make


def portrait_of(profile: Profile) -> dict[str, Any]:
    found = {each.profile_id: each.values for each in portraits_of_visitors(now=NOW)}
    return {name: set(values) for name, values in found.get(profile.pk, {}).items()}


def test_networks_browsers_and_times_of_day_are_compared(
    visitor: Callable[..., Profile], browse: Callable[..., None]
) -> None:
    profile = visitor(city="Ghent")
    browse(profile, 19, 20, 21, prefix="93.184.216.0/24", agent="Safari on iOS")
    browse(profile, 8, 9, prefix="8.8.8.0/24", agent="Safari on iOS")
    assert portrait_of(profile) == {
        "city": {"ghent"},
        "network": {"93.184.216.0/24", "8.8.8.0/24"},
        "agent": {"Safari on iOS"},
        "daytime": {"workday evening"},
    }


def test_few_or_old_events_show_no_habit(
    visitor: Callable[..., Profile], browse: Callable[..., None]
) -> None:
    rare, gone = visitor(), visitor()
    browse(rare, 19, 20)
    browse(gone, 10, 11, 12, 13, 14, 15, days=100, prefix="8.8.8.0/24")
    assert portrait_of(rare) == portrait_of(gone) == {}


def test_the_weekend_is_another_time(
    visitor: Callable[..., Profile], browse: Callable[..., None]
) -> None:
    profile = visitor()
    browse(profile, 0, 1, 2, 3, 4, 5, days=5)  # Sunday
    assert portrait_of(profile) == {"daytime": {"weekend night"}}


def test_habits_of_who_did_not_agree_are_not_looked_at(
    visitor: Callable[..., Profile], browse: Callable[..., None]
) -> None:
    profile = visitor(agreed=False)
    browse(profile, 1, 2, 3, 4, 5, prefix="8.8.8.0/24")
    assert portrait_of(profile) == {}


def test_a_context_of_another_shape_says_nothing(
    visitor: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    profile = visitor()
    for context in ({"network": "wifi"}, {"network": {"prefix": 5}}, {}):
        make_event(profile, "Page Viewed", at=NOW, context=context)
    assert portrait_of(profile) == {}


def test_portraits_cost_the_same_for_one_visitor_as_for_thirty(
    visitor: Callable[..., Profile], browse: Callable[..., None]
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            list(portraits_of_visitors(now=NOW))
        return len(queries)

    browse(visitor(**ANN), 1, 2)
    one = cost()
    for _ in range(30):
        browse(visitor(**ANN), 1, 2)
    assert cost() == one == 4


# -- the command ---------------------------------------------------------------------------


@override_settings(PERSONALIZATION_IDENTITY_SUGGESTIONS=True)
def test_the_command_says_how_many_wait(
    anns: tuple[Profile, Profile], capsys: pytest.CaptureFixture[str]
) -> None:
    Snapshot.objects.update(last_seen=datetime.now(UTC))
    call_command("suggest_merges")
    assert "1 pairs wait" in capsys.readouterr().out
    call_command("suggest_merges", "--at-least", "1")
    assert "0 pairs wait" in capsys.readouterr().out


def test_the_command_is_off_unless_the_site_wants_it() -> None:
    with pytest.raises(CommandError, match="PERSONALIZATION_IDENTITY_SUGGESTIONS"):
        call_command("suggest_merges")
    with pytest.raises(CommandError, match="between 0 and 1"):
        call_command("suggest_merges", "--at-least", "50")
