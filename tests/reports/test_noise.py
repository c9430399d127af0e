"""Noise: of the right size, whole, new for each count, and never left out."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from math import exp, log

import pytest

from personalization.reports import noise
from personalization.reports.noise import UNCERTAINTY, NoNoise, add_noise, reach

pytest.importorskip("opendp")

DRAWS = 20_000
#: No test of ours may fail by chance: what is allowed below is left once in 10⁹ runs.
NEVER = 1e-9


def off_by(*, changes: int, epsilon: float) -> list[int]:
    """Return how far off many counts of 0 are: each has noise for one person's `changes`."""
    return list(add_noise([0] * DRAWS, changes=changes, epsilon=epsilon).counts)


def allowance(n: int = DRAWS) -> float:
    """Return how far a share of `n` draws may be from its probability (Hoeffding, 1963)."""
    return float((log(2 / NEVER) / (2 * n)) ** 0.5)


def test_counts_stay_whole_numbers() -> None:
    noisy = add_noise([100, 0, 7], changes=3, epsilon=1.0)
    assert all(type(count) is int for count in noisy.counts)
    assert len(noisy.counts) == 3


def test_the_noise_is_as_wide_as_what_one_person_changes_by_what_may_be_told() -> None:
    assert add_noise([1], changes=1, epsilon=0.5).scale == pytest.approx(2)
    assert add_noise([1] * 4, changes=4, epsilon=0.5).scale == pytest.approx(8)


def test_what_it_costs_is_what_was_asked() -> None:
    assert add_noise([1] * 3, changes=3, epsilon=0.7).epsilon == pytest.approx(0.7)


@pytest.mark.parametrize(("changes", "epsilon"), [(1, 1.0), (1, 0.2), (3, 1.0)])
def test_the_noise_has_the_distribution_that_the_proof_is_about(
    changes: int, epsilon: float
) -> None:
    found = Counter(off_by(changes=changes, epsilon=epsilon))
    q = exp(-epsilon / changes)
    for value in range(-3, 4):  # P(X = k) = (1 − q) / (1 + q) · q^|k|
        wanted = (1 - q) / (1 + q) * q ** abs(value)
        assert found[value] / DRAWS == pytest.approx(wanted, abs=allowance())


def test_with_or_without_a_person_nothing_is_much_more_likely() -> None:
    epsilon = 1.0
    without = Counter(add_noise([10] * DRAWS, changes=1, epsilon=epsilon).counts)
    with_one = Counter(add_noise([11] * DRAWS, changes=1, epsilon=epsilon).counts)
    for count in range(8, 14):
        one, other = with_one[count] / DRAWS, without[count] / DRAWS
        assert one <= exp(epsilon) * (other + allowance()) + allowance()
        assert other <= exp(epsilon) * (one + allowance()) + allowance()


def test_it_is_off_by_more_than_the_error_as_seldom_as_said() -> None:
    error = reach(5.0, risk=UNCERTAINTY)
    beyond = sum(abs(each) > error for each in off_by(changes=1, epsilon=0.2))
    assert beyond / DRAWS <= UNCERTAINTY + allowance()


def test_the_error_is_not_said_to_be_larger_than_it_is() -> None:
    half = reach(5.0, risk=UNCERTAINTY) / 2
    beyond = sum(abs(each) > half for each in off_by(changes=1, epsilon=0.2))
    assert beyond / DRAWS > UNCERTAINTY


def test_less_risk_reaches_farther() -> None:
    assert reach(5.0, risk=1e-6) > reach(5.0, risk=0.05)


def test_a_whole_scale_is_as_good_as_any() -> None:
    whole_scale = 5
    assert reach(whole_scale, risk=0.05) == reach(5.0, risk=0.05)


def test_two_counts_do_not_share_their_noise() -> None:
    pairs = [add_noise([0, 0], changes=2, epsilon=0.1).counts for _ in range(40)]
    assert any(one != other for one, other in pairs)


def test_where_opendp_is_not_installed_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opendp", None)
    assert not noise.can_add_noise()
    with pytest.raises(NoNoise, match=r"personalization\[reports\]"):
        add_noise([1], changes=1, epsilon=1.0)
    with pytest.raises(NoNoise, match=r"personalization\[reports\]"):
        reach(1.0, risk=0.05)


def test_a_process_that_publishes_nothing_does_not_load_its_library() -> None:
    program = (
        "import sys; from personalization.reports import noise\n"
        "print(noise.can_add_noise(), 'opendp' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout.strip() == "True False", told.stderr
