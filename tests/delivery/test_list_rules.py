"""Which rules for recommendations hold where and for whom, and how soon a process knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.delivery import list_rules
from personalization.delivery.list_rules import (
    FRESH,
    LEAST_FACTOR,
    MOST_FACTOR,
    Stated,
    holding,
    rules_for,
    stated_by,
)
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.serving.rerank import Rule
from personalization.segments.models import Segment
from tests.delivery.people import make_segments
from tests.effort import examples

NOW = timezone.now()
SHOWN = Rule(action="boost", target="item", value="hat")

places = st.sampled_from(["", "home", "cart"])
slugs = st.sampled_from(["", "loyal", "new"])
written = st.lists(
    st.builds(
        Stated,
        st.integers(0, 99).map(lambda n: replace(SHOWN, value=f"item-{n}")),
        places,
        slugs,
    ),
    max_size=8,
)
members = st.frozensets(st.sampled_from(["loyal", "new", "gone"]))


class TestWhichHold:
    @given(written, st.sampled_from(["home", "cart"]), members)
    @examples(60)
    def test_a_rule_holds_in_its_place_for_its_members_and_nowhere_else(
        self, stated: list[Stated], place: str, segments: frozenset[str]
    ) -> None:
        found = holding(stated, place, segments=segments)
        expected = [
            one.rule
            for one in stated
            if one.place in {"", place} and one.segment in {"", *segments}
        ]
        assert list(found) == expected, "in their order"

    @given(written, st.sampled_from(["home", "cart"]), members)
    @examples(40)
    def test_who_is_in_more_segments_is_under_no_fewer_rules(
        self, stated: list[Stated], place: str, segments: frozenset[str]
    ) -> None:
        everybody = holding(stated, place, segments=())
        theirs = list(holding(stated, place, segments=segments))
        for rule in everybody:
            theirs.remove(rule)

    @given(written, members)
    @examples(40)
    def test_of_the_rules_of_one_segment_nobody_else_hears(
        self, stated: list[Stated], segments: frozenset[str]
    ) -> None:
        others = [one for one in stated if one.segment and one.segment not in segments]
        rest = [one for one in stated if one not in others]
        assert holding(stated, "home", segments=segments) == holding(
            rest, "home", segments=segments
        )

    @given(written)
    @examples(20)
    def test_the_same_rules_are_the_same_key_of_what_is_worked_out(
        self, stated: list[Stated]
    ) -> None:
        once, again = (holding(list(stated), "home", segments=("loyal",)) for _ in range(2))
        assert once == again
        assert hash(once) == hash(again)


class TestWhatARowSays:
    def test_it_is_the_rule_with_its_place_and_its_segment(self) -> None:
        row = RecommendationRule(
            name="Ours", place="home", segment=Segment(slug="loyal"), action="pin",
            target="tag", value="new", factor=3.0, position=4,
        )  # fmt: skip
        assert stated_by(row) == Stated(
            Rule(action="pin", target="tag", value="new", factor=3.0, position=4, name="Ours"),
            "home",
            "loyal",
        )

    def test_what_is_not_said_is_for_everybody_everywhere(self) -> None:
        stated = stated_by(RecommendationRule(action="exclude", target="item", value="hat"))
        assert (stated.place, stated.segment) == ("", "")
        assert (stated.rule.factor, stated.rule.position) == (2.0, 1)

    @given(st.floats(), st.integers(-5, 500))
    @examples(80)
    def test_no_number_multiplies_beyond_what_is_allowed(self, factor: float, at: int) -> None:
        row = RecommendationRule(action="boost", target="item", factor=factor, position=at)
        rule = stated_by(row).rule
        assert LEAST_FACTOR <= rule.factor <= MOST_FACTOR
        assert rule.position >= 1
        if LEAST_FACTOR <= factor <= MOST_FACTOR:
            assert rule.factor == factor
        if at >= 1:
            assert rule.position == at

    def test_every_action_and_target_of_a_form_is_one_of_a_rule(self) -> None:
        for action in RecommendationRule.Action.values:
            for target in RecommendationRule.Target.values:
                rule = stated_by(RecommendationRule(action=action, target=target)).rule
                assert (rule.action, rule.target) == (action, target)


@pytest.mark.django_db
class TestInMemory:
    def names(self, *segments: str, place: str = "home", later: timedelta = timedelta(0)):
        return [rule.name for rule in rules_for(place, segments=segments, now=NOW + later)]

    def write(self, name: str, **said: object) -> RecommendationRule:
        return RecommendationRule.objects.create(
            name=name, action="exclude", target="item", value="hat", **said
        )

    def test_they_hold_by_their_names(self) -> None:
        for name in ("middle", "zulu", "alpha"):
            self.write(name)
        assert self.names() == ["alpha", "middle", "zulu"]

    def test_two_of_one_name_hold_in_the_order_in_which_they_were_written(self) -> None:
        for value in ("first", "second"):
            RecommendationRule.objects.create(name="same", action="pin", target="item", value=value)
        found = rules_for("home", segments=(), now=NOW)
        assert [rule.value for rule in found] == ["first", "second"]

    def test_what_is_not_active_holds_for_nobody(self) -> None:
        self.write("off", is_active=False)
        assert self.names("loyal") == []

    def test_all_of_them_are_one_query_in_a_few_seconds(self) -> None:
        segments = make_segments("loyal", "new")
        for n in range(10):
            self.write(f"{n}", segment=segments["loyal" if n % 2 else "new"])
        with CaptureQueriesContext(connection) as captured:
            assert len(self.names("loyal")) == 5
            assert len(self.names("new", place="cart")) == 5
            assert self.names(later=FRESH / 2) == []
        assert len([q for q in captured if "SAVEPOINT" not in q["sql"]]) == 1

    def test_what_others_wrote_holds_within_seconds_and_what_we_wrote_at_once(self) -> None:
        self.write("ours")
        assert self.names() == ["ours"]
        self.write("theirs")
        assert self.names() == ["ours"]
        assert self.names(later=FRESH) == ["ours", "theirs"]
        RecommendationRule.objects.all().delete()
        list_rules.forget()
        assert self.names() == []

    def test_a_segment_of_another_name_takes_its_rules_along(self) -> None:
        loyal = make_segments("loyal")["loyal"]
        self.write("ours", segment=loyal)
        Segment.objects.filter(pk=loyal.pk).update(slug="faithful")
        assert self.names("faithful") == ["ours"]
        assert self.names("loyal") == []


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("10–50", True),
        ("50-", True),
        ("–20", True),
        ("15", True),
        ("50–10", False),
        ("dear", False),
    ],
)
def test_a_price_has_to_be_a_range(value: str, fits: bool) -> None:
    rule = RecommendationRule(name="x", action="boost", target="price", value=value)
    if fits:
        return rule.clean()
    with pytest.raises(ValidationError, match="is no range of prices") as refused:
        rule.clean()
    assert set(refused.value.message_dict) == {"value"}
