"""A figure is shown with what others reached beside it, in an order that no database decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.training.figures import Figure, figures, headline
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
