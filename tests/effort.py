"""How hard property tests try: the same examples every time, or many new ones."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def examples(n: int) -> settings:
    """Run `n` examples, always the same; the thorough profile runs 5 times as many, random."""
    return settings(
        max_examples=5 * n if THOROUGH else n,
        derandomize=not THOROUGH,
        deadline=None,
        # Fixtures may be shared by the examples: those that write roll their work back.
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.function_scoped_fixture,
        ],
    )
