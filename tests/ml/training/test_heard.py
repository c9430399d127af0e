"""Whose word of an item counts: of servers the newest, of browsers what they agree on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.item_words import Words
from personalization.ml.training.heard import AGREEING, Heard
from tests.effort import examples
from tests.ml.training.visitors import after

#: (who, title, minutes): who 0 is a server, anybody else the browser of that visitor.
Said = tuple[int, str, int]
sayings = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["A", "B", "C"]), st.integers(0, 50)), max_size=12
)


def heard(said: Sequence[Said]) -> Heard:
    item = Heard("product", first=after(1000), newest=after(-1000))
    for who, title, minutes in said:
        item.seen(after(minutes), "product")
        stamp = (after(minutes), f"{who}-{title}")
        if who:
            item.claimed(Words(title=title), stamp, visitor=who)
        else:
            item.told(Words(title=title), stamp)
    return item


def title(said: Sequence[Said], old: str = "", newest: int | None = None) -> str:
    changed: dict[str, Any] = heard(said).changes(
        {"title": old}, newest=None if newest is None else after(newest)
    )
    return str(changed.get("title", old))


@examples(150)
@given(said=sayings, old=st.sampled_from(["", "A", "Z"]), seed=st.integers(0, 99))
def test_the_order_in_which_words_are_heard_changes_nothing(
    said: list[Said], old: str, seed: int
) -> None:
    shuffled = list(said)
    random.Random(seed).shuffle(shuffled)
    assert title(said, old) == title(shuffled, old)


@examples(150)
@given(said=sayings)
def test_where_servers_spoke_it_is_the_newest_of_their_words(said: list[Said]) -> None:
    servers = [(minutes, f"0-{name}", name) for who, name, minutes in said if who == 0]
    if servers:
        assert title(said, "Z") == max(servers)[2]


@examples(150)
@given(said=sayings)
def test_no_single_browser_changes_what_is_there(said: list[Said]) -> None:
    alone = [(1, name, minutes) for _, name, minutes in said]
    assert title(alone, "Z") == "Z"


@examples(150)
@given(said=sayings)
def test_what_browsers_change_enough_of_them_have_said(said: list[Said]) -> None:
    browsers = [each for each in said if each[0]]
    found = title(browsers, "Z")
    if found != "Z":
        assert len({who for who, name, _ in browsers if name == found}) >= AGREEING


def test_what_is_still_said_is_not_replaced_by_what_was() -> None:
    said = [(1, "A", 0), (2, "A", 1), (3, "B", 2)]
    assert title(said, "B") == "B"
    assert title([*said, (4, "A", 3)], "B") == "A"


def test_an_older_word_of_a_server_fills_and_does_not_replace() -> None:
    assert title([(0, "A", 5)], "B", newest=10) == "B"
    assert title([(0, "A", 10)], "B", newest=10) == "A"
    assert title([(0, "A", 5)], "", newest=10) == "A"


def test_the_first_event_tells_the_kind_and_when_it_began() -> None:
    item = Heard("", first=after(5), newest=after(5))
    item.seen(after(9), "product")
    item.seen(after(1), "article")
    assert (item.kind, item.first, item.newest) == ("article", after(1), after(9))


def test_no_number_of_claims_is_kept() -> None:
    said = [(1, f"title {n}", n) for n in range(500)]
    assert len(heard(said).claims["title"]) <= 20
