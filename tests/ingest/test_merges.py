"""What operators do with profiles: merge, undo, and all that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from personalization import shortcuts
from personalization.ingest.merges import merge_profiles, resolve_profiles, undo_merge
from personalization.monitoring.audit import audit_profiles
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles import merges
from personalization.profiles.identity import Key, find
from personalization.profiles.locks import ProfileMoved
from personalization.profiles.merges import MergeRefused, UndoRefused, merge
from personalization.profiles.models import Identity, LinkVerdict, Merge, Profile, Snapshot
from personalization.profiles.moves import Moves
from personalization.segments.manual import add_members
from personalization.segments.models import Membership, Segment
from personalization.testing import drain
from tests.ingest.history import outcome
from tests.profiles.test_links import of, persons, profile_of

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
LATER = NOW + HOUR


@pytest.fixture
def operator() -> User:
    return User.objects.create_user("operator")


def happen(*names: str) -> None:
    """Have each identity do something of its own."""
    for name in names:
        namespace, _, value = name.partition(":")
        ids = {"user_id": value} if namespace == "user" else {"anonymous_id": value}
        shortcuts.track(f"Seen {value}", **ids)  # type: ignore[arg-type]
    drain()


def log_in(user: str, device: str) -> None:
    shortcuts.identify(user_id=user, anonymous_id=device)
    drain()


def events_of(name: str) -> int:
    return int(Snapshot.objects.get(pk=profile_of(name)).features["events.count"])


def together(one: str, other: str, **said: Any) -> Merge:
    merge_profiles(profile_of(one), profile_of(other), now=NOW, **said)
    return Merge.objects.latest("pk")


def test_an_operator_makes_two_users_one(operator: User) -> None:
    happen("user:u", "user:v")
    entry = together("user:u", "user:v", by=operator)
    assert persons() == of("user:u user:v")
    assert events_of("user:v") == 2
    assert (entry.cause, entry.by, entry.at) == ("operator", operator, NOW)
    assert not list(audit_profiles(now=NOW))


def test_the_profile_that_is_left_is_told() -> None:
    happen("anonymous:a", "user:u")
    user, device = profile_of("user:u"), profile_of("anonymous:a")
    assert merge_profiles(device, user, now=NOW) == user
    happen("anonymous:b")
    assert merge_profiles(user, profile_of("anonymous:b"), now=NOW) == user


def test_everything_comes_along_even_beyond_the_limits() -> None:
    with override_settings(PERSONALIZATION_IDENTITY_LIMITS={"user": 1, "anonymous": 2}):
        for user, devices in (("u", "ab"), ("v", "cd")):
            for device in devices:
                log_in(user, device)
        entry = together("user:u", "user:v")
        everybody = "user:u user:v anonymous:a anonymous:b anonymous:c anonymous:d"
        assert persons() == of(everybody)
        log_in("u", "e")
        assert persons() == of(everybody, "anonymous:e")
        undo_merge(entry, now=LATER)
    assert persons() == of(
        "user:u anonymous:a anonymous:b", "user:v anonymous:c anonymous:d", "anonymous:e"
    )
    assert not LinkVerdict.objects.filter(together=True).exists()


def test_an_undo_gives_back_exactly_what_was_there(make_segment: Callable[..., Segment]) -> None:
    happen("anonymous:a", "anonymous:b", "user:u")
    log_in("u", "b")
    before = outcome(now=NOW)
    entry = together("anonymous:a", "user:u")
    assert events_of("anonymous:a") == 4
    changed = undo_merge(entry, now=LATER)
    assert outcome(now=NOW) == before
    assert changed == {profile_of("anonymous:a"), profile_of("user:u")}
    entry.refresh_from_db()
    assert entry.undone_at == LATER
    assert Merge.objects.latest("pk").cause == "undo"
    assert not list(audit_profiles(now=NOW))


def test_what_an_event_merged_can_be_undone_and_stays_so() -> None:
    happen("anonymous:a", "user:u")
    log_in("u", "a")
    undo_merge(Merge.objects.get(), now=LATER)
    assert persons() == of("anonymous:a", "user:u")
    log_in("u", "a")
    assert persons() == of("anonymous:a", "user:u")
    assert (events_of("anonymous:a"), events_of("user:u")) == (1, 3)


def test_what_came_later_stays_with_whom_it_belongs_to() -> None:
    happen("anonymous:a", "user:u", "anonymous:b", "anonymous:c")
    log_in("u", "a")
    first = Merge.objects.get()
    log_in("u", "b")
    undo_merge(first, now=LATER)
    assert persons() == of("anonymous:a", "user:u anonymous:b", "anonymous:c")


def test_a_merge_is_undone_once() -> None:
    happen("user:u", "user:v")
    entry = together("user:u", "user:v")
    undo_merge(entry, now=LATER)
    with pytest.raises(UndoRefused, match="was undone on"):
        undo_merge(entry, now=LATER)


def test_an_undo_is_no_merge_that_could_be_undone() -> None:
    happen("user:u", "user:v")
    undo_merge(together("user:u", "user:v"), now=LATER)
    with pytest.raises(UndoRefused, match="Nobody is left"):
        undo_merge(Merge.objects.latest("pk"), now=LATER)


def test_who_was_erased_cannot_be_parted() -> None:
    happen("user:u", "user:v")
    entry = together("user:u", "user:v")
    Profile.objects.all().delete()
    with pytest.raises(UndoRefused, match="Nobody is left"):
        undo_merge(entry, now=LATER)


def test_the_newest_word_counts() -> None:
    happen("user:u", "user:v")
    undo_merge(together("user:u", "user:v"), now=LATER)
    together("user:v", "user:u")
    assert persons() == of("user:u user:v")
    undo_merge(Merge.objects.latest("pk"), now=LATER)
    assert persons() == of("user:u", "user:v")


def test_a_third_profile_comes_along_and_goes_again() -> None:
    happen("user:u", "user:v", "user:w")
    first = together("user:u", "user:v")
    second = together("user:v", "user:w")
    assert persons() == of("user:u user:v user:w")
    undo_merge(second, now=LATER)
    assert persons() == of("user:u user:v", "user:w")
    undo_merge(first, now=LATER)
    assert persons() == of("user:u", "user:v", "user:w")


def test_a_word_that_was_refused_holds_once_nothing_speaks_against_it() -> None:
    """Said were: b is x, x is not c, and last of all that b is c."""
    happen("anonymous:x", "anonymous:b", "anonymous:c")
    entry = together("anonymous:b", "anonymous:c")
    numbers = {name: find([Key("anonymous", name)])[Key("anonymous", name)].pk for name in "bcx"}
    for other, said in (("b", True), ("c", False)):
        one, two = sorted((numbers["x"], numbers[other]))
        LinkVerdict.objects.create(one_id=one, other_id=two, together=said, decided_at=NOW - HOUR)
    resolve_profiles(Profile.objects.values_list("pk", flat=True), now=NOW)
    assert persons() == of("anonymous:b anonymous:c", "anonymous:x")
    undo_merge(entry, now=LATER)
    assert persons() == of("anonymous:b anonymous:x", "anonymous:c")


def test_one_profile_is_no_two() -> None:
    happen("user:u")
    with pytest.raises(MergeRefused, match="with itself"):
        together("user:u", "user:u")


@pytest.mark.parametrize("turned", [False, True])
def test_a_profile_that_does_not_exist_is_named(turned: bool) -> None:
    happen("user:u")
    pair = [profile_of("user:u"), 10**6]
    with pytest.raises(MergeRefused, match="no profile 1000000"):
        merge_profiles(*(reversed(pair) if turned else pair), now=NOW)
    assert not LinkVerdict.objects.exists()


def test_a_profile_that_was_merged_away_meanwhile_is_refused() -> None:
    happen("anonymous:a", "user:u", "user:v")
    gone = profile_of("anonymous:a")
    log_in("u", "a")
    with pytest.raises(MergeRefused, match=f"no profile {gone} "):
        merge_profiles(profile_of("user:v"), gone, now=NOW)


def test_who_is_disturbed_tries_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    happen("user:u", "user:v")
    tries: list[int] = []

    def disturbed(*args: Any, **kwargs: Any) -> Moves:
        tries.append(1)
        if len(tries) == 1:
            raise ProfileMoved
        return merge(*args, **kwargs)

    monkeypatch.setattr(merges, "merge", disturbed)
    together("user:u", "user:v")
    assert persons() == of("user:u user:v")
    assert len(tries) == 2


def test_consents_and_memberships_follow(make_segment: Callable[..., Segment]) -> None:
    happen("anonymous:a", "user:u")
    record_consent(
        Key(Identity.ANONYMOUS, "a"),
        granted=["personalization"],
        mechanism=Mechanism.BANNER,
        now=NOW,
    )
    vips = make_segment("vips")
    add_members(vips, [profile_of("anonymous:a")], now=NOW)
    entry = together("anonymous:a", "user:u")
    user = Snapshot.objects.get(pk=profile_of("user:u"))
    assert user.consents == {"personalization": True}
    assert Membership.objects.get(segment=vips).profile_id == user.pk
    undo_merge(entry, now=LATER)
    user.refresh_from_db()
    assert user.consents == {}
    assert Snapshot.objects.get(pk=profile_of("anonymous:a")).consents == {"personalization": True}
    # Who a person put into a segment by hand stays where it is: nobody can know whom they meant.
    assert Membership.objects.get(segment=vips).profile_id == user.pk


def test_after_a_change_of_the_limits_profiles_are_resolved_anew() -> None:
    for device in "abc":
        log_in("u", device)
    ids = list(Profile.objects.values_list("pk", flat=True))
    assert resolve_profiles(ids, now=NOW) == 0
    with override_settings(PERSONALIZATION_IDENTITY_LIMITS={"user": 1, "anonymous": 2}):
        assert resolve_profiles(ids, now=NOW) == 2
        assert persons() == of("user:u anonymous:a anonymous:b", "anonymous:c")
    assert Merge.objects.latest("pk").cause == "limits"
    assert resolve_profiles(Profile.objects.values_list("pk", flat=True), now=NOW) == 2
    assert persons() == of("user:u anonymous:a anonymous:b anonymous:c")
    assert find([Key("user", "u")])
    assert not list(audit_profiles(now=NOW))
