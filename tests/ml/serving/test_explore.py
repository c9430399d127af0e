from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.serving.explore import explored
from tests.effort import examples
from tests.ml.serving.making import candidates, item

LISTED = candidates(*((item(f"best-{n}"), 1 - n / 10) for n in range(4)))
OTHERS = candidates(*((item(f"other-{n}"), 0.1) for n in range(5)))
LOTS = [f"visitor-{n}" for n in range(4000)]


def drawn(lot: str = "somebody", share: float = 0.2, others=OTHERS):
    return explored(LISTED, others=others, share=share, lot=lot)


def shown(lot: str, **options) -> list[str]:
    return [one.candidate.item.key for one in drawn(lot, **options)]


def test_the_same_lot_draws_the_same():
    assert drawn("a", 0.5) == drawn("a", 0.5)
    assert len({tuple(shown(lot, share=0.5)) for lot in LOTS[:50]}) > 10


@pytest.mark.parametrize(
    "options", [{"lot": ""}, {"share": 0.0}, {"others": ()}], ids=["no lot", "no share", "no other"]
)
def test_without_chance_the_list_stays_and_is_certain(options):
    found = drawn(**options)
    assert [one.candidate for one in found] == LISTED
    assert {one.propensity for one in found} == {1.0}
    assert not any(one.by_chance for one in found)


def test_the_first_position_is_never_left_to_chance():
    assert {shown(lot, share=0.5)[0] for lot in LOTS[:200]} == {"best-0"}
    assert {drawn(lot, 0.5)[0].propensity for lot in LOTS[:200]} == {1.0}


def test_no_item_is_shown_twice():
    for lot in LOTS[:300]:
        assert len(set(shown(lot, share=0.5))) == len(LISTED)


def test_propensities_are_how_often_an_item_stands_there():
    second = [drawn(lot)[1] for lot in LOTS]
    often = Counter(one.candidate.item.key for one in second)
    for one in second:
        share = often[one.candidate.item.key] / len(LOTS)
        assert one.propensity == pytest.approx(share, abs=0.03)


def test_the_propensities_of_all_that_may_stand_somewhere_add_up_to_one():
    second = {one.candidate.item.key: one.propensity for one in (drawn(lot)[1] for lot in LOTS)}
    assert set(second) == {"best-1", *(f"other-{n}" for n in range(5))}
    assert sum(second.values()) == pytest.approx(1)


def test_clicks_weighed_by_propensity_tell_what_another_list_would_have_earned():
    """Clicks come with a rate for each item; weighed by inverse propensity, what was clicked
    while exploring tells the rate of an item that is mostly not shown."""
    wanted = "other-3"
    clicks = [
        1 / one.propensity
        for one in (drawn(lot)[1] for lot in LOTS)
        if one.candidate.item.key == wanted
    ]
    assert sum(clicks) / len(LOTS) == pytest.approx(1.0, abs=0.25)


def test_what_is_drawn_stays_when_another_candidate_goes():
    lots = [lot for lot in LOTS if drawn(lot)[1].by_chance][:100]
    for lot in lots:
        was = drawn(lot)[1].candidate
        fewer = [one for one in OTHERS if one == was or one is not OTHERS[0]]
        assert explored(LISTED, others=fewer, share=0.2, lot=lot)[1].candidate == was


@given(st.text(min_size=1), st.floats(0.01, 0.5), st.integers(0, 5))
@examples(100)
def test_it_is_what_a_hash_of_lot_position_and_item_draws(lot, share, n):
    """Lists stay what they are for a lot: what is learned of them later is of what was shown."""

    def draw(*what) -> float:
        text = "\n".join([lot, *map(str, what)]).encode(errors="replace")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) / 2**64

    expected, left = [LISTED[0]], list(OTHERS[:n])
    for position in range(1, len(LISTED)):
        one = LISTED[position]
        if left and draw(position) < share:
            one = min(left, key=lambda each: draw(position, each.item.key))
            left.remove(one)
        expected.append(one)
    found = explored(LISTED, others=OTHERS[:n], share=share, lot=lot)
    assert [one.candidate for one in found] == expected
