"""A figure is shown with what others reached beside it, in an order that no database decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.training.figures import Figure, figures, headline, headline_words, judged_by
from tests.effort import examples

METRICS = {
    "cases": 10.0, "serving.hr_20": 0.4, "hr_20": 0.5, "popularity.hr_20": 0.2, "brier": 0.9,
}  # fmt: skip


def test_what_is_compared_comes_first_with_the_others_beside() -> None:
    assert figures(METRICS) == [
        Figure(name="hr_20", value=0.5, beside={"popularity": 0.2, "serving": 0.4}),
        Figure(name="brier", value=0.9),
        Figure(name="cases", value=10.0),
    ]


def test_what_only_others_reached_is_shown_too() -> None:
    assert figures({"serving.hr_20": 0.4}) == [Figure(name="hr_20", beside={"serving": 0.4})]


def test_what_versions_are_judged_by_comes_first() -> None:
    metrics = {"coverage": 0.9, "popularity.coverage": 0.1, "ndcg_20": 0.3}
    assert headline(metrics) == "ndcg_20 0.3000"


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (METRICS, "hr_20 0.5000 (popularity 0.2000, serving 0.4000)"),
        ({"auc": 0.9}, "auc 0.9000"),
        ({"serving.auc": 0.9}, "–"),
        ({}, "–"),
    ],
)
def test_a_version_is_told_in_one_figure(metrics: dict[str, float], words: str) -> None:
    assert headline(metrics) == words


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"ap": 0.64, "base rate.ap": 0.11, "auc": 0.8726, "rows": 9.0}, "AUC 0.87"),
        (
            {"ndcg_20": 0.376, "popularity.ndcg_20": 0.2075, "serving.ndcg_20": 0.3},
            "NDCG@20 0.38 (popularity 0.21, the version that served 0.30)",
        ),
        (
            {"agreement": 1.0, "stable.agreement": 0.9, "groups": 4.0},
            "agreement 1.00 (needed 0.90)",
        ),
        ({"lift": 7.07, "chance.lift": 1.0}, "lift 7.07 (chance 1.00)"),
        (METRICS, "hit rate@20 0.50 (popularity 0.20, the version that served 0.40)"),
        ({"own_figure": 3.0}, "own figure 3.00"),
        ({"serving.auc": 0.9}, "–"),
        ({}, "–"),
    ],
)
def test_people_read_one_figure_by_its_name(metrics: dict[str, float], words: str) -> None:
    assert headline_words(metrics) == words


def test_what_says_most_to_people_need_not_be_what_versions_are_judged_by() -> None:
    found = judged_by({"ap": 0.64, "base rate.ap": 0.11, "auc": 0.87})
    assert found == Figure(name="ap", value=0.64, beside={"base rate": 0.11})
    assert judged_by({"serving.ap": 0.6}) is None


@examples(50)
@given(keys=st.permutations(sorted(METRICS)))
def test_the_order_of_keys_says_nothing(keys: list[str]) -> None:
    assert figures({key: METRICS[key] for key in keys}) == figures(METRICS)


@examples(50)
@given(
    metrics=st.dictionaries(
        st.from_regex(r"[a-z]{1,3}(\.[a-z]{1,3})?", fullmatch=True), st.floats(0, 1)
    )
)
def test_no_figure_is_lost(metrics: dict[str, float]) -> None:
    shown = [
        *(each.value for each in figures(metrics) if each.value is not None),
        *(value for each in figures(metrics) for value in each.beside.values()),
    ]
    assert sorted(shown) == sorted(metrics.values())


def test_next_steps_are_told_beside_the_most_usual_one() -> None:
    (figure,) = figures({"next_step": 0.61, "usual.next_step": 0.25})
    assert figure.words() == "next step told 0.61 (the most usual step 0.25)"
    assert figure.meaning
