"""Probabilities as log-odds, and back."""

from __future__ import annotations

import numpy as np

from personalization.ml.arrays import Doubles

#: Closer to 0 or 1 than this nothing is: its log-odds would be infinite.
_LEAST = 1e-12


def probabilities(log_odds: Doubles) -> Doubles:
    """Return the probabilities of log-odds (the logistic function), without overflow."""
    small = np.exp(-np.abs(log_odds))
    result: Doubles = np.where(log_odds >= 0, 1.0, small) / (1.0 + small)
    return result


def log_odds(probabilities: Doubles) -> Doubles:
    """Return the log-odds of probabilities, finite even for 0 and 1."""
    inner = np.clip(probabilities, _LEAST, 1 - _LEAST)
    result: Doubles = np.log(inner) - np.log1p(-inner)
    return result
