"""Where scores and stages begin, as a site says it."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.exceptions import SettingError
from personalization.profiles.shipped import features, frequency_cases, group_cases
from personalization.profiles.thresholds import SCALES, problem_with, shipped, thresholds
from personalization.rules.derived import derived_features


def test_what_is_shipped_can_be_used_and_is_all_there_is() -> None:
    assert problem_with(shipped()) == ""
    assert set(shipped()) == set(SCALES) == set(thresholds())


def test_a_site_names_only_what_is_another_there(settings: Any) -> None:
    settings.PERSONALIZATION_FEATURE_THRESHOLDS = {"rfm.recency": [7, 14, 21, 28]}
    assert thresholds() == {**shipped(), "rfm.recency": [7, 14, 21, 28]}


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"rfm.size": (1, 2, 3, 4)}, "names 'rfm.size'; allowed: rfm.recency"),
        ({"rfm.recency": (30, 60)}, r"rfm.recency is \(30, 60\); 4 numbers are needed"),
        ({"rfm.recency": "1234"}, "4 numbers are needed"),
        ({"rfm.recency": (30, 30, 60, 90)}, "more than the one before"),
        ({"rfm.recency": (30, 60, 90, 0.5)}, "0.5 is no whole number of days"),
        ({"rfm.recency": (30, 60, 90, 36_501)}, "from 1 to 36500"),
        ({"rfm.frequency": (0, 1, 2, 3)}, "0 is no whole number from 1 to 1000"),
        ({"rfm.frequency": (True, 2, 3, 4)}, "True is no whole number"),
        ({"rfm.monetary": (-5, 1, 2, 3)}, "-5 is no number above 0"),
        ({"rfm.monetary": (1, 2, 3, float("nan"))}, "nan is no number"),
        ({"lifecycle.stage": (30, 7, 90)}, "more than the one before"),
        ({"engagement.class": (30, 3)}, "3 numbers are needed"),
    ],
)
def test_what_cannot_be_used_is_refused(settings: Any, named: Any, said: str) -> None:
    settings.PERSONALIZATION_FEATURE_THRESHOLDS = named
    with pytest.raises(SettingError, match=said):
        thresholds()


def test_amounts_may_have_cents_and_engagement_needs_no_order() -> None:
    assert problem_with({"rfm.monetary": (9.99, 19.99, 29.99, 1e9)}) == ""
    assert problem_with({"engagement.class": (14, 5, 2)}) == ""


def test_cases_follow_the_thresholds() -> None:
    assert [
        (score, stored["root"]["rules"][0]["value"])  # type: ignore[index,call-overload]
        for score, stored in frequency_cases((2, 4, 6, 8))
    ] == [(5, 8), (4, 6), (3, 4), (2, 2), (1, 1)]
    assert group_cases((1, 2, 3, 4), (2, 3, 5, 8)) != group_cases((1, 2, 3, 4), (2, 3, 5, 9))


def test_every_feature_says_of_what_it_is_and_in_which_range() -> None:
    names = [each.name for each in features(shipped())]
    assert names == [name for name in derived_features.names() if name in names]
    for name in names:
        feature = derived_features.get(name)
        assert feature is not None
        assert feature.description.endswith(".")
        assert feature.label
        assert len(feature.values()) >= 2
