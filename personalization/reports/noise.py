"""Noise that hides each person in a count, by OpenDP: the one place that imports it.

It comes with the extra `reports`. The mechanism is the discrete Laplace mechanism (Ghosh,
Roughgarden and Sundararajan, 2009): whole numbers stay whole, and no floating point of
ours takes part in the drawing, through which the true count could leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil

from django.utils.translation import gettext_lazy as _

from personalization.exceptions import PersonalizationError

#: What the error of a count is: it is farther off in one case of twenty.
UNCERTAINTY = 0.05


class NoNoise(PersonalizationError):
    """Nothing can be published without noise: install personalization[reports]."""


@dataclass(frozen=True, kw_only=True)
class Noisy:
    """Counts with noise of `scale`, which cost `epsilon`."""

    counts: tuple[int, ...]
    scale: float
    epsilon: float


def can_add_noise() -> bool:
    """Return whether OpenDP is installed."""
    return find_spec("opendp") is not None


def need_noise() -> None:
    """Do nothing where noise can be added.

    :raises NoNoise: where it cannot.
    """
    if not can_add_noise():
        message = _("Nothing can be published without noise: install personalization[reports].")
        raise NoNoise(str(message))


def add_noise(counts: Sequence[int], *, changes: int, epsilon: float) -> Noisy:
    """Return the counts, each with noise of its own.

    `changes` is by how much one person can change all of them together (their L1
    sensitivity). Whoever sees the result finds any statement about a person at most
    exp(ε) times as likely as without that person; OpenDP proves the ε that is returned.

    :raises NoNoise: without the extra.
    """
    need_noise()
    # Here, for its library is large, and of all processes only one that publishes needs it.
    import opendp.prelude as opendp

    opendp.enable_features("contrib")
    scale = changes / epsilon
    space = opendp.vector_domain(opendp.atom_domain(T="i64")), opendp.l1_distance(T="i64")
    mechanism = opendp.m.make_laplace(*space, scale=scale)
    drawn = mechanism(list(counts))
    spent = float(mechanism.map(changes))  # type: ignore[no-untyped-call]
    return Noisy(counts=tuple(drawn), scale=scale, epsilon=spent)


def reach(scale: float, *, risk: float) -> int:
    """Return what noise of `scale` stays below, except with a probability of `risk`.

    It is meant of both directions: of how far off a count is.

    :raises NoNoise: without the extra.
    """
    need_noise()
    from opendp.accuracy import discrete_laplacian_scale_to_accuracy

    distance: float = discrete_laplacian_scale_to_accuracy(scale=float(scale), alpha=risk)
    return ceil(distance)
