"""What the pages of experiments are made of: offers, words for whom, proposals, what is earned."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.admin.experiment_contents import (
    About,
    about,
    known_for,
    offers,
    segments_with_versions,
    slots,
)
from personalization.admin.experiment_earned import earned_by, earned_of
from personalization.admin.experiment_form import BeginningForm
from personalization.admin.experiment_overview import names_of, overview, what_words, whom_words
from personalization.admin.experiment_policies import policies_of
from personalization.admin.experiment_proposals import advice_of, holdouts_in
from personalization.admin.experiment_tables import table_of, verdict_words, visitors_chart
from personalization.admin.experiment_words import Names
from personalization.delivery.models import Slot, Variation
from personalization.experiments.contents import Content
from personalization.experiments.models import Arm, Experiment, Finding, Metric
from personalization.experiments.results import Interval, MetricResult
from personalization.ml.models import ModelVersion
from personalization.segments.models import Segment
from tests.admin.experiments import (
    compared,
    earning,
    experiment,
    find,
    hero,
    measured,
    metric,
    result,
    whole,
)
from tests.admin.rules import CART

__all__ = ["experiment", "hero", "metric"]

NAMES = Names({"a": "A", "b": "B"})


# -- offers ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_slot_offers_its_default_and_what_is_active_in_its_order(hero: Slot) -> None:
    Variation.objects.filter(name="Red").update(priority=20)
    labels = [offer.label for offer in offers(About("variations", "promo"))]
    assert labels == ["the default of the slot", "Blue, for Guests", "Red, for Guests"]
    Segment.objects.update(active=False)
    assert [offer.content for offer in offers(About("variations", "promo"))] == [""]
    assert [offer.content for offer in offers(About("variations", "nowhere"))] == [""]


@pytest.mark.django_db
def test_a_template_has_contents_for_a_slot_that_the_admin_does_not_know() -> None:
    found = dict(slots())
    assert found["hero"] == "hero"  # of the demo's home page
    keys = [offer.content for offer in offers(About("variations", "hero"))]
    assert keys[0] == ""
    assert all(key.startswith("template:") for key in keys[1:])
    assert len(keys) > 1


@pytest.mark.django_db
def test_a_slot_is_called_as_the_admin_calls_it() -> None:
    Slot.objects.create(slug="hero", name="The top of the page")
    assert dict(slots())["hero"] == "The top of the page"
    assert [slug for slug, _name in slots()].count("hero") == 1


@pytest.mark.django_db
def test_segments_by_rule_alone_have_versions_to_compare(make_segment: Any) -> None:
    segment = make_segment("cart", CART, name="Left a cart")
    make_segment("guests")
    segment.versions.create(number=7, rule=CART)
    assert segments_with_versions() == [("cart", "Left a cart")]


@pytest.mark.django_db
def test_only_versions_that_can_serve_are_offered() -> None:
    for n, status in enumerate(ModelVersion.Status.values):
        ModelVersion.objects.create(name="recommend", number=n + 1, algorithm="x", status=status)
    offered = {offer.content.partition(":")[2] for offer in offers(About("models"))}
    usable = ModelVersion.objects.filter(status__in=("candidate", "serving", "retired"))
    assert offered == {str(one.number) for one in usable}


@pytest.mark.django_db
def test_lists_may_be_called_as_templates_like_and_slots_may_not(hero: Slot) -> None:
    assert known_for(About("models", "picks")).places is None
    places = known_for(About("strategies", "promo")).places or ()
    assert "promo" in places
    assert "nowhere" not in places


def test_of_a_kind_that_there_is_not_nothing_is_offered() -> None:
    assert offers(About("magic")) == ()


def test_what_a_rule_experiment_is_about_stands_in_its_first_version() -> None:
    rules = Experiment(kind="rules", place="promo")
    assert about(rules, ["", "cart:1", "cart:2"]) == About("rules", "promo", "cart")
    assert about(Experiment(kind="models"), ["recommend:1"]) == About("models")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"kind": "variations", "slot": "promo", "segment": ""}, About("variations", "promo")),
        ({"kind": "strategies", "only_in": "promo"}, About("strategies", "promo")),
        ({"kind": "strategies", "only_in": ""}, About("strategies")),
        ({"kind": "rules", "segment": "cart", "slot": "promo"}, About("rules", segment="cart")),
        ({"kind": "models", "list": "picks", "slot": "promo"}, About("models", "picks")),
    ],
)
def test_of_what_is_asked_first_only_what_belongs_to_it_counts(
    hero: Slot, make_segment: Any, asked: dict[str, str], found: About
) -> None:
    make_segment("cart", CART).versions.create(number=7, rule=CART)
    form = BeginningForm(asked)
    assert form.is_valid(), form.errors
    assert form.about == found


# -- words ----------------------------------------------------------------------------------


def test_arms_are_called_by_their_names_or_by_what_they_show() -> None:
    arms = [Arm(key="a", name="Old"), Arm(key="b", content="x:1"), Arm(key="c", content="lost")]
    known = offers(About("strategies"))
    names = names_of([*arms, Arm(key="d", content="priority")], known)
    assert names.of("a") == "Old"
    assert names.of("b") == "B (x:1)"
    assert names.of("d") == "D (the first by priority)"
    assert names.of("z") == "z"  # in the log and not here


def test_what_is_compared_begins_with_a_capital() -> None:
    assert what_words(Experiment(kind="variations", place="promo")) == "Contents of a slot: promo"
    assert what_words(Experiment(kind="models")) == "Versions of what recommends"


def test_who_takes_part_follows_the_ramp() -> None:
    now = timezone.now()
    ramp = [[(now + timedelta(hours=hours)).isoformat(), share] for hours, share in ((-1, 0.5), (1, 1))]  # fmt: skip
    one = Experiment(kind="variations", coverage=0.1, ramp=ramp)
    assert whom_words(one, now=now) == "50 % of all visitors"
    assert whom_words(one, now=now - timedelta(hours=2)) == "10 % of all visitors"
    assert whom_words(one, now=now + timedelta(hours=2)) == "100 % of all visitors"
    one.ramp = ["nonsense"]
    assert whom_words(one, now=now) == "10 % of all visitors"


@pytest.mark.parametrize("verdict", ["better", "worse", "unclear", "too_few", "wrong"])
def test_every_verdict_has_words(verdict: str) -> None:
    assert verdict_words(verdict).replace(" ", "").isalpha()


def test_an_arm_without_a_lift_is_drawn_by_the_difference() -> None:
    plain = compared("better", lift=None, lift_interval=None, difference=0.5)
    shown = replace(plain, interval=Interval(0.25, 0.75))
    table = table_of(0, measured(shown), NAMES)
    assert "+0.50" in table.rows[1].lift
    assert "pz-range" in table.chart
    assert " %" not in table.chart.partition("<desc")[2].partition("</desc>")[0]


def test_a_table_of_too_few_has_no_picture_and_says_what_is_missing() -> None:
    table = table_of(0, measured(compared("too_few")), NAMES)
    assert table.chart == ""
    assert table.rows[1].words == "too few: 38 more"
    assert table.rows[1].lift == table.rows[1].gained == ""


def test_what_took_chance_away_is_told_once() -> None:
    assert table_of(0, measured(compared(reduced_by=0.3)), NAMES).reduced_by == "30 %"
    assert table_of(0, measured(), NAMES).reduced_by == ""


def test_a_role_of_a_later_version_is_left_out() -> None:
    odd: MetricResult = measured(role="mascot")
    assert table_of(0, odd, NAMES).role == ""


def test_of_nobody_there_is_no_picture() -> None:
    assert visitors_chart(None, NAMES) == ""
    assert visitors_chart(result(units=(0, 0)), NAMES) == ""


@pytest.mark.django_db
def test_an_experiment_without_arms_has_a_page_all_the_same() -> None:
    bare = Experiment.objects.create(slug="bare", name="Bare", status="running")
    shown = overview(bare, now=timezone.now())
    assert shown.headline.tone == "too_few"
    assert shown.arms == []


# -- what is earned -------------------------------------------------------------------------


def test_what_is_earned_is_told_by_its_verdict() -> None:
    sentences = {
        "better": "earned +1,240 so far (between +310 and +2,170)",
        "worse": "−1,240 so far, a loss (between −2,170 and −310)",
        "unclear": "not sure yet: +1,240 so far (between +310 and +2,170)",
        "too_few": "Too few: 60 visitors more, of those held out or those who see it.",
    }
    for verdict, sentence in sentences.items():
        assert earned_of(earning("global", verdict)).sentence == sentence
    assert earned_of(None).sentence == "Nothing is counted yet."
    assert earned_of(earning("global", gained=None)).sentence == "No difference is known."
    assert earned_of(replace(earning("global"), metrics=())).gained is None


@pytest.mark.django_db
def test_only_what_is_found_is_told_of_many(django_assert_num_queries: Any) -> None:
    find(earning("slot:promo"))
    Finding.objects.create(subject="slot:odd", content={"metrics": 3})
    with django_assert_num_queries(1):
        found = earned_by(["slot:promo", "slot:odd", "slot:none"])
    assert found["slot:promo"].verdict == "better"
    assert found["slot:odd"].sentence == "Nothing is counted yet."
    assert "slot:none" not in found


# -- what is proposed -----------------------------------------------------------------------

CONTENTS = {
    "promo/variation:7": Content(slot="promo", words="Red", segments=("guests",)),
    "promo/template:0:guests": Content(slot="promo", words="Template"),
}
json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "subject", "values", "proposals"]), inner)
    ),
    max_leaves=8,
)


@given(json | st.fixed_dictionaries({"proposals": json}))
def test_whatever_a_finding_holds_it_breaks_nothing(told: Any) -> None:
    assert isinstance(holdouts_in(told), set)


@pytest.mark.django_db
def test_a_loser_is_told_with_what_it_loses_and_its_button_only_to_who_may() -> None:
    told = {"proposals": [{"code": "retire", "subject": "holdout:promo/variation:7",
                           "values": {"gained": -12.0, "gained_low": None, "gained_high": -3.0}}]}  # fmt: skip
    (seen,) = advice_of(told, contents=CONTENTS, may_pause=True, may_stop=False)
    assert seen.sentence == "“Red” in promo loses: −12 (at most −3). Pause it."
    assert seen.action.endswith("/earnings/pause/7/")
    (looked_at,) = advice_of(told, contents=CONTENTS, may_pause=False, may_stop=True)
    assert (looked_at.action, looked_at.sentence) == ("", seen.sentence)


@pytest.mark.django_db
def test_of_experiments_only_those_that_run_are_told(
    hero: Slot, metric: Metric, django_assert_max_num_queries: Any
) -> None:
    for slug, status in (("one", "running"), ("two", "stopped"), ("three", "running")):
        whole(hero, metric, slug=slug, name=slug, status=status)
    told = {"proposals": [
        {"code": code, "subject": f"experiment:{slug}", "values": {"arm": arm}}
        for code, slug, arm in (
            ("ship", "one", "b"), ("ship", "two", "b"), ("stop", "three", "zz"), ("dance", "one", "b"),
        )
    ]}  # fmt: skip
    with django_assert_max_num_queries(3):
        advice = advice_of(told, contents={}, may_pause=True, may_stop=True)
    assert [one.sentence for one in advice] == [
        "“one” has an answer: Red is better. Stop it, and show that to all.",
        "“three” does harm: in ZZ something got worse that must not. Stop it.",
    ]
    assert all(one.action and one.url for one in advice)


# -- other policies -------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content",
    [{}, [], {"policies": None}, {"policies": 3}, {"policies": [1, {"policy": 3}]},
     {"policies": [{"policy": "shares", "effective_units": "many"}]}],
)  # fmt: skip
def test_policies_that_nobody_can_read_are_none(experiment: Experiment, content: Any) -> None:
    Finding.objects.create(subject="policies:red-hero", content=content)
    assert policies_of(experiment, NAMES, kind="conversion") == []


@pytest.mark.django_db
def test_a_policy_is_told_by_the_best_estimate_that_there_is(experiment: Experiment) -> None:
    def estimate(value: float) -> dict[str, float]:
        return {"value": value, "error": 0.1, "low": value - 1, "high": value + 1}

    told = [
        {"policy": "shares", "effective_units": 500, "clipped": 0.0, "ips": estimate(3),
         "snips": estimate(4), "dr": estimate(5)},
        {"policy": "bandit", "effective_units": 400, "clipped": 0.1, "ips": estimate(3),
         "snips": None, "dr": None},
        {"policy": "always:b", "effective_units": 20, "clipped": 0.0},
    ]  # fmt: skip
    Finding.objects.create(subject="policies:red-hero", content={"policies": told})
    shown = policies_of(experiment, NAMES, kind="value")
    assert [one.value for one in shown] == ["5.00", "3.00", "too few"]
    assert shown[1].between == "between 2.00 and 4.00"
    assert [one.clipped for one in shown] == ["", "10 %", ""]
    assert shown[2].name == "B for everybody"
