"""The key of a version of a page says what the page depends on, all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from unittest.mock import Mock
from urllib.parse import quote

import pytest
from django.test import override_settings
from django.utils.encoding import iri_to_uri
from hypothesis import given
from hypothesis import strategies as st

from personalization.delivery import learned
from personalization.delivery.choose import choose
from personalization.delivery.learned import Asked, Learned
from personalization.delivery.page_key import (
    DEFAULT_KEY,
    Answer,
    Ask,
    HeaderValue,
    ask_of,
    key_of,
    one_of_a_kind,
)
from personalization.delivery.published import Candidate, Place
from personalization.delivery.standing import Standing

SEGMENTS = ("a", "b", "c")
segments = st.frozensets(st.sampled_from(SEGMENTS))
keys = st.sampled_from(["x", "y", "x+y", "template:0:a", "', '", "→", ""])
candidates = st.builds(
    Candidate,
    segments=st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=2).map(tuple),
    key=keys,
    share=st.sampled_from([1.0, 0.5]),
)
asks = st.builds(
    Ask,
    slot=st.sampled_from(["hero", "strip", "hero, strip", "in_segment:a"]),
    candidates=st.lists(candidates, max_size=3, unique_by=lambda one: one.key).map(tuple),
)
pages = st.lists(asks, min_size=1, max_size=4, unique=True)


def shown(page: Sequence[Ask], inside: frozenset[str], strategy: str) -> dict[Ask, tuple[str, ...]]:
    """Return what the slots of a page show to who is in these segments."""
    standing, found = Standing(segments=inside, unit="v"), {}
    for ask in page:
        decision = choose(Place(ask.slot, ask.candidates, strategy=strategy), standing)
        found[ask] = tuple(one.key for one in decision.candidates)
    return found


def key(answers: Mapping[Ask, tuple[str, ...]], revision: int) -> str:
    return key_of({ask: Answer(revision, keys) for ask, keys in answers.items()})


strategies = st.sampled_from(["priority", "all", "random"])


@given(pages, segments, segments, strategies, st.integers(1, 2), st.integers(1, 2))
def test_visitors_have_the_same_key_where_they_see_the_same_and_nowhere_else(
    page: list[Ask],
    one: frozenset[str],
    other: frozenset[str],
    strategy: str,
    revision: int,
    later: int,
) -> None:
    mine, theirs = shown(page, one, strategy), shown(page, other, strategy)
    same = mine == theirs and revision == later
    assert (key(mine, revision) == key(theirs, later)) == same


@given(pages, pages, segments, strategies)
def test_pages_that_ask_something_else_never_share_a_key(
    page: list[Ask], another: list[Ask], inside: frozenset[str], strategy: str
) -> None:
    mine, theirs = shown(page, inside, strategy), shown(another, inside, strategy)
    assert (key(mine, 1) == key(theirs, 1)) == (set(page) == set(another))


@given(pages, segments)
def test_the_order_of_questions_does_not_matter(page: list[Ask], inside: frozenset[str]) -> None:
    answers = shown(page, inside, "priority")
    assert key(dict(reversed(answers.items())), 1) == key(answers, 1)


def test_the_content_of_a_candidate_is_no_part_of_the_question() -> None:
    """The page has it; but all that decides is."""
    plain = ask_of("hero", [Candidate(("a",), "x")])
    assert ask_of("hero", [Candidate(("a",), "x", content="<p>long</p>")]) == plain
    for other in (Candidate(("a",), "x", ends=5), Candidate(("a",), "x", cap="seen")):
        assert ask_of("hero", [other]) != plain


def test_nobody_but_the_site_can_make_a_key() -> None:
    answers = {Ask("hero"): Answer(1, ("x",))}
    with override_settings(SECRET_KEY="another"):
        theirs = key_of(answers)
    assert theirs != key_of(answers)
    assert "hero" not in theirs
    assert DEFAULT_KEY not in {theirs, key_of({})}


# -- as caches find it -----------------------------------------------------------------


def test_the_header_has_the_key_however_caches_read_it() -> None:
    value = HeaderValue(lambda: "the key")
    assert value.encode() == b"the key"
    assert hashlib.md5(value.encode("utf-8"), usedforsecurity=False).hexdigest()
    assert f"{value}" == str(value) == "%s" % value == "the key"  # noqa: UP031
    assert f"{value:>9}" == "  the key"
    assert iri_to_uri(value) == quote(value) == "the%20key"


def test_whoever_goes_past_us_gets_what_no_other_request_has() -> None:
    first, second = HeaderValue(lambda: "the key"), HeaderValue(lambda: "the key")
    for read in ("".join, "-".join):
        assert read([first]) != read([second])
    assert json.dumps([first]) != json.dumps([second])
    assert first != second
    assert hash(first) != hash(second)
    assert "the key" not in "".join([first])


def test_nothing_is_worked_out_before_a_cache_looks() -> None:
    make = Mock(return_value="the key")
    value = HeaderValue(make)
    assert value
    make.assert_not_called()
    str(value)
    make.assert_called_once_with()


def test_a_key_of_a_kind_is_nobody_elses() -> None:
    assert len({one_of_a_kind() for _ in range(100)}) == 100


# -- what was learned ------------------------------------------------------------------

answers_of_pages = st.lists(
    st.builds(Asked, ask=asks, keys=st.lists(keys, max_size=2).map(tuple), shown=st.booleans()),
    max_size=5,
    unique_by=lambda one: one.ask,
)


def path_of(known: Learned, render: Sequence[Asked]) -> list[tuple[Ask, bool]]:
    said = {one.ask: one.keys for one in render}
    return list(known.path(lambda ask: said.get(ask, ())))


@given(st.lists(answers_of_pages, min_size=1, max_size=5))
def test_the_last_render_is_foreseen(renders: list[list[Asked]]) -> None:
    known = Learned()
    for render in renders:
        known = known.after(render)
    assert path_of(known, renders[-1]) == [(one.ask, one.shown) for one in renders[-1]]


@given(st.lists(answers_of_pages, max_size=4))
def test_what_was_learned_is_read_back(renders: list[list[Asked]]) -> None:
    known = Learned()
    for render in renders:
        known = known.after(render)
    assert learned._parse(learned._text(known)) == known


def asked(slot: str, *keys: str) -> Asked:
    return Asked(Ask(slot), keys, shown=True)


def test_what_follows_an_answer_is_kept_apart_from_what_follows_another() -> None:
    inside = [asked("hero", "x"), asked("inner"), asked("strip")]
    outside = [asked("hero"), asked("strip")]
    known = Learned().after(inside).after(outside)
    assert [ask.slot for ask, _ in path_of(known, inside)] == ["hero", "inner", "strip"]
    assert [ask.slot for ask, _ in path_of(known, outside)] == ["hero", "strip"]


def test_an_answer_nobody_gave_yet_is_taken_to_lead_where_others_do() -> None:
    known = Learned().after([asked("hero", "x"), asked("strip", "y")])
    assert [ask.slot for ask, _ in path_of(known, [asked("hero", "z")])] == ["hero", "strip"]


def test_a_page_of_very_many_questions_is_known_by_its_last_render_only() -> None:
    known = Learned()
    for number in range(learned.MOST_ASKS + 5):
        known = known.after([asked(f"slot-{number}"), asked("last")])
    assert len(known.asks) <= learned.MOST_ASKS
    assert path_of(known, [asked(f"slot-{number}")])[0][0] == Ask(f"slot-{number}")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", '{"asks": 1}', '{"asks": [], "shown": [], "ways": [[1, 2]]}',
     '{"asks": [{"slot": "x", "candidates": [{"from": "another release"}]}], "shown": [], '
     '"ways": []}'],
)  # fmt: skip
def test_what_another_release_remembered_counts_for_nothing(text: str) -> None:
    assert learned._parse(text) == Learned()


def test_a_way_that_leads_nowhere_ends_there() -> None:
    broken = Learned((Ask("hero"),), frozenset(), {(-1, ()): 0, (0, ()): 7})
    assert [ask.slot for ask, _ in path_of(broken, [])] == ["hero"]
    circle = Learned((Ask("hero"),), frozenset(), {(-1, ()): 0, (0, ()): 0})
    assert [ask.slot for ask, _ in path_of(circle, [])] == ["hero"]
