"""The features that the package ships, registered by being imported.

Recency, frequency and monetary value are those of Hughes, “Strategic Database Marketing”
(1994); what they are sums of is what profiles count (profiles/features.py), so that a model
and a rule mean the same by the same name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from personalization.clock import moment
from personalization.events.catalogue import SLOT_CLICKED, SLOT_SHOWN
from personalization.ml.features.deeds import DEVICES, SOURCES
from personalization.ml.features.definitions import Definition, counted_names, features
from personalization.ml.features.past import DAY, Deeds, Past, mean, ratio
from personalization.ml.symbols import PAGE
from personalization.profiles.features import VISITS

ADDED, ORDERED, VIEWED = "Product Added", "Order Completed", "Product Viewed"
CLICKS: Final = frozenset({
    "Element Clicked", "Product Clicked", "Promotion Clicked", SLOT_CLICKED,
    "Outbound Link Clicked",
})  # fmt: skip
#: Scrolled down at least so far, in percent, a page counts as read.
DEEP: Final = 75
#: What is summed up over these days, too.
DAYS: Final = (7, 30)
RECENT: Final = (
    "events.count", "pages.count", "cart.adds", "orders.count", "orders.revenue",
    "engagement.seconds",
)  # fmt: skip


def names() -> tuple[str, ...]:
    """Return the features that there are, those of paths aside: what models are given if nobody
    chooses."""
    of_days = [f"{name}.{days}d" for name in RECENT for days in DAYS]
    return (*counted_names(), *of_days, *features.names())


def _add(
    name: str,
    label: str,
    value: Callable[[Past], float],
    description: str,
    *,
    unit: str = "",
    most: float = math.inf,
    revision: int = 1,
) -> None:
    features.register(name)(
        Definition(
            label=label,
            value=value,
            description=description,
            unit=unit,
            most=most,
            revision=revision,
        )
    )


# -- monetary value --------------------------------------------------------------------------


def _order_mean(past: Past) -> float:
    sums = past.last().sums
    return ratio(sums["orders.revenue"] / 1_000_000, sums["orders.count"])


_add(
    "orders.mean", "mean of an order", _order_mean,
    "“total” of “Order Completed”, in the currency of the site; not known without an order.",
)  # fmt: skip

# -- recency ---------------------------------------------------------------------------------

for _name, _label, _events in (
    ("recency.event", "days since anything", None),
    ("recency.cart", "days since the cart was added to", frozenset({ADDED})),
    ("recency.order", "days since an order", frozenset({ORDERED})),
):
    _add(
        _name,
        _label,
        lambda past, events=_events: past.age(events),  # type: ignore[misc]
        f"Since the last “{ADDED if 'cart' in _name else ORDERED}”; not known without one."
        if _events
        else "Since the last event of any name.",
        unit="days",
    )


def _known_for(past: Past) -> float:
    return (past.at - past.deeds[0].at) / DAY if past.deeds else math.nan


_add(
    "recency.first", "days since the first event", _known_for,
    "Since the first event that is kept.", unit="days",
)  # fmt: skip

# -- visits ----------------------------------------------------------------------------------


def _begun(past: Past, days: int) -> float:
    since = past.at - days * DAY
    return sum(visit.all[0].at > since for visit in past.visits)


def _pause(past: Past) -> float:
    starts = [visit.all[0].at for visit in past.visits]
    return ratio((starts[-1] - starts[0]) / DAY, len(starts) - 1) if starts else math.nan


def _each(measure: Callable[[Deeds], float]) -> Callable[[Past], float]:
    return lambda past: mean([measure(visit) for visit in past.visits])


def _newest(measure: Callable[[Deeds], float]) -> Callable[[Past], float]:
    return lambda past: measure(past.newest)


def _products(deeds: Deeds) -> float:
    return len({deed.product for deed in deeds.all if deed.product})


_GAP = "PERSONALIZATION_VISIT_GAP ends a visit"
_add(
    VISITS, "number of visits", lambda past: len(past.visits),
    f"Visits so far; a pause of {_GAP}.",
)  # fmt: skip
for _days in DAYS:
    _add(
        f"{VISITS}.{_days}d",
        f"number of visits, {_days} days",
        lambda past, days=_days: _begun(past, days),  # type: ignore[misc]
        f"Visits that began in the last {_days} days.",
    )
_add("visits.pause", "days between visits", _pause, "From one beginning to the next, in the mean; "
     "not known of a single visit.", unit="days")  # fmt: skip
_add("visits.seconds", "length of a visit", _each(lambda visit: visit.seconds),
     "From the first event of a visit to its last, in the mean.", unit="seconds")  # fmt: skip
_add("visits.events", "events of a visit", _each(lambda visit: len(visit.all)),
     "Events of any name, in the mean.")  # fmt: skip
_add("visits.pages", "pages of a visit", _each(lambda visit: visit.pages),
     "Events “Page Viewed”, in the mean.")  # fmt: skip
_add("visits.bounced", "share of visits that ended at once",
     _each(lambda visit: visit.pages <= 1 and not visit.n(CLICKS)),
     "Visits with one page at most and no click.", most=1)  # fmt: skip
_add("visit.open", "whether a visit goes on", lambda past: past.is_there,
     "1 if the last event is less than a pause ago that ends a visit, else 0.", most=1)  # fmt: skip
_add("visit.seconds", "length of the newest visit", _newest(lambda visit: visit.seconds),
     "From its first event to its last so far.", unit="seconds")  # fmt: skip
_add("visit.events", "events of the newest visit", _newest(lambda visit: len(visit.all)),
     "Events of any name so far.")  # fmt: skip
_add("visit.pages", "pages of the newest visit", _newest(lambda visit: visit.pages),
     "Events “Page Viewed” so far.")  # fmt: skip
_add("visit.products", "products of the newest visit", _newest(_products),
     "Different “product_id” or “sku” so far.")  # fmt: skip
_add("visit.cart", "products added in the newest visit", _newest(lambda visit: visit.n({ADDED})),
     f"Events “{ADDED}” so far.")  # fmt: skip
_add("visit.engaged", "engaged time of the newest visit",
     _newest(lambda visit: visit.sums["engagement.seconds"] / 1000),
     "Sum of “seconds” of “Engaged” so far.", unit="seconds")  # fmt: skip

# -- ratios ----------------------------------------------------------------------------------


def _per(
    part: Callable[[Deeds], float], whole: Callable[[Deeds], float]
) -> Callable[[Past], float]:
    return lambda past: ratio(part(past.last()), whole(past.last()))


def _with(name: str, *, without: str = "") -> Callable[[Past], float]:
    """Return the reader of how many visits had an event and none of the other."""
    return lambda past: sum(
        bool(visit.names[name]) and not visit.names[without] for visit in past.visits
    )


def _pages(deeds: Deeds) -> float:
    return deeds.pages


def _slots_shown(deeds: Deeds) -> float:
    return sum(deed.name == SLOT_SHOWN and bool(deed.variation) for deed in deeds.all)


def _slots_clicked(deeds: Deeds) -> float:
    """Return the clicks on slots, but for those on a default that was shown."""
    defaults = {
        deed.decision for deed in deeds.all if deed.name == SLOT_SHOWN and not deed.variation
    } - {""}
    return sum(deed.name == SLOT_CLICKED and deed.decision not in defaults for deed in deeds.all)


_add("ratio.clicks", "clicks per page", _per(lambda deeds: deeds.n(CLICKS), _pages),
     "Clicks on elements, products, promotions, slots and links out, per “Page Viewed”.")  # fmt: skip
_add("ratio.scrolled", "pages scrolled down",
     _per(lambda deeds: sum(deed.percent == DEEP for deed in deeds.all), _pages),
     f"Events “Scroll Depth Reached” of {DEEP} percent, per “Page Viewed”.")  # fmt: skip
_add("ratio.dwell", "engaged time per page",
     _per(lambda deeds: deeds.sums["engagement.seconds"] / 1000, _pages),
     "Sum of “seconds” of “Engaged”, per “Page Viewed”.", unit="seconds")  # fmt: skip
_add("ratio.searches", "searches per page", _per(lambda deeds: deeds.n({"Products Searched"}), _pages),
     "Events “Products Searched”, per “Page Viewed”.")  # fmt: skip
_add("ratio.cart", "products added per product viewed",
     _per(lambda deeds: deeds.n({ADDED}), lambda deeds: deeds.n({VIEWED})),
     f"Events “{ADDED}”, per “{VIEWED}”.")  # fmt: skip
_add("ratio.slots", "clicks per slot shown", _per(_slots_clicked, _slots_shown),
     "Events “Slot Clicked”, per “Slot Shown” with a “variation”: what a slot shows to those held "
     "out, its default, tells what was drawn for them and not what they like.",
     revision=2)  # fmt: skip
_add("ratio.orders", "share of visits with an order",
     lambda past: ratio(_with(ORDERED)(past), len(past.visits)),
     f"Visits with an “{ORDERED}”.", most=1)  # fmt: skip
_add("ratio.abandoned", "share of carts left behind",
     lambda past: ratio(_with(ADDED, without=ORDERED)(past), _with(ADDED)(past)),
     f"Of visits with a “{ADDED}”, those without an “{ORDERED}”.", most=1)  # fmt: skip

# -- variety ---------------------------------------------------------------------------------


def _entropy(past: Past) -> float:
    steps = Counter(past.last().path)
    shares = [n / steps.total() for _, n in sorted(steps.items())]
    return math.fsum(-share * math.log2(share) for share in shares) if shares else math.nan


_add("variety.products", "different products", lambda past: _products(past.last()),
     "Different “product_id” or “sku”.")  # fmt: skip
_add("variety.pages", "share of pages that are different ones",
     lambda past: ratio(
         len({deed.path for deed in past.last().all if deed.name == PAGE and deed.path}),
         past.last().pages,
     ),
     "Different “path” of “Page Viewed”, per “Page Viewed”.", most=1)  # fmt: skip
_add("variety.steps", "variety of what is done", _entropy,
     "Entropy of the types of pages and names of events (Shannon 1948); 0 if all are one.",
     unit="bits")  # fmt: skip

# -- context ---------------------------------------------------------------------------------


def _local(past: Past) -> datetime:
    return moment(past.at).astimezone(ZoneInfo(past.zone))


def _device(past: Past) -> str:
    return next((deed.device for deed in reversed(past.deeds) if deed.device), "")


def _source(past: Past) -> str:
    return next((deed.source for deed in past.newest.all if deed.source), "")


def _is(read: Callable[[Past], str], value: str) -> Callable[[Past], float]:
    return lambda past: read(past) == value


_add("context.hour", "hour of the day", lambda past: _local(past).hour,
     "Of the instant itself, in the time zone of the site.", unit="hours", most=23)  # fmt: skip
_add("context.weekday", "day of the week", lambda past: _local(past).weekday(),
     "Of the instant itself, in the time zone of the site; 0 is Monday.", most=6)  # fmt: skip
for _name in DEVICES:
    _add(f"device.{_name}", f"on a {_name} device" if _name == "mobile" else f"on a {_name}",
         _is(_device, _name), "1 if the last event that says it came from there, else 0.",
         most=1)  # fmt: skip
for _name in SOURCES:
    _add(f"source.{_name}", f"came by {_name}", _is(_source, _name),
         "1 if campaign or referrer of the newest visit, where it began, say so, else 0.",
         most=1)  # fmt: skip
