"""Who is one person: a function of what was said and when, and of no order."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.profiles.identity import Key
from personalization.profiles.resolve import Limits, Link, Verdict, resolve
from tests.effort import Tries, some_or_all

LIMITS = Limits({"user": 1, "email": 2, "*": 2, "anonymous": 3})


def key(text: str) -> Key:
    namespace, _, value = text.partition(":")
    return Key(namespace, value)


def link(one: str, other: str, at: int = 0, message_id: str = "m") -> Link:
    return Link(key(one), key(other), at, message_id)


def together(one: str, other: str, at: int = 0) -> Verdict:
    return Verdict(key(one), key(other), True, at)


def apart(one: str, other: str, at: int = 0) -> Verdict:
    return Verdict(key(one), key(other), False, at)


def named(groups: Iterable[frozenset[Key]]) -> set[frozenset[str]]:
    return {frozenset(f"{each.namespace}:{each.value}" for each in group) for group in groups}


def persons(*said: Link | Verdict, limits: Limits = LIMITS) -> set[frozenset[str]]:
    """Return the groups of all that `said` names."""
    keys = {end for each in said for end in (each.one, each.other)}
    links = [each for each in said if isinstance(each, Link)]
    verdicts = [each for each in said if isinstance(each, Verdict)]
    return named(resolve(keys, links=links, verdicts=verdicts, limits=limits).groups)


def of(*groups: str) -> set[frozenset[str]]:
    return {frozenset(group.split()) for group in groups}


def test_nobody_is_nobody() -> None:
    assert resolve([], limits=LIMITS).groups == ()


def test_identities_that_nothing_is_said_of_stay_alone() -> None:
    keys = [key("user:u"), key("anonymous:a")]
    assert named(resolve(keys, limits=LIMITS).groups) == of("user:u", "anonymous:a")


def test_all_devices_of_a_user_are_one_person() -> None:
    said = (link("user:u", "anonymous:a", 1), link("user:u", "anonymous:b", 2))
    assert persons(*said) == of("user:u anonymous:a anonymous:b")


def test_a_chain_of_devices_is_one_person() -> None:
    said = (link("anonymous:a", "anonymous:b", 2), link("anonymous:b", "user:u", 1))
    assert persons(*said) == of("user:u anonymous:a anonymous:b")


def test_a_shared_device_belongs_to_whom_it_was_linked_with_first() -> None:
    said = (link("user:zoe", "anonymous:tablet", 1), link("user:adam", "anonymous:tablet", 2))
    assert persons(*said) == of("user:zoe anonymous:tablet", "user:adam")


def test_two_users_are_never_one_person_by_what_events_say() -> None:
    said = (
        link("user:u", "anonymous:a", 1),
        link("user:v", "anonymous:b", 2),
        link("anonymous:a", "anonymous:b", 3),
    )
    assert persons(*said) == of("user:u anonymous:a", "user:v anonymous:b")


def test_what_is_said_in_one_event_is_joined_in_the_order_of_the_namespaces() -> None:
    limits = Limits({"user": 1, "crm": 1, "email": 1})
    said = (link("user:u", "email:e", 1), link("email:e", "crm:c", 1))
    assert persons(*said, limits=limits) == of("user:u email:e crm:c")
    # Both cannot be the crm of u: the link that names the user comes first.
    said = (link("email:e", "crm:c", 1), link("user:u", "email:e", 1), link("user:u", "crm:d", 1))
    assert persons(*said, limits=limits) == of("user:u email:e crm:d", "crm:c")


def test_at_one_instant_the_message_id_decides() -> None:
    first, second = link("user:v", "anonymous:a", 1, "m1"), link("user:u", "anonymous:a", 1, "m2")
    assert persons(second, first) == of("user:v anonymous:a", "user:u")


def test_the_links_that_joined_are_told_in_their_order() -> None:
    late, early = link("user:u", "anonymous:a", 2), link("user:u", "anonymous:b", 1)
    idle, refused = link("anonymous:a", "anonymous:b", 3), link("user:v", "anonymous:a", 4)
    links = [refused, idle, late, early]
    keys = {end for each in links for end in (each.one, each.other)}
    assert resolve(keys, links=links, limits=LIMITS).joining == (early, late)


# -- Segment Unify, “Identity Resolution Settings”: its rules and its worked example --------

SEGMENT = Limits({"user": 1, "email": 5, "anonymous": 5})


def test_the_same_email_with_a_new_user_id_is_a_new_profile() -> None:
    said = (
        link("user:abc123", "email:jane@example1.com", 1),
        link("user:abc456", "email:jane@example1.com", 2),
    )
    assert persons(*said, limits=SEGMENT) == of(
        "user:abc123 email:jane@example1.com", "user:abc456"
    )


def test_no_match_one_match_and_several() -> None:
    created = (link("user:u", "anonymous:a", 1),)
    assert persons(*created, limits=SEGMENT) == of("user:u anonymous:a")
    added = (*created, link("user:u", "email:e", 2))
    assert persons(*added, limits=SEGMENT) == of("user:u anonymous:a email:e")
    other = (*added, link("email:f", "anonymous:b", 3))
    assert persons(*other, limits=SEGMENT) == of(
        "user:u anonymous:a email:e", "email:f anonymous:b"
    )
    merged = (*other, link("user:u", "anonymous:b", 4))
    assert persons(*merged, limits=SEGMENT) == of("user:u anonymous:a email:e email:f anonymous:b")


def test_a_store_tablet_does_not_merge_its_customers() -> None:
    customers = [link(f"user:{n}", "anonymous:tablet", n) for n in range(5)]
    assert persons(*customers, limits=SEGMENT) == of(
        "user:0 anonymous:tablet", "user:1", "user:2", "user:3", "user:4"
    )


def test_one_email_and_two_user_ids_where_the_site_says_so() -> None:
    limits = Limits({"email": 1, "user": 2, "*": 5})
    said = (
        link("user:shopify", "email:e", 1),
        link("user:uuid", "email:e", 2),
        link("user:third", "email:e", 3),
        link("user:uuid", "email:f", 4),
    )
    assert persons(*said, limits=limits) == of(
        "user:shopify user:uuid email:e", "user:third", "email:f"
    )


@pytest.mark.parametrize(("namespace", "most"), [("email", 2), ("crm", 2), ("anonymous", 3)])
def test_what_exceeds_a_limit_is_left_out_the_latest_first(namespace: str, most: int) -> None:
    said = [link("user:u", f"{namespace}:{n}", n) for n in range(5)]
    kept = " ".join(f"{namespace}:{n}" for n in range(most))
    assert persons(*said) == of(f"user:u {kept}", *(f"{namespace}:{n}" for n in range(most, 5)))


def test_two_profiles_that_have_too_much_between_them_stay_two() -> None:
    said = (
        link("email:a", "email:b", 1),
        link("email:c", "email:d", 2),
        link("email:b", "email:c", 3),
    )
    assert persons(*said) == of("email:a email:b", "email:c email:d")


# -- PostHog, “merge” of persons -----------------------------------------------------------


def test_posthog_neither_one_or_both_exist() -> None:
    assert persons(link("user:u", "anonymous:a", 1)) == of("user:u anonymous:a")
    both = (link("user:u", "anonymous:a", 1), link("user:u", "anonymous:b", 2))
    assert persons(*both) == of("user:u anonymous:a anonymous:b")


def test_posthog_refuses_to_merge_who_is_already_identified() -> None:
    said = (
        link("user:u", "anonymous:a", 1),
        link("user:v", "anonymous:b", 2),
        link("user:u", "user:v", 3),
    )
    assert persons(*said) == of("user:u anonymous:a", "user:v anonymous:b")


def test_posthog_merges_dangerously_when_an_operator_says_so() -> None:
    said = (
        link("user:u", "anonymous:a", 1),
        link("user:v", "anonymous:b", 2),
        together("user:u", "user:v", 3),
    )
    assert persons(*said) == of("user:u anonymous:a user:v anonymous:b")


def test_the_same_id_twice_is_nothing() -> None:
    assert persons(link("user:u", "user:u", 1)) == of("user:u")


# -- an operator's words -------------------------------------------------------------------


def test_a_verdict_outweighs_what_was_said_before_and_after() -> None:
    said = (
        link("user:u", "anonymous:a", 1),
        link("user:u", "anonymous:a", 9),
        apart("user:u", "anonymous:a", 5),
    )
    assert persons(*said) == of("user:u", "anonymous:a")


def test_those_kept_apart_do_not_meet_over_a_third() -> None:
    said = (
        link("anonymous:a", "anonymous:b", 1),
        link("user:u", "anonymous:b", 2),
        apart("user:u", "anonymous:a", 5),
    )
    assert persons(*said) == of("anonymous:a anonymous:b", "user:u")


def test_what_was_forced_goes_beyond_the_limits_and_others_still_join_it() -> None:
    said = (
        together("user:u", "user:v", 9),
        link("user:u", "anonymous:a", 1),
        link("user:w", "anonymous:b", 1),
        link("user:v", "anonymous:b", 2),
        link("user:v", "email:e", 3),
    )
    assert persons(*said) == of("user:u user:v anonymous:a email:e", "user:w anonymous:b")


def test_a_large_group_joins_what_was_forced_as_a_small_one_does() -> None:
    chain = [link(f"anonymous:{a}", f"anonymous:{b}", 1) for a, b in ("ab", "bc")]
    said = (*chain, together("user:u", "user:v", 9), link("user:v", "anonymous:a", 2))
    assert persons(*said) == of("user:u user:v anonymous:a anonymous:b anonymous:c")


def test_the_newest_of_words_that_contradict_each_other_counts() -> None:
    said = (together("user:u", "user:v", 1), together("user:v", "user:w", 2))
    assert persons(*said, apart("user:u", "user:w", 3)) == of("user:u", "user:v user:w")


# -- the law -------------------------------------------------------------------------------

_KEYS = st.builds(
    Key, st.sampled_from(["user", "email", "crm", "anonymous"]), st.sampled_from("abcd")
)
_LINKS = st.lists(
    st.builds(Link, _KEYS, _KEYS, st.integers(0, 3), st.sampled_from(["m1", "m2"])), max_size=14
)
_VERDICTS = st.lists(
    st.builds(Verdict, _KEYS, _KEYS, st.booleans(), st.integers(0, 3)),
    max_size=4,
    unique_by=lambda verdict: frozenset((verdict.one, verdict.other)),
)


@some_or_all(400)
def test_order_and_repetition_make_no_difference(tries: Tries) -> None:
    @tries
    @given(_LINKS, _VERDICTS, st.integers(0, 10**6))
    def holds(links: list[Link], verdicts: list[Verdict], seed: int) -> None:
        dice = random.Random(seed)
        turned = [Link(each.other, each.one, each.at, each.message_id) for each in links]
        again = [*turned, *dice.sample(links, len(links) // 2)]
        dice.shuffle(again)
        expected = persons(*links, *verdicts)
        assert persons(*again, *dice.sample(verdicts, len(verdicts))) == expected

    holds()


@some_or_all(400)
def test_limits_and_verdicts_are_kept(tries: Tries) -> None:
    @tries
    @given(_LINKS, _VERDICTS)
    def holds(links: list[Link], verdicts: list[Verdict]) -> None:
        apart_ones = [each for each in verdicts if not each.together and each.one != each.other]
        groups = persons(*links, *apart_ones)
        assert sorted(name for group in groups for name in group) == sorted(set().union(*groups))
        for group in groups:
            for namespace in ("user", "email", "crm", "anonymous"):
                n = sum(name.startswith(f"{namespace}:") for name in group)
                assert n <= LIMITS.of(namespace)
            for verdict in apart_ones:
                ends = {f"{each.namespace}:{each.value}" for each in (verdict.one, verdict.other)}
                assert not ends <= group

    holds()


def _latest(groups: set[frozenset[str]], links: list[Link], since: int, start: Link) -> set[str]:
    """Return whom a link stated at `since` may move: over groups and links since then."""
    reached: set[str] = set()
    ahead = set(_ends(start))
    while ahead:
        reached |= ahead
        near = set().union(*(group for group in groups if group & ahead))
        for each in links:
            if each.at >= since and _ends(each) & (ahead | near):
                near |= _ends(each)
        ahead = near - reached
    return reached


def _ends(link: Link) -> set[str]:
    return {f"{end.namespace}:{end.value}" for end in (link.one, link.other)}


@some_or_all(600)
def test_a_link_moves_only_what_it_reaches_over_groups_and_links_since_it_was_stated(
    tries: Tries,
) -> None:
    @tries
    @given(_LINKS.filter(bool))
    def holds(links: list[Link]) -> None:
        """What `region.py` rests on: all else may be left out."""
        *earlier, new = links
        everybody = {end for each in links for end in (each.one, each.other)}
        before = named(resolve(everybody, links=earlier, limits=LIMITS).groups)
        near = _latest(before, earlier, new.at, new)
        inside = [each for each in links if _ends(each) <= near]
        keys = {each for each in everybody if f"{each.namespace}:{each.value}" in near}
        moved = named(resolve(keys, links=inside, limits=LIMITS).groups)
        untouched = {group for group in before if not group & near}
        assert moved | untouched == named(resolve(everybody, links=links, limits=LIMITS).groups)

    holds()
