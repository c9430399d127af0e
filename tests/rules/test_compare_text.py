"""The operators on text: one answer in memory and in the database of the tests."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import moment
from personalization.exceptions import InvalidRule, Problem
from personalization.rules.compare import OPERATORS, WORDS, Comparison
from personalization.rules.evaluate import evaluate
from personalization.rules.parse import parse
from personalization.rules.patterns import MAX_TEXT, PARTS
from personalization.segments.population import matching
from tests.effort import examples
from tests.rules.building import happened, prop, rule, trait
from tests.rules.expressions import expressions, texts
from tests.rules.strategies import NOW
from tests.rules.world import Happening, History, facts, stored

PAIRS = {
    "starts with": "does not start with",
    "ends with": "does not end with",
    "matches": "does not match",
}
CASES = [
    ("starts with", "sho", "shoes", True),
    ("starts with", "hoes", "shoes", False),
    ("starts with", "Sho", "shoes", False),
    ("starts with", "shoes!", "shoes", False),
    ("starts with", "100%", "100% wool", True),
    ("ends with", "es", "shoes", True),
    ("ends with", "sho", "shoes", False),
    ("ends with", "ES", "shoes", False),
    ("ends with", "my shoes", "shoes", False),
    ("ends with", "👟", "new 👟", True),
    ("ends with", "_", "a%", False),
    ("matches", "^sh.*s$", "shoes", True),
    ("matches", "\\d{2,}", "size 42", True),
    ("matches", "^\\d+$", "size 42", False),
    ("matches", "it's|%s", "100%s", True),
    ("matches", "a", "a" * MAX_TEXT, True),
    ("matches", "a", "a" * (MAX_TEXT + 1), False),
    ("matches", "^.{5}$", "né👟\u00e9x", True),
]
NO_TEXTS: list[Any] = [None, 42, 1.5, True, False, ["shoes"], {"a": "shoes"}]


def answers(stored_rule: Any, traits: list[Any]) -> tuple[list[bool], list[bool]]:
    """Return what memory and SQL say of a profile for each value of the trait `kind`."""
    compiled = parse(stored_rule)
    histories = [History(traits={} if one is None else {"kind": one}) for one in traits]
    memory = [evaluate(compiled, facts(one, compiled), now=NOW).holds for one in histories]
    with transaction.atomic():
        ids = stored(histories)
        found = matching(compiled, now=moment(NOW))
        transaction.set_rollback(True)
    return memory, [pk in found for pk in ids]


@pytest.mark.django_db
@pytest.mark.parametrize(("operator", "value", "actual", "expected"), CASES)
def test_compares_text(operator: str, value: str, actual: str, expected: bool) -> None:
    for name, holds in ((operator, expected), (PAIRS[operator], not expected)):
        assert answers(rule(trait("kind", name, value)), [actual]) == ([holds], [holds])


@pytest.mark.django_db
@pytest.mark.parametrize("operator", PAIRS)
def test_what_is_no_text_fails_and_passes_the_complement(operator: str) -> None:
    none, every = [False] * len(NO_TEXTS), [True] * len(NO_TEXTS)
    assert answers(rule(trait("kind", operator, "4")), NO_TEXTS) == (none, none)
    assert answers(rule(trait("kind", PAIRS[operator], "4")), NO_TEXTS) == (every, every)


@pytest.mark.django_db
@examples(150)
@given(
    expression=expressions(),
    many=st.lists(texts, min_size=4, max_size=8),
    operator=st.sampled_from(["matches", "does not match"]),
)
def test_memory_and_sql_find_the_same(expression: Any, many: list[str], operator: str) -> None:
    memory, sql = answers(rule(trait("kind", operator, expression.ours)), many)
    assert memory == sql


@pytest.mark.django_db
@examples(60)
@given(
    value=texts.filter(lambda text: bool(text.strip())),
    many=st.lists(texts, min_size=4, max_size=8),
    operator=st.sampled_from(["starts with", "ends with", "does not start with"]),
)
def test_memory_and_sql_agree_on_the_ends(value: str, many: list[str], operator: str) -> None:
    near = [*many, value, value + "a", "a" + value, value[1:], value[:-1]]
    memory, sql = answers(rule(trait("kind", operator, value)), near)
    assert memory == sql


@pytest.mark.django_db
def test_properties_of_events_are_matched_too() -> None:
    compiled = parse(rule(happened("Page Viewed", where=prop("path", "matches", "^/shop/\\d+"))))
    histories = [
        History(events=[Happening("Page Viewed", NOW - 1, {"path": path})])
        for path in ("/shop/42", "/shop/", "x/shop/42")
    ]
    ids = stored(histories)
    assert matching(compiled, now=moment(NOW)) == {ids[0]}
    assert [evaluate(compiled, facts(h, compiled), now=NOW).holds for h in histories] == [
        True, False, False,
    ]  # fmt: skip


@pytest.mark.django_db
def test_every_new_connection_knows_patterns() -> None:
    fresh = connections["default"].copy("fresh")
    if fresh.vendor != "sqlite":
        pytest.skip("PostgreSQL has patterns of its own")
    fresh.settings_dict = {**fresh.settings_dict, "NAME": ":memory:"}
    try:
        with fresh.cursor() as cursor:
            cursor.execute("SELECT personalization_found_in(NULL, 'a'), "
                           "personalization_found_in('cat', '^c'), personalization_found_in('a', 'b')")  # fmt: skip
            assert cursor.fetchone() == (None, 1, 0)
    finally:
        BaseDatabaseWrapper.close(fresh)  # its own way leaves it open, as it is in memory


@pytest.mark.parametrize("operator", ["matches", "does not match"])
@pytest.mark.parametrize("pattern", ["(", "(a)\\1", "(a{100}){100}", "a" * 201])
def test_an_unsafe_pattern_is_refused_where_it_stands(operator: str, pattern: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        parse(rule(trait("kind", operator, pattern)))
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.value) == ("/root/rules/0/value", pattern)
    assert problem.allowed == PARTS


@pytest.mark.parametrize("value", [42, True, None, "", ["a"]])
def test_a_pattern_is_a_text(value: Any) -> None:
    with pytest.raises(InvalidRule) as caught:
        parse(rule({**trait("kind", "matches"), "value": value}))
    assert all(isinstance(problem, Problem) for problem in caught.value.problems)
    assert {problem.pointer for problem in caught.value.problems} == {"/root/rules/0/value"}


def test_the_operators_are_for_text_only() -> None:
    new = {*PAIRS, *PAIRS.values()}
    assert new <= set(OPERATORS["text"])
    assert not new & {*OPERATORS["number"], *OPERATORS["boolean"]}


def test_each_has_words_and_a_denial() -> None:
    for positive, negative in PAIRS.items():
        one, other = Comparison(positive, ("a",)), Comparison(negative, ("a",))  # type: ignore[arg-type]
        assert one.denial() == other.sentence()
        assert other.denial() == one.sentence()
    assert WORDS["matches"] == "matches the pattern"
