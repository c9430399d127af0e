"""Deeds as tests of counting make them, and the plainest way to count them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from personalization.ml.serving.popular import HALF_LIVES, Popular
from personalization.ml.serving.popular_counting import Deed, half_life

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def deed(profile: int, *items: str, weight: float = 1.0, ago: timedelta = timedelta(0)) -> Deed:
    return Deed(profile, items, weight, NOW - ago)


def views(items: Mapping[str, int], *, ago: timedelta = timedelta(0), first: int = 1) -> list[Deed]:
    """Return as many views of each item, each by a visitor of their own, from number `first` on."""
    keys = [key for key, n in items.items() for _ in range(n)]
    return [deed(first + at, key, ago=ago) for at, key in enumerate(keys)]


def worth(one: Deed, life: timedelta) -> float:
    """Return what a deed counts for: half after each half-life."""
    return one.weight * 2.0 ** (-max(NOW - one.at, timedelta(0)) / life)


def naive_worths(deeds: Sequence[Deed], life: timedelta) -> dict[str, float]:
    """Return how much was done with each item: over visitors, the sum of their strongest deeds."""
    items = {item for one in deeds for item in one.items}
    return {item: sum(_strongest(deeds, item, life).values()) for item in sorted(items)}


def naive_scores(deeds: Sequence[Deed]) -> dict[str, float]:
    """Return the score of each item, as a share of the highest."""
    life = half_life(NOW - min(one.at for one in deeds))
    worths = {item: each for item, each in naive_worths(deeds, life).items() if each > 0}
    return {item: each / max(worths.values()) for item, each in worths.items()}


def _strongest(deeds: Iterable[Deed], item: str, life: timedelta) -> dict[int, float]:
    found: dict[int, float] = {}
    for one in deeds:
        if item in one.items:
            found[one.profile_id] = max(found.get(one.profile_id, 0.0), worth(one, life))
    return found


def done_with(found: Popular, item: str) -> dict[timedelta, float]:
    """Return how much was done with an item, by half-life."""
    assert found.count is not None
    return dict(zip(HALF_LIVES, found.count.worths[item], strict=True))


deeds = st.lists(
    st.builds(
        deed,
        st.integers(1, 6),
        st.sampled_from("abcd"),
        weight=st.sampled_from([-1.0, 0.5, 1.0, 3.0, 5.0]),
        ago=st.integers(-3, 14 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
    ),
    max_size=25,
)
