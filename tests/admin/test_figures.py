from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.admin.figures import about, number, rounded, rounded_up


@pytest.mark.parametrize(
    ("n", "low", "high", "words"),
    [
        (1240, 1240, 1240, "1,240"),
        (0, 0, 0, "0"),
        (1240, 1186, 1298, "about 1,240 ± 60"),
        (1240, 740, 1700, "about 1,200 ± 500"),
        (1_234_567, 1_200_000, 1_260_000, "about 1,230,000 ± 40,000"),
        (11, 10, 12, "about 11 ± 1"),
        (0, 0, 190, "at most 190"),
        (40, 2, 230, "at most 300"),
    ],
)
def test_a_figure_has_as_many_digits_as_are_known(n, low, high, words):
    assert about(n, low=low, high=high) == words


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [(100 * 0.29, 0, "29"), (99.99999999999999, 0, "100"), (0.06, 1, "0.1"), (2, 1, "2.0"),
     (100 * 0.57, 1, "57.0"), (0.96, 0, "1")],
)  # fmt: skip
def test_the_last_digit_is_rounded_and_never_cut_off(value, digits, words):
    assert rounded(value, digits) == words


@given(st.integers(0, 10**9))
def test_a_margin_is_never_made_smaller(n):
    assert n <= rounded_up(n) <= 2 * n
    assert len(number(rounded_up(n)).replace(",", "").rstrip("0")) <= 2 or n < 20


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_said_covers_the_interval_but_for_its_rounding(n, below, above):
    low, high = max(n - below, 0), n + above
    words = about(n, low=low, high=high)
    figures = [int(found.replace(",", "")) for found in re.findall(r"[\d,]+", words)]
    if words.startswith("at most"):
        assert figures[0] >= high
    elif "±" in words:
        said, margin = figures
        assert abs(said - n) <= margin
        assert said + 2 * margin >= high
