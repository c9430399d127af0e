"""How hard property tests try: the same examples every time, or many new ones."""

from __future__ import annotations

import os
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, settings

#: How many times as many examples a profile of Hypothesis runs; new ones each time if more.
EFFORTS = {"brief": 0.2, "default": 1, "thorough": 5, "nightly": 10}
#: The part of the examples of a test that takes long which is tried without `-m slow`.
PART = 0.15
Tries: TypeAlias = settings
EFFORT = EFFORTS[os.environ.get("HYPOTHESIS_PROFILE", "default")]


def examples(n: int) -> settings:
    """Run `n` examples, always the same; other profiles run several times as many, random."""
    return settings(
        max_examples=max(1, round(EFFORT * n)),
        derandomize=EFFORT <= 1,
        deadline=None,
        # Fixtures may be shared by the examples: those that write roll their work back.
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.function_scoped_fixture,
        ],
    )


def some_or_all(n: int) -> pytest.MarkDecorator:
    """Give a test that takes long its `tries`: a part of the `n` examples in each run, and all of
    them in the slow one. Profiles that run fewer leave that part as it is."""
    part = examples(max(1, round(PART * max(1, 1 / EFFORT) * n)))
    both = [part, pytest.param(examples(n), marks=pytest.mark.slow)]
    return pytest.mark.parametrize("tries", both, ids=["some", "all"])
