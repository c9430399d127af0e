"""Pairs that may be one person: found among households, and told with what speaks for it."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.profiles.suggestions import (
    COMPARISONS,
    LARGEST_BLOCK,
    Portrait,
    compared_traits,
    suggest,
)
from tests.profiles.households import Town, town

#: So that agreeing is as rare as among the visitors of a shop.
COMMON = {"city": 10, "daytime": 4, "agent": 4}
CROWD = [
    Portrait(
        1000 + n,
        {name: frozenset([f"{name} {n % COMMON.get(name, n + 1)}"]) for name in COMPARISONS},
    )
    for n in range(100)
]


def portrait(number: int, **values: str) -> Portrait:
    return Portrait(number, {name: frozenset([value]) for name, value in values.items()})


def pairs(*portraits: Portrait, at_least: float = 0.5, **options: Any) -> list[tuple[int, int]]:
    found = suggest([*portraits, *CROWD], at_least=at_least, **options)
    return [each.pair for each in found]


@pytest.fixture(scope="module", params=range(3))
def households(request: pytest.FixtureRequest) -> Town:
    return town(request.param)


def test_nearly_all_that_is_suggested_as_likely_is_true(households: Town) -> None:
    found = suggest(households.portraits, at_least=0.9)
    hits = sum(each.pair in households.same for each in found)
    assert hits / len(found) >= 0.95
    # Of the rest, most share nothing but a network with each other.
    assert hits / len(households.same) >= 0.35


def test_who_shares_an_address_of_mail_and_a_network_is_found(households: Town) -> None:
    by_id = {each.profile_id: each.values for each in households.portraits}
    plain = {
        (one, other)
        for one, other in households.same
        if all(by_id[one].get(n, {1}) & by_id[other].get(n, {2}) for n in ("email", "network"))  # type: ignore[operator]
    }
    assert len(plain) > 20
    found = {each.pair for each in suggest(households.portraits, at_least=0.9)}
    assert len(plain & found) / len(plain) >= 0.95


def test_probabilities_mean_what_they_say(households: Town) -> None:
    found = suggest(households.portraits, at_least=0.2)
    expected = sum(each.probability for each in found) / len(found)
    hits = sum(each.pair in households.same for each in found) / len(found)
    assert hits == pytest.approx(expected, abs=0.12)


def test_the_members_of_a_household_are_not_taken_for_each_other() -> None:
    home = {"network": "192.0.2.0/24", "city": "Ghent", "daytime": "evening"}
    ann = {"name": "ann", "email": "ann@mail.example", **home}
    bob = {"name": "bob", "email": "bob@mail.example", **home}
    family = [portrait(1, **ann), portrait(2, **ann), portrait(3, **bob), portrait(4, **bob)]
    assert pairs(*family) == [(1, 2), (3, 4)]


def test_a_city_says_nothing_beside_a_network() -> None:
    home = {"network": "192.0.2.0/24", "city": "Ghent", "email": "ann@mail.example"}
    found, *_ = suggest([portrait(1, **home), portrait(2, **home), *CROWD], at_least=0.01)
    assert found.weights.keys() == {"network", "email"}


def test_a_suggestion_says_what_speaks_for_it_and_against_it() -> None:
    one = portrait(2, email="ann@mail.example", city="Ghent", agent="Safari")
    other = portrait(1, email="ann@mail.example", city="Paris")
    found, *_ = suggest([one, other, *CROWD], at_least=0.01)
    assert found.pair == (1, 2)
    assert found.weights.keys() == {"email", "city"}
    agrees, bits = found.weights["email"]
    assert (agrees, bits > 3) == (True, True)
    agrees, bits = found.weights["city"]
    assert (agrees, bits < 0) == (False, True)


def test_more_agreement_is_more_probable_and_comes_first() -> None:
    a, b = {"email": "a@mail.example"}, {"email": "b@mail.example", "name": "bea"}
    found = pairs(
        portrait(1, **a), portrait(2, **a), portrait(3, **b), portrait(4, **b), at_least=0.01
    )
    assert found == [(3, 4), (1, 2)]


def test_what_agrees_on_nothing_rare_is_not_looked_at() -> None:
    common = {"city": "Ghent", "agent": "Safari", "daytime": "evening"}
    assert pairs(portrait(1, **common), portrait(2, **common), at_least=0.0) == []


def test_pairs_that_are_decided_are_left_out() -> None:
    twin = {"email": "a@mail.example", "name": "ann", "phone": "1"}
    assert pairs(portrait(1, **twin), portrait(2, **twin)) == [(1, 2)]
    assert pairs(portrait(1, **twin), portrait(2, **twin), apart=[(1, 2)]) == []


def test_what_very_many_share_says_nothing() -> None:
    office = [portrait(n, network="198.51.100.0/24") for n in range(LARGEST_BLOCK + 1)]
    assert pairs(*office, at_least=0.0) == []
    assert len(pairs(*office[1:], at_least=0.0)) == LARGEST_BLOCK * (LARGEST_BLOCK - 1) // 2


@pytest.mark.parametrize("n", [0, 1])
def test_of_nobody_there_is_nothing_to_suggest(n: int) -> None:
    assert suggest([portrait(1, email="a")][:n], at_least=0.0) == []


@pytest.mark.parametrize(
    ("traits", "name", "value"),
    [
        ({"email": " Ann@Mail.Example "}, "email", "ann@mail.example"),
        ({"phone": "+49 (170) 1234-5"}, "phone", "4917012345"),
        ({"phone": 491701}, "phone", "491701"),
        ({"name": "Zoë de Vries"}, "name", "de vries zoe"),
        ({"firstName": "Zoë", "lastName": "De Vries"}, "name", "de vries zoe"),
        ({"lastName": "Vries"}, "name", "vries"),
        ({"birthday": "1980-01-02T00:00:00Z"}, "birthday", "1980-01-02"),
        ({"city": "GENT"}, "city", "gent"),
        ({"address": {"city": "Gent"}}, "city", "gent"),
    ],
)  # fmt: skip
def test_traits_are_made_alike(traits: Any, name: str, value: str) -> None:
    assert compared_traits(traits) == {name: frozenset([value])}


@pytest.mark.parametrize(
    "traits",
    [
        {}, {"plan": "pro"}, {"email": None}, {"email": ""}, {"email": True}, {"email": ["a"]},
        {"phone": "none"}, {"name": "–"}, {"address": "Ghent"}, {"address": {}},
    ],
)  # fmt: skip
def test_what_says_nothing_is_left_out(traits: Any) -> None:
    assert compared_traits(traits) == {}
