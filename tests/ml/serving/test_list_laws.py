"""Laws that hold for every shelf, every rule and every policy, whatever they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.ml.history import History, Step, history_of
from personalization.ml.item_events import BOUGHT
from personalization.ml.serving.diversity import similarity
from personalization.ml.serving.explore import explored
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.popular import Popular, in_order
from personalization.ml.serving.reasons import LAST, leading, led_by
from personalization.ml.serving.recommend import Ask, recommend
from personalization.ml.serving.rerank import Rule, known_items, listing_of
from personalization.ml.serving.shelf import shelf_of
from tests.effort import examples
from tests.ml.serving.making import ByLast, candidates, item, keys

NAMES = [f"p{n:02}" for n in range(16)]
PLAIN = Policy(diversity=0.0, explore=0.0)

#: Items of each kind, of three categories and of none, with some tags or none.
GOODS = [
    item(
        name,
        kind=("product", "article")[n % 2],
        category=("", "a", "b", "c")[n // 2 % 4],
        tags=tuple("xyz"[: n % 4]),
    )
    for n, name in enumerate(NAMES)
]
stock = st.lists(st.sampled_from(GOODS), unique_by=lambda one: one.key, max_size=16)
scores = st.lists(
    st.tuples(st.sampled_from([*NAMES, "gone"]), st.integers(1, 1000)), max_size=16
).map(lambda pairs: {key: score / 1000 for key, score in pairs})
values = st.sampled_from([*NAMES[:6], "product", "article", "a", "b", "x", "y", "nothing"])
targets = st.sampled_from(["item", "kind", "category", "tag"])


def rules_of(*actions: str):
    return st.lists(
        st.builds(
            Rule,
            action=st.sampled_from(actions),
            target=targets,
            value=values,
            factor=st.floats(1, 100),
            position=st.integers(1, 9),
        ),
        max_size=4,
    ).map(tuple)


steps = st.lists(
    st.tuples(
        st.sampled_from([*NAMES, "gone"]),
        st.sampled_from(["Product Viewed", "Product Added", BOUGHT]),
    ),
    max_size=8,
).map(lambda pairs: tuple(Step(item=key, at=at, kind=kind) for at, (key, kind) in enumerate(pairs)))
#: Some bought things long before the first step.
histories = st.builds(
    History, steps=steps, bought=st.just(frozenset()) | st.frozensets(st.sampled_from(NAMES))
)


def listed(goods, famous, *, n=8, scorer=None, **fields):
    ask = Ask(**{"n": n, "policy": PLAIN, **fields})
    return recommend(ask, items=shelf_of(goods), famous=in_order(famous), scorer=scorer)


class TestRules:
    @given(stock, scores, rules_of("exclude", "pin", "boost", "bury"), st.text(max_size=4))
    @examples(40)
    def test_what_is_excluded_is_nowhere_even_where_it_is_pinned_boosted_or_drawn(
        self, goods, famous, stated, lot
    ):
        found = listed(
            goods, famous, rules=stated, lot=lot, policy=Policy(explore=0.5, diversity=0.5)
        )
        excluding = [rule for rule in stated if rule.action == "exclude"]
        assert not [one for one in found for rule in excluding if rule.matches(one.item)]

    @given(stock, scores, st.data())
    @examples(40)
    def test_what_is_pinned_stands_at_its_position_or_at_the_end(self, goods, famous, data):
        assume(goods)
        pinned = data.draw(st.sampled_from(goods)).key
        position = data.draw(st.integers(1, 8))
        policy = data.draw(st.builds(Policy, diversity=st.floats(0, 1), explore=st.floats(0, 0.5)))
        rule = Rule(action="pin", target="item", value=pinned, position=position)
        found = listed(goods, famous, rules=(rule,), policy=policy, lot="x")
        assert keys(found)[min(position, len(found)) - 1] == pinned
        assert [one.position for one in found if one.reason.code == "pinned"] == [
            min(position, len(found))
        ]

    @given(stock, scores, rules_of("pin"))
    @examples(40)
    def test_what_is_not_pinned_keeps_its_order(self, goods, famous, stated):
        free = keys(listed(goods, famous, n=16))
        found = listed(goods, famous, n=16, rules=stated)
        rest = [one.item.key for one in found if one.reason.code != "pinned"]
        assert rest == [key for key in free if key in rest]
        assert len(found) >= len(free), "a pin takes nothing out of the list"

    @given(stock, scores, rules_of("exclude"))
    @examples(40)
    def test_without_what_is_excluded_the_others_keep_their_order(self, goods, famous, stated):
        gone = {one.key for one in goods for rule in stated if rule.matches(one)}
        everything = keys(listed(goods, famous, n=16))
        assert keys(listed(goods, famous, n=16, rules=stated)) == [
            key for key in everything if key not in gone
        ]

    @given(stock, scores, targets, values, st.floats(1, 100).map(lambda factor: round(factor, 3)))
    @examples(40)
    def test_a_boost_lowers_nothing_that_it_is_about_and_burying_undoes_it(
        self, goods, famous, target, value, factor
    ):
        boost = Rule(action="boost", target=target, value=value, factor=factor)
        free = keys(listed(goods, famous, n=16))
        lifted = keys(listed(goods, famous, n=16, rules=(boost,)))
        about = {one.key for one in goods if boost.matches(one)}
        unknown = about - set(free) if factor > 1 else set()
        assert set(lifted) == set(free) | unknown
        assert [key for key in lifted if key in about][len(about & set(free)) :] == [
            key for key in lifted if key in unknown
        ], "what nobody knows comes behind what is known"
        assert all(lifted.index(key) <= free.index(key) for key in about & set(free))
        listing = listing_of(shelf_of(goods), rules=(boost, replace(boost, action="bury")))
        assert all(abs(each - 1) < 1e-9 for each in listing.factors.values())

    @given(stock, scores, rules_of("boost", "bury", "exclude"), st.randoms())
    @examples(20)
    def test_the_order_of_rules_that_pin_nothing_says_nothing(self, goods, famous, stated, random):
        # Factors that can be multiplied in any order without a rounding.
        exact = [replace(rule, factor=2.0) for rule in stated]
        mixed = random.sample(exact, len(exact))
        assert keys(listed(goods, famous, rules=tuple(exact))) == keys(
            listed(goods, famous, rules=tuple(mixed))
        )

    @given(stock, rules_of("exclude", "pin", "boost", "bury"), st.sampled_from(["product", "no"]))
    @examples(20)
    def test_a_listing_pins_nothing_and_weighs_nothing_that_is_not_on_the_shelf(
        self, goods, stated, kind
    ):
        shelf = shelf_of(goods)
        listing = listing_of(shelf, rules=stated, kinds=(kind,))
        assert {one.kind for one in listing.items.values()} <= {kind}
        assert {key for _, pinned in listing.pins for key in pinned} <= listing.items.keys()
        assert listing.factors.keys() <= shelf.items.keys()
        positions = [position for position, _ in listing.pins]
        assert positions == sorted(positions)


class TestVariety:
    @given(stock, scores, st.integers(0, 16))
    @examples(30)
    def test_where_relevance_alone_counts_the_whole_way_is_the_order_of_scores(
        self, goods, famous, n
    ):
        known = {one.key for one in goods}
        found = listed(goods, famous, n=n)
        ranked = [key for key, _ in in_order(famous).ranked if key in known]
        assert keys(found) == ranked[:n]

    @given(
        stock, scores, st.integers(1, 3), st.integers(1, 8), rules_of("pin"),
        st.floats(0, 0.5), st.text(max_size=4),
    )  # fmt: skip
    @examples(80)
    def test_a_cap_holds_for_all_that_rules_did_not_pin_and_for_what_chance_draws(
        self, goods, famous, cap, n, stated, explore, lot
    ):
        policy = replace(PLAIN, per_category=cap, explore=explore)
        found = listed(goods, famous, n=n, rules=stated, policy=policy, lot=lot)
        counts = Counter(one.item.category for one in found if one.item.category)
        over = {
            one.item.category
            for one in found
            if counts[one.item.category] > cap and one.reason.code != "pinned"
        } - {""}
        left = {key for key in famous if key in {one.key for one in goods}} - set(keys(found))
        categories = {one.key: one.category for one in goods}
        if over:
            assert all(counts[categories[key]] >= cap and categories[key] for key in left), (
                "a category is over its cap only where nothing else is left"
            )

    @given(stock)
    @examples(20)
    def test_likeness_is_mutual_and_greatest_to_what_has_the_same_marks(self, goods):
        for one in goods:
            assert similarity(one, one) == (1.0 if one.marks else 0.0)
            for other in goods:
                assert similarity(one, other) == similarity(other, one)
                assert 0 <= similarity(one, other) <= 1


class TestChance:
    shares = st.floats(0.01, 0.5)

    @given(st.integers(1, 8), st.integers(0, 8), shares, st.text(min_size=1, max_size=5))
    @examples(40)
    def test_the_probabilities_of_all_that_may_stand_at_a_position_add_up_to_one(
        self, n, more, share, lot
    ):
        chosen = candidates(*((item(f"best-{at}"), 1.0) for at in range(n)))
        others = candidates(*((item(f"other-{at}"), 0.1) for at in range(more)))
        drawn_before = 0
        for at, one in enumerate(explored(chosen, others=others, share=share, lot=lot)):
            left = more - drawn_before
            if at == 0 or not left:
                assert (one.propensity, one.by_chance) == (1.0, False)
                continue
            usual = 1 - share
            each = one.propensity if one.by_chance else (1 - one.propensity) / left
            assert abs(usual + left * each - 1) < 1e-9
            drawn_before += one.by_chance

    @given(st.integers(1, 8), st.integers(0, 8), shares, st.text(min_size=1, max_size=5))
    @examples(30)
    def test_what_chance_leaves_alone_stands_where_it_would_anyway(self, n, more, share, lot):
        chosen = candidates(*((item(f"best-{at}"), 1.0) for at in range(n)))
        others = candidates(*((item(f"other-{at}"), 0.1) for at in range(more)))
        found = explored(chosen, others=others, share=share, lot=lot)
        assert len(found) == n
        for one, usual in zip(found, chosen, strict=True):
            assert (one.candidate in others) if one.by_chance else (one.candidate == usual)

    @given(stock, scores, st.text(min_size=1, max_size=5), st.randoms())
    @examples(20)
    def test_the_order_in_which_other_candidates_come_draws_nothing_else(
        self, goods, famous, lot, random
    ):
        others = candidates(*((one, 0.1) for one in goods))
        mixed = random.sample(others, len(others))
        chosen = candidates(*((item(f"best-{at}"), 1.0) for at in range(5)))
        assert explored(chosen, others=others, share=0.5, lot=lot) == explored(
            chosen, others=mixed, share=0.5, lot=lot
        )

    def test_half_a_letter_in_a_lot_is_drawn_by_too(self):
        chosen = candidates(*((item(f"best-{at}"), 1.0) for at in range(5)))
        others = candidates((item("other"), 0.1))
        assert len(explored(chosen, others=others, share=0.5, lot="\ud800")) == 5


class TestHistories:
    @given(histories)
    @examples(30)
    def test_the_more_is_left_out_the_more_a_policy_hides(self, history):
        hide, bought, keep = (
            known_items(history, Policy(seen=seen)) for seen in ("hide", "bought", "keep")
        )
        assert keep <= bought <= hide == history.bought.union(history.items)

    @given(stock, scores, histories)
    @examples(30)
    def test_what_was_bought_is_not_listed_again_and_the_rest_keeps_its_order(
        self, goods, famous, history
    ):
        bought = {step.item for step in history.steps if step.kind == BOUGHT} | history.bought
        found = listed(goods, famous, n=16, history=history, policy=replace(PLAIN, seen="bought"))
        assert keys(found) == [
            key for key in keys(listed(goods, famous, n=16)) if key not in bought
        ]

    @given(stock, scores, histories, st.sampled_from(NAMES))
    @examples(30)
    def test_what_the_page_is_about_is_in_no_list_of_it(self, goods, famous, history, about):
        leads = {about: dict.fromkeys([*NAMES, about], 0.5)}
        pin = Rule(action="pin", target="item", value=about)
        found = listed(
            goods, famous, history=history, item=about, scorer=ByLast(leads), rules=(pin,)
        )
        assert about not in keys(found)

    @given(stock, scores, histories)
    @examples(30)
    def test_every_reason_names_an_item_that_pages_can_link_to(self, goods, famous, history):
        leads = {name: dict.fromkeys(NAMES, 0.5) for name in NAMES}
        on_shelf = {one.key: one for one in goods}
        for one in listed(goods, famous, history=history, scorer=ByLast(leads)):
            if one.reason.item is not None:
                assert on_shelf[one.reason.item.key] is one.reason.item
                assert one.reason.item != one.item
            assert str(one.reason)

    @given(histories)
    @examples(30)
    def test_few_items_are_named_and_each_by_the_most_that_was_done_with_it(self, history):
        named = leading(history)
        assert len({step.item for step in named}) == len(named) <= LAST
        assert {step.item for step in named} <= set(history.items)
        for step in named:
            if any(s.kind == BOUGHT and s.item == step.item for s in history.steps):
                assert step.kind == BOUGHT

    @given(histories, scores)
    @examples(20)
    def test_no_item_is_the_reason_for_itself(self, history, scores):
        items = {name: item(name) for name in NAMES}
        led = {step.item: scores for step in history.steps}
        for key in NAMES:
            reason = led_by(key, leading(history), led=led, items=items)
            assert reason is None or (reason.item is not None and reason.item.key != key)


@given(stock, scores, histories)
@examples(20)
def test_a_model_that_says_nothing_changes_nothing(goods, famous, history):
    asked = listed(goods, famous, history=history, scorer=ByLast({}))
    assert keys(asked) == keys(listed(goods, famous, history=history))
    assert {one.model_version for one in asked} <= {None}


@given(scores, st.lists(st.sampled_from([*NAMES, "gone"]), unique=True), st.integers(0, 20))
@examples(30)
def test_the_best_of_some_are_the_best_of_all_without_the_others(famous, some, n):
    ranking = in_order(famous)
    assert (
        ranking.best_of(tuple(some), n) == [pair for pair in ranking.ranked if pair[0] in some][:n]
    )


@given(scores, st.sets(st.sampled_from([*NAMES, "gone"])), st.integers(0, 20))
@examples(30)
def test_the_best_without_some_are_the_best_of_the_others(famous, some, n):
    ranking = in_order(famous)
    others = [pair for pair in ranking.ranked if pair[0] not in some]
    assert list(ranking.best(n, without=some)) == others[:n]


@given(stock, scores)
@examples(20)
def test_a_listing_weighs_what_is_popular_once_for_each_count(goods, famous):
    listing = listing_of(shelf_of(goods), rules=())
    one, other = in_order(famous), Popular()
    assert listing.weighed(one) is listing.weighed(one)
    assert listing.weighed(other).ranked == ()
    assert {key for key, _ in listing.weighed(one).ranked} <= listing.items.keys()


@given(stock, scores, st.integers(0, 8))
@examples(20)
def test_a_history_of_one_visit_is_asked_of_the_model_as_it_is(goods, famous, n):
    scorer = ByLast({"p00": dict.fromkeys(NAMES, 1.0)})
    listed(goods, famous, history=history_of(*NAMES[:n]), scorer=scorer)
    assert [asked.items for asked in scorer.asked] == ([tuple(NAMES[:n])] if n else [])
