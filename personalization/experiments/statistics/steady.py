"""Arms that are believed to vary at least as much as all of their units together.

Where few did anything, how much an arm varies is as much luck as its mean: an arm with one buyer
too few seems to vary less as well, and its interval would be too short on the side where it is
wrong. One in which nobody bought would seem to be sure of it. So neither arm varies less than all
units do, taken as one arm, which is how much they vary if nothing differs (the variance of the
score test of two shares, and of Student's test, is that one). The larger of the two is taken: of
arms of the same size it is next to the same, and of a small one beside a large one it keeps the
promise of an interval, which its own variance breaks.
"""

from __future__ import annotations

from dataclasses import dataclass

from personalization.experiments.statistics.samples import Sample


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


def steady(control: Sample, treatment: Sample) -> tuple[Steady, Steady]:
    """Return both arms with at least the variance of all their units together."""
    least = _together(control, treatment)
    measures = control.unadjusted, treatment.unadjusted
    least_measured = _together(*measures)
    first, second = (
        _raised(
            one,
            least,
            measured=None if measure is one else _raised(measure, least_measured, measured=None),
        )
        for one, measure in zip((control, treatment), measures, strict=True)
    )
    return first, second


def _raised(sample: Sample, least: float, *, measured: Steady | None) -> Steady:
    variance = max(sample.variance, least)
    return Steady(
        n=sample.n,
        mean=sample.mean,
        variance=variance,
        covariance=variance if measured is None else sample.covariance,
        measured=measured,
    )


def _together(control: Sample, treatment: Sample) -> float:
    """Return the variance of a unit of either arm: within the arms, and between them."""
    n = control.n + treatment.n
    if not n:
        return 0.0
    share, apart = control.n / n, treatment.mean - control.mean
    within = share * control.variance + (1 - share) * treatment.variance
    return within + share * (1 - share) * apart * apart
