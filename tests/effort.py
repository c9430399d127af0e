"""How hard property tests try: the same examples every time, or many new ones."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: How many times as many examples a profile of Hypothesis runs; new ones each time if more.
EFFORTS = {"brief": 0.2, "default": 1, "thorough": 5, "nightly": 10}
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
