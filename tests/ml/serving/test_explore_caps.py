"""Chance beside caps of categories: what may be drawn, and with which probability.

All lists that may come of a case are enumerated by what the documentation says, apart from how
it is drawn; what is drawn is held against that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import prod, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.serving.explore import Drawn, explored
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.recommend import Ask, recommend
from personalization.ml.serving.rerank import Candidate, Rule
from personalization.ml.serving.shelf import ShelfItem, shelf_of
from tests.effort import examples
from tests.ml.serving.making import candidates, famous, item, keys

Keys = tuple[str, ...]


def of(*categories: str, name: str) -> list[Candidate]:
    """Return a candidate of each category."""
    return candidates(
        *((item(f"{name}-{at}", category=each), 0.5) for at, each in enumerate(categories))
    )


def may_stand(one: ShelfItem, *, among: Sequence[ShelfItem], cap: int) -> bool:
    same = sum(other.category == one.category for other in among)
    return not cap or not one.category or same < cap


def all_lists(
    chosen: list[Candidate], others: list[Candidate], *, share: float, cap: int,
    beside: Sequence[ShelfItem] = (), above: Sequence[Candidate] = (),
) -> Iterator[tuple[Keys, float]]:  # fmt: skip
    """Yield every list that may come of it, with its probability."""
    at = len(above)
    if at == len(chosen):
        yield tuple(one.item.key for one in above), 1.0
        return
    rest = [*beside, *(one.item for one in (*above, *chosen[at + 1 :]))]
    left = [one for one in others if one not in above and may_stand(one.item, among=rest, cap=cap)]
    stays = 1 - share if at and left else 1.0
    outcomes = [(chosen[at], stays), *((one, (1 - stays) / len(left)) for one in left)]
    for one, probability in outcomes:
        if probability:
            for found, rest_of_it in all_lists(
                chosen, others, share=share, cap=cap, beside=beside, above=(*above, one)
            ):
                yield found, probability * rest_of_it


def probability(found: Sequence[Drawn]) -> float:
    return prod(one.propensity for one in found)


CHOSEN = of("a", "b", "", "c", name="best")
OTHERS = of("a", "b", "b", "d", "", name="other")
PINNED = item("pinned", category="d")
LOTS = [f"visitor-{n}" for n in range(8_000)]


class TestProbabilities:
    @pytest.mark.parametrize("beside", [(), (PINNED,)], ids=["alone", "beside a pin"])
    @pytest.mark.parametrize("cap", [0, 1, 2])
    def test_each_list_comes_as_often_as_its_propensities_say(
        self, cap: int, beside: tuple[ShelfItem, ...]
    ) -> None:
        expected = dict(all_lists(CHOSEN, OTHERS, share=0.4, cap=cap, beside=beside))
        assert sum(expected.values()) == pytest.approx(1)
        often: Counter[Keys] = Counter()
        for lot in LOTS:
            found = explored(
                CHOSEN, others=OTHERS, share=0.4, lot=lot, per_category=cap, beside=beside
            )
            names = tuple(one.candidate.item.key for one in found)
            assert probability(found) == pytest.approx(expected[names])
            often[names] += 1
        for names, each in expected.items():
            # Five deviations of a binomial count: one of a million lists is further off.
            deviation = sqrt(len(LOTS) * each * (1 - each))
            assert abs(often[names] - len(LOTS) * each) < 5 * deviation + 1

    def test_weighed_by_propensity_lists_tell_what_the_list_without_chance_earns(self) -> None:
        """Each item earns what its name says; the list that nobody explores is estimated from
        those that were drawn, each list by the inverse of its probability."""
        earns = {one.item.key: at + 1.0 for at, one in enumerate((*CHOSEN, *OTHERS))}
        wanted = [one.item.key for one in CHOSEN]
        estimates = []
        for lot in LOTS:
            found = explored(CHOSEN, others=OTHERS, share=0.4, lot=lot, per_category=1)
            names = [one.candidate.item.key for one in found]
            estimates.append(
                sum(earns[name] for name in names) / probability(found) if names == wanted else 0.0
            )
        mean = sum(estimates) / len(LOTS)
        deviation = sqrt(sum((each - mean) ** 2 for each in estimates)) / len(LOTS)
        assert abs(mean - sum(earns[name] for name in wanted)) < 5 * deviation

    categories = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=4)

    @given(categories, categories, categories, st.integers(0, 2), st.text(min_size=1, max_size=3))
    @examples(60)
    def test_no_case_has_a_list_whose_probability_is_not_the_product_of_its_propensities(
        self, best: list[str], more: list[str], pins: list[str], cap: int, lot: str
    ) -> None:
        chosen, others = of(*best, name="best"), of(*more, name="other")
        beside = [one.item for one in of(*pins, name="pin")]
        expected = dict(all_lists(chosen, others, share=0.5, cap=cap, beside=beside))
        assert sum(expected.values()) == pytest.approx(1)
        found = explored(chosen, others=others, share=0.5, lot=lot, per_category=cap, beside=beside)
        names = tuple(one.candidate.item.key for one in found)
        assert probability(found) == pytest.approx(expected[names])


class TestCaps:
    def test_chance_puts_no_category_above_its_cap(self) -> None:
        goods = [item(f"{name}{n}", category=name) for name in "ab" for n in range(10)]
        goods += [item(f"z{n}", category=f"z{n}") for n in range(20)]
        policy = Policy(diversity=0.0, per_category=1, explore=0.3)
        drawn = 0
        for lot in LOTS[:300]:
            found = recommend(
                Ask(n=6, policy=policy, lot=lot),
                items=shelf_of(goods), famous=famous(*(one.key for one in goods)),
            )  # fmt: skip
            assert len({one.item.category for one in found}) == 6
            drawn += sum(one.propensity < 0.3 for one in found)
        assert drawn > 300, "there is no less chance than without a cap"

    def test_what_rules_pin_counts(self) -> None:
        goods = [item(f"a{n}", category="a") for n in range(3)]
        goods += [item(f"z{n}", category=f"z{n}") for n in range(6)]
        pin = Rule(action="pin", target="item", value="a2", position=2)
        policy = Policy(diversity=0.0, per_category=1, explore=0.5)
        for lot in LOTS[:200]:
            found = recommend(
                Ask(n=4, policy=policy, lot=lot, rules=(pin,)),
                items=shelf_of(goods), famous=famous(*(one.key for one in goods)),
            )  # fmt: skip
            assert keys(found)[1] == "a2"
            assert not {"a0", "a1"} & set(keys(found))

    def test_an_item_may_be_drawn_in_the_place_of_its_own_category(self) -> None:
        chosen, others = of("z", "a", name="best"), of("a", name="other")
        second = {
            explored(chosen, others=others, share=0.5, lot=lot, per_category=1)[1]
            for lot in LOTS[:100]
        }
        assert {one.propensity for one in second} == {0.5}
        assert {one.candidate.item.key for one in second} == {"best-1", "other-0"}

    def test_where_none_may_stand_nothing_is_left_to_chance(self) -> None:
        chosen, others = of("a", "b", name="best"), of("a", name="other")
        for lot in LOTS[:100]:
            found = explored(chosen, others=others, share=0.5, lot=lot, per_category=1)
            assert [(one.candidate, one.propensity) for one in found] == [
                (one, 1.0) for one in chosen
            ]

    def test_a_category_that_is_over_its_cap_for_want_of_others_gets_no_more(self) -> None:
        chosen, others = of("a", "a", "a", "", name="best"), of("a", "a", name="other")
        for lot in LOTS[:100]:
            found = explored(chosen, others=others, share=0.5, lot=lot, per_category=2)
            assert sum(one.candidate.item.category == "a" for one in found) == 3
            assert not any(one.by_chance for one in found)
