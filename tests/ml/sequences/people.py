"""Walks for tests of sequences: in few words, and as Hypothesis makes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from personalization.ml.walks import Walk

MINUTE = 60_000_000


def walk(*steps: str, minutes: tuple[float, ...] = ()) -> Walk:
    """Return steps a minute apart, unless their minutes are given."""
    at = minutes or tuple(range(len(steps)))
    return Walk(steps=steps, at=tuple(round(each * MINUTE) for each in at))


@st.composite
def _walk(draw: st.DrawFn, names: str, most: int) -> Walk:
    steps = draw(st.lists(st.sampled_from(names), max_size=most))
    pauses = draw(st.lists(st.sampled_from([1, 5, 31]), min_size=len(steps), max_size=len(steps)))
    return walk(*steps, minutes=tuple(sum(pauses[: n + 1]) for n in range(len(steps))))


def people(*, names: str = "abc", most: int = 7, n: int = 8) -> st.SearchStrategy[list[Walk]]:
    return st.lists(_walk(names, most), min_size=1, max_size=n)
