"""Identities move to the person they belong to, whatever comes first, and it is logged."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds, moment
from personalization.profiles.identity import Key, find, find_or_create
from personalization.profiles.links import identity_limits, join
from personalization.profiles.models import Identity, IdentityLink, Merge, Profile, Snapshot
from personalization.profiles.moves import Moves
from personalization.profiles.region import FEW, hold_region
from personalization.profiles.resolve import Link, resolve
from tests.effort import examples

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = microseconds(NOW) - 10**9


def key(text: str) -> Key:
    namespace, _, value = text.partition(":")
    return Key(namespace, value)


def link(one: str, other: str, at: int = 0, message_id: str = "m") -> Link:
    return Link(key(one), key(other), START + at, message_id)


def said(*links: Link) -> Moves:
    """Take the links in as the pipeline does, emptied profiles and all."""
    with transaction.atomic():
        identities = find_or_create(end for each in links for end in (each.one, each.other))
        moves = join(links, identities, now=NOW)
        Profile.objects.filter(pk__in=moves.merged).delete()
    return moves


def persons() -> set[frozenset[str]]:
    found: dict[int, set[str]] = {profile.pk: set() for profile in Profile.objects.all()}
    for identity in Identity.objects.all():
        found[identity.profile_id].add(str(identity))
    return {frozenset(names) for names in found.values()}


def of(*groups: str) -> set[frozenset[str]]:
    return {frozenset(group.split()) for group in groups}


def profile_of(name: str) -> int:
    return find([key(name)])[key(name)].profile_id


def test_a_device_joins_the_user_and_leaves_an_empty_profile() -> None:
    find_or_create([key("user:u"), key("anonymous:a")])
    user, device = profile_of("user:u"), profile_of("anonymous:a")
    moves = said(link("user:u", "anonymous:a"))
    assert (moves.merged, moves.changed) == ({device: user}, {user})
    assert persons() == of("user:u anonymous:a")


def test_the_profile_of_the_user_is_kept_though_another_is_older() -> None:
    find_or_create([key("anonymous:a")])
    said(link("anonymous:b", "anonymous:a"))
    find_or_create([key("user:u")])
    user = profile_of("user:u")
    said(link("anonymous:b", "user:u"))
    assert profile_of("anonymous:a") == profile_of("anonymous:b") == user


def test_of_profiles_without_a_user_the_oldest_is_kept() -> None:
    find_or_create([key("anonymous:z")])
    oldest = profile_of("anonymous:z")
    said(link("anonymous:a", "anonymous:z"))
    assert profile_of("anonymous:a") == oldest


def test_saying_it_again_or_later_changes_nothing_and_costs_one_query() -> None:
    said(link("user:u", "anonymous:a", 5))
    identities = find([key("user:u"), key("anonymous:a")])
    links = [link("user:u", "anonymous:a", 5), link("anonymous:a", "user:u", 7)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert join(links, identities, now=NOW) == Moves()
    assert len(queries) == 1
    assert IdentityLink.objects.get().stated_at == NOW.replace(
        hour=11, minute=43, second=20, microsecond=5
    )


def test_nothing_said_costs_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert join([], {}, now=NOW) == Moves()
        identities = find_or_create([key("user:u")])
        n = len(queries)
        assert join([link("user:u", "user:u")], identities, now=NOW) == Moves()
    assert len(queries) == n
    assert not IdentityLink.objects.exists()


def test_a_claim_costs_the_same_for_one_link_as_for_fifty() -> None:
    def cost(prefix: str, n: int) -> int:
        links = [link(f"user:{prefix}{i}", f"anonymous:{prefix}{i}") for i in range(n)]
        identities = find_or_create(end for each in links for end in (each.one, each.other))
        with CaptureQueriesContext(connection) as queries:
            moves = join(links, identities, now=NOW)
        assert len(moves.merged) == n
        return len(queries)

    assert cost("one", 1) == cost("many", 50)


def test_a_long_history_of_a_shared_device_is_not_looked_at_again() -> None:
    """The cost per event must not grow with what is stored."""
    for n in range(5):
        said(link(f"user:{n}", "anonymous:tablet", n))
    find_or_create([key("user:new")])
    start = {each.pk for each in find([key("user:new"), key("anonymous:tablet")]).values()}

    def reached(since: int) -> set[str]:
        region = hold_region(start, since=moment(START + since))
        return {str(identity) for identity in region.identities.values()}

    assert reached(100) == {"user:new", "anonymous:tablet", "user:0"}
    assert reached(3) == {"user:new", "anonymous:tablet", "user:0", "user:3", "user:4"}


def test_a_shared_device_goes_to_the_earlier_user_though_that_is_heard_later() -> None:
    said(link("user:adam", "anonymous:tablet", 9))
    adam = profile_of("user:adam")
    moves = said(link("user:zoe", "anonymous:tablet", 1))
    assert persons() == of("user:zoe anonymous:tablet", "user:adam")
    assert moves.changed == {adam, profile_of("user:zoe")}
    assert moves.merged == {}


def test_a_late_word_about_a_device_that_very_many_share_moves_nobody_else() -> None:
    many = range(FEW + 10)
    said(*(link(f"user:{n}", "anonymous:kiosk", n) for n in many))
    moves = said(link("user:first", "anonymous:kiosk", -1))
    assert moves.changed == {profile_of("user:0"), profile_of("user:first")}
    assert persons() == of("user:first anonymous:kiosk", *(f"user:{n}" for n in many))


def test_an_earlier_statement_of_the_same_link_counts() -> None:
    said(link("user:zoe", "anonymous:tablet", 9), link("user:adam", "anonymous:tablet", 5))
    assert persons() == of("user:adam anonymous:tablet", "user:zoe")
    said(link("user:zoe", "anonymous:tablet", 1))
    assert persons() == of("user:zoe anonymous:tablet", "user:adam")


def test_what_is_left_alone_gets_a_profile_and_a_snapshot_of_its_own() -> None:
    """The devices of the first user came along over the tablet; the tablet leaves them."""
    said(link("anonymous:tablet", "anonymous:phone", 5), link("user:adam", "anonymous:tablet", 7))
    assert persons() == of("user:adam anonymous:tablet anonymous:phone")
    with override_settings(PERSONALIZATION_IDENTITY_LIMITS={"user": 1, "anonymous": 2}):
        said(link("user:zoe", "anonymous:tablet", 1), link("user:zoe", "anonymous:x", 2))
    assert persons() == of("user:zoe anonymous:tablet anonymous:x", "anonymous:phone", "user:adam")
    assert Snapshot.objects.count() == Profile.objects.count() == 3


def test_other_identities_of_the_claim_are_brought_up_to_date() -> None:
    said(link("user:adam", "anonymous:tablet", 9))
    stale = find([key("anonymous:tablet"), key("user:adam")])
    said(link("user:zoe", "anonymous:tablet", 1))
    identities = {**stale, **find_or_create([key("user:new"), key("anonymous:new")])}
    join([link("user:new", "anonymous:new")], identities, now=NOW)
    for each, identity in identities.items():
        assert identity.profile_id == profile_of(f"{each.namespace}:{each.value}")


# -- the log -------------------------------------------------------------------------------


def test_a_merge_is_logged_with_who_moved_where_and_why() -> None:
    said(link("user:u", "anonymous:a", 1))
    find_or_create([key("anonymous:b")])
    source = profile_of("anonymous:b")
    said(link("user:u", "anonymous:b", 2, "m2"))
    entry = Merge.objects.latest("pk")
    assert (entry.source_profile, entry.target_profile) == (source, profile_of("user:u"))
    assert entry.identities == [["anonymous", "b"]]
    assert entry.others == [["anonymous", "a"], ["user", "u"]]
    assert (entry.cause, entry.at, entry.by) == ("event", NOW, None)
    assert entry.link is not None
    assert entry.link.message_id == "m2"


def test_a_device_that_goes_to_somebody_else_is_logged_too() -> None:
    said(link("user:adam", "anonymous:tablet", 9))
    said(link("user:zoe", "anonymous:tablet", 1))
    entry = Merge.objects.latest("pk")
    assert (entry.source_profile, entry.target_profile) == (
        profile_of("user:adam"),
        profile_of("user:zoe"),
    )
    assert entry.identities == [["anonymous", "tablet"]]


# -- the law -------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    ["user:u", "user:v", "email:e", "anonymous:a", "anonymous:b", "anonymous:c", "crm:x", "crm:y"]
)
_LINKS = st.lists(
    st.builds(link, _NAMES, _NAMES, st.integers(0, 5), st.sampled_from(["m1", "m2"])),
    min_size=1,
    max_size=10,
)


def _expected(links: Iterable[Link]) -> set[frozenset[str]]:
    links = list(links)
    keys = {end for each in links for end in (each.one, each.other)}
    groups = resolve(keys, links=links, limits=identity_limits()).groups
    return {frozenset(f"{each.namespace}:{each.value}" for each in group) for group in groups}


@examples(60)
@given(_LINKS, st.integers(0, 10**6))
def test_the_order_of_arrival_makes_no_difference(links: list[Link], seed: int) -> None:
    dice = random.Random(seed)
    again = [*links, *dice.sample(links, len(links) // 2)]
    dice.shuffle(again)
    with (
        transaction.atomic(),
        override_settings(PERSONALIZATION_IDENTITY_LIMITS={"user": 1, "*": 2, "anonymous": 2}),
    ):
        while again:
            n = dice.randint(1, 3)
            said(*again[:n])
            again = again[n:]
        assert persons() == _expected(links)
        assert Snapshot.objects.count() == Profile.objects.count()
        transaction.set_rollback(True)
