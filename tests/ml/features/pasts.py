"""Histories for tests of features: events in few words, and as Hypothesis makes them up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from personalization.clock import microseconds, span
from personalization.ml.features.deeds import Deed, deed_of
from personalization.ml.features.past import Past
from personalization.ml.features.table import past_of
from personalization.rules.occurrence import Occurrence

#: A Monday, ten in the morning.
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
GAP = span(timedelta(minutes=30))


def deed(
    name: str, *, ago: timedelta, context: Any = None, kind: str = "track", **properties: Any
) -> Deed:
    """Return an event that happened so long before `NOW`."""
    at = microseconds(NOW - ago)
    return deed_of(Occurrence(kind, name, properties, at, f"m{at}"), context or {})


def page(path: str, *, ago: timedelta, **more: Any) -> Deed:
    return deed("Page Viewed", ago=ago, kind="page", path=path, **more)


def past(*deeds: Deed, at: datetime = NOW, zone: str = "UTC") -> Past:
    return past_of(sorted(deeds), at=microseconds(at), gap=GAP, zone=zone)


_PROPERTIES = {
    "Page Viewed": st.fixed_dictionaries({"path": st.sampled_from(["/", "/shop/1", "/blog/"])}),
    "Product Viewed": st.fixed_dictionaries({"product_id": st.sampled_from(["a", "b", 7])}),
    "Product Added": st.just({"product_id": "a"}),
    "Order Completed": st.fixed_dictionaries(
        {"total": st.floats(0, 500) | st.sampled_from([0.1, 0.2, "12", None])}
    ),
    "Engaged": st.fixed_dictionaries({"seconds": st.integers(1, 90)}),
    "Scroll Depth Reached": st.fixed_dictionaries({"percent": st.sampled_from([25, 50, 75, 100])}),
    "Products Searched": st.just({"query": "shoes"}),
    "Slot Shown": st.sampled_from([{"slot": "hero"}, {"slot": "hero", "variation": "sale"}]),
    "Slot Clicked": st.just({"slot": "hero"}),
}
_CONTEXTS = st.sampled_from([
    {},
    {"userAgent": "Mozilla/5.0 (iPhone; Mobi)"},
    {"userAgent": "Mozilla/5.0 (X11; Linux)", "page": {"url": "https://here.example/"}},
    {"page": {"referrer": "https://www.google.com/", "url": "https://here.example/"}},
    {"campaign": {"medium": "email"}},
])  # fmt: skip


@st.composite
def _deed(draw: st.DrawFn) -> Deed:
    name = draw(st.sampled_from(sorted(_PROPERTIES)))
    # Few instants and ids, so that some are the same.
    at = microseconds(NOW) - draw(st.sampled_from([0, 1, 5, 29, 30, 31, 60 * 24 * 8])) * 60_000_000
    occurrence = Occurrence(
        "page" if name == "Page Viewed" else "track",
        name,
        draw(_PROPERTIES[name]),
        at,
        draw(st.sampled_from(["m1", "m2", "m3"])),
    )
    return deed_of(occurrence, draw(_CONTEXTS))


def deeds(*, least: int = 0, most: int = 12) -> st.SearchStrategy[list[Deed]]:
    return st.lists(_deed(), min_size=least, max_size=most)
