"""Arms that are believed to vary at least as much as all of their units together.

Where few did anything, how much an arm varies is as much luck as its mean: an arm with one buyer
too few seems to vary less as well, and its interval would be too short on the side where it is
wrong. One in which nobody bought would seem to be sure of it. So neither arm varies less than all
units do around what they are together, which is how much they vary if nothing differs (as in the
score test of two shares). The larger of the two is taken: of arms of the same size it is next to
the same, and for a small one beside a large one it keeps the promise of an interval, which its own
variance breaks.

What an arm is raised by is like noise that has nothing to do with anything: it is added to what
was measured, and stays when CUPED takes out what was before.
"""

from __future__ import annotations

from dataclasses import dataclass

from personalization.experiments.statistics.samples import Ratio, Sample


@dataclass(frozen=True, slots=True)
class Steady:
    """A sample with the variance that it is believed to have."""

    n: int
    mean: float
    variance: float
    covariance: float
    #: As it was measured, believed to vary in the same way; None: this is it.
    measured: Steady | None = None

    @property
    def unadjusted(self) -> Steady:
        return self.measured or self


def steady(control: Sample, treatment: Sample) -> tuple[Sample, Sample]:
    """Return both arms with at least the variance of all their units together.

    A ratio of an arm that has nothing to be divided by stays as it is: it is not known.
    """
    arms = control.unadjusted, treatment.unadjusted
    per = [one.n * _below(one) for one in arms]
    if not min(per) > 0:
        return control, treatment
    middle = sum(by * one.mean for by, one in zip(per, arms, strict=True)) / sum(per)
    n = control.n + treatment.n
    whole = sum(one.n * _squares(one, middle) for one in arms) / n
    return _raised(control, whole), _raised(treatment, whole)


def _below(sample: Sample) -> float:
    """Return what a unit's value is divided by in the mean: for all but ratios, itself."""
    return sample.below.mean if isinstance(sample, Ratio) else 1.0


def _squares(sample: Sample, middle: float) -> float:
    """Return the mean square of what is not explained by all being `middle`, per unit."""
    if not isinstance(sample, Ratio):
        return sample.variance + (sample.mean - middle) ** 2
    left = sample.squares - 2 * middle * sample.product + middle * middle * sample.per_squares
    return max(left / sample.n, 0.0)


def _raised(sample: Sample, whole: float) -> Steady:
    measure = sample.unadjusted
    by = max(whole / _below(measure) ** 2 - measure.variance, 0.0)
    own = Steady(measure.n, measure.mean, measure.variance + by, measure.variance + by)
    if measure is sample:
        return own
    return Steady(
        n=sample.n,
        mean=sample.mean,
        variance=sample.variance + by,
        covariance=sample.covariance + by,
        measured=own,
    )
