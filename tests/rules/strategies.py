"""Random rules and histories that meet often: both draw from the same small pools."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from personalization.rules.interval import Interval
from tests.rules import oracle
from tests.rules.building import Stored, both, rule, segment
from tests.rules.oracle import HOUR
from tests.rules.world import GAP, Happening, History

NOW = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
EVENTS = ["Page Viewed", "Product Added", "100% „it's“ %s"]
#: Lengths of time that rules say and histories meet.
LENGTHS = ["PT1S", "PT30M", "PT1H", "PT90M", "PT12H", "P1D", "P2D"]
#: Message ids that sort otherwise by numbers, by country, without case or in UTF-16.
IDS = ["9", "10", "a", "B", "ä", "z", "a-b", "\ufffd", "👟", "_", "000003", "aa"]
FIELDS = ["plan", "größe", "a b-c", "address.city", "address"]
PURPOSES = ["necessary", "analytics", "personalization", "marketing"]
MANUAL = ["vips", "staff"]
TEXTS = [
    "shoes", "Shoes", "shoes ", "s", "oe", "ß", "SS", "é", "e\u0301", "日本", "👟", "100%", "%s",
    "%(a)s", "it's", '"', "\\", "\\u0041", '{"a": 1}', "[]", "null", "true", "1", "0.3", "a\tb\n",
    "\u2028", "\x7f", "$", "_",
]  # fmt: skip
PATTERNS = ["^s", "o.s?$", "^.$", "[^a-z]", r"^\w+$", r"\s|\d", "(sh|S){1,2}o", r"\\|%|\$"]
NUMBERS: list[float] = [
    0, 1, 2, 3, -1, 42, 59.9, 0.3, 0.30000000000000004, -0.0, 1.0, 1e-9, 5e-324, 10**15, 1e15,
    10**15 - 1, 999999999999999.9,
]  # fmt: skip
HUGE: list[float] = [10**15 + 1, 2**53 + 1, -(2**63), 2**64, 10**30, 1e300, -1e308]


def mostly(common: st.SearchStrategy[Any], rare: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw from `common` three times out of four."""
    return st.integers(0, 3).flatmap(lambda n: common if n else rare)


_texts = st.sampled_from(TEXTS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3
)
_numbers = st.sampled_from(NUMBERS)
_scalars = _texts | _numbers | st.sampled_from(HUGE) | st.booleans() | st.none()
_odd = [[], {}, ["shoes", 1], {"city": None}, {"city": {"city": "shoes"}}, [{"city": "s"}]]
_values = mostly(
    st.sampled_from(["shoes", "Shoes", "100%", 1, 2, 0.3, True]), _scalars | st.sampled_from(_odd)
)
_objects = st.dictionaries(st.sampled_from(["plan", "größe", "a b-c", "address.city"]), _values,
    max_size=4).flatmap(
    lambda flat: st.just(flat)
    | (_values | st.fixed_dictionaries({"city": _values})).map(lambda a: {**flat, "address": a})
)  # fmt: skip

#: Properties of events: every other one has an amount, as sums and averages need several.
_properties = _objects | st.builds(
    lambda amount, some: {**some, FIELDS[0]: amount},
    st.sampled_from([1, 2, 3, 0.3, -1, 1.5, 10**9, 10**9 + 1]),
    _objects,
)

#: How long before `NOW` something happened: mostly at the very edge of a length, few enough
#: that several happen at one instant.
_lengths = [oracle.DURATIONS[name] for name in LENGTHS]
_edges = sorted({length + off for length in [0, *_lengths] for off in (-1, 0, 1)} - {-1})
_ages = mostly(
    st.sampled_from([0, 1, GAP - 1, GAP, HOUR, HOUR + 1, HOUR + GAP, 24 * HOUR - 1, 24 * HOUR]),
    st.sampled_from(_edges) | st.integers(0, 2 * HOUR) | st.integers(0, 72 * HOUR),
)


def _spans() -> st.SearchStrategy[Interval]:
    starts = st.integers(-2 * HOUR, 2 * HOUR).map(lambda offset: NOW + offset)
    lengths = st.none() | st.integers(1, 2 * HOUR)
    return st.builds(
        lambda start, length: Interval(start, None if length is None else start + length),
        starts,
        lengths,
    )


def histories(*, names: list[str] = EVENTS) -> st.SearchStrategy[History]:
    """Draw histories whose events all lie at or before `NOW`."""
    events = st.builds(
        Happening,
        mostly(st.sampled_from(names[:2]), st.sampled_from(names)),
        _ages.map(lambda age: NOW - age),
        _properties,
    )
    features = st.dictionaries(
        st.sampled_from(["orders.count", "visits.count"]), _numbers, max_size=2
    )
    consents = st.sets(st.sampled_from(PURPOSES[1:])).map(lambda some: dict.fromkeys(some, True))
    devices = st.dictionaries(st.just("device"), st.sampled_from(["mobile", "tablet", 1]))
    return st.builds(
        History,
        st.builds(
            _identified,
            mostly(st.lists(events, min_size=3, max_size=8), st.lists(events, max_size=2)),
            st.none() | st.permutations(IDS),
        ),
        _objects,
        features,
        consents,
        st.dictionaries(st.sampled_from(MANUAL), _spans(), max_size=2),
        devices,
    )


def _identified(events: list[Happening], ids: list[str] | None) -> list[Happening]:
    """Give the events message ids, or leave them with their numbers."""
    if ids is None:
        return events
    return [replace(event, id=each) for event, each in zip(events, ids, strict=False)]


def comparisons(kind: str, fields: list[str]) -> st.SearchStrategy[Stored]:
    """Draw leaves that compare a field."""
    texts = mostly(
        st.sampled_from(["shoes", "s", "%"]), _texts.filter(lambda text: bool(text.strip()))
    )
    one = texts | _numbers | st.booleans()
    return st.builds(
        lambda field, test: {"kind": kind, "field": field, **test},
        st.sampled_from(fields),
        st.one_of(
            _test(["=", "!="], one),
            _test(["in", "not in"], st.lists(texts | _numbers, min_size=1, max_size=3)),
            _test(["contains", "does not contain"], texts),
            _test(["starts with", "does not start with", "ends with", "does not end with"], texts),
            _test(["matches", "does not match"], st.sampled_from(PATTERNS)),
            _test(["<", "<=", ">", ">="], _numbers),
            st.sampled_from([{"operator": "is set"}, {"operator": "is not set"}]),
        ),
    )


def _test(operators: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Stored]:
    return st.fixed_dictionaries({"operator": st.sampled_from(operators), "value": values})


def groups(leaves: st.SearchStrategy[Stored], *, most: int) -> st.SearchStrategy[Stored]:
    """Draw groups of any shape over `leaves`."""

    def around(children: st.SearchStrategy[Stored]) -> st.SearchStrategy[Stored]:
        return st.fixed_dictionaries(
            {
                "combinator": st.sampled_from(["and", "or"]),
                "not": st.booleans(),
                "rules": mostly(
                    st.lists(children, min_size=2, max_size=3),
                    st.lists(children, min_size=1, max_size=1),
                ),
            }
        )

    return st.recursive(around(leaves), lambda inner: around(leaves | inner), max_leaves=most)


_dates = st.fixed_dictionaries(
    {
        "from": st.sampled_from(["2026-02-28T12:00:00Z", "2026-03-01T10:30:00Z"]),
        "to": st.sampled_from(
            ["2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z", "2027-01-01T00:00Z"]
        ),
    }
)
_lengths_said = st.sampled_from(LENGTHS)


def _window(one: str, other: str) -> Stored:
    """Return a window until the shorter of two lengths ago; until now if they are the same."""
    until, last = sorted((one, other), key=oracle.DURATIONS.__getitem__)
    return {"last": last} if last == until else {"last": last, "until": until}


_windows = mostly(
    st.fixed_dictionaries({"last": _lengths_said})
    | st.builds(_window, _lengths_said, _lengths_said),
    st.none() | _dates,
)
_counted = st.integers(0, 3)
_amounts = st.sampled_from([0, 0.3, 0.300001, 1, 1.3, 2, 3, -1, 1.5, 0.9999999, 10**9, 42])
_measures = st.one_of(
    st.fixed_dictionaries({"aggregate": st.sampled_from(["count", "days"]), "value": _counted}),
    st.fixed_dictionaries(
        {"aggregate": st.just("distinct"), "prop": st.sampled_from(FIELDS), "value": _counted}
    ),
    st.fixed_dictionaries(
        {
            "aggregate": st.sampled_from(["sum", "avg", "min", "max"]),
            "prop": mostly(st.just(FIELDS[0]), st.sampled_from(FIELDS)),
            "value": _amounts,
        }
    ),
)
_comparing = st.sampled_from([">=", ">", "<=", "<", "=", "!="])


def _about(names: list[str]) -> dict[str, st.SearchStrategy[Any]]:
    """Draw the event that a leaf or step is about, and what its properties must say."""
    props = comparisons("prop", FIELDS)
    return {
        "event": mostly(st.sampled_from(names[:2]), st.sampled_from([*names, "*"])),
        "where": mostly(st.none(), groups(props, most=3) | props),
    }


def events(*, names: list[str] = EVENTS) -> st.SearchStrategy[Stored]:
    """Draw event leaves."""
    return st.builds(
        lambda leaf, measure: {**leaf, **measure},
        st.fixed_dictionaries(
            {
                "kind": st.just("event"),
                "operator": _comparing,
                "window": _windows,
                "scope": mostly(st.just("profile"), st.just("visit")),
                **_about(names),
            }
        ),
        _measures,
    )


def recencies(*, names: list[str] = EVENTS) -> st.SearchStrategy[Stored]:
    return st.fixed_dictionaries(
        {
            "kind": st.just("recency"),
            "which": st.sampled_from(["first", "last"]),
            "operator": st.sampled_from([">=", ">", "<=", "<"]),
            "value": _lengths_said,
            **_about(names),
        }
    )


def regularities(*, names: list[str] = EVENTS) -> st.SearchStrategy[Stored]:
    return st.fixed_dictionaries(
        {
            "kind": st.just("regularity"),
            "period": _lengths_said,
            "periods": st.integers(1, 4),
            "at_least": st.integers(1, 4),
            "operator": _comparing,
            "value": st.integers(0, 2),
            **_about(names),
        }
    ).map(lambda leaf: {**leaf, "at_least": min(leaf["at_least"], leaf["periods"])})


def sequences(*, names: list[str] = EVENTS) -> st.SearchStrategy[Stored]:
    """Draw sequences of two to four steps, with absences between them and at the end."""
    step = st.fixed_dictionaries(
        {
            "absent": st.sampled_from([False, False, True]),
            "within": st.none() | _lengths_said,
            **_about(names),
        }
    )
    return st.builds(
        _sequence,
        st.lists(step, min_size=2, max_size=4),
        mostly(st.none(), _lengths_said),
        mostly(st.none(), _lengths_said),
        mostly(st.just(False), st.just(True)),
        _lengths_said,
    )


def _sequence(
    steps: list[Stored], window: str | None, last: str | None, strict: bool, wait: str
) -> Stored:
    """Make what was drawn one sequence that can be: only some steps can have a length."""
    steps[0].update(absent=False, within=None)
    present = max(place for place, step in enumerate(steps) if not step["absent"])
    for place, step in enumerate(steps):
        if place > present:
            step["within"] = step["within"] or wait
        elif step["absent"]:
            step["within"] = None
    waits = [oracle.DURATIONS[step["within"]] for step in steps[present + 1 :]]
    if last is not None and oracle.DURATIONS[last] <= max(waits, default=0):
        last = None
    return {"kind": "sequence", "steps": steps, "window": window, "last": last, "strict": strict}


def contexts() -> st.SearchStrategy[Stored]:
    """Draw leaves about a request; some of its hour and weekday."""
    hours = st.lists(st.integers(0, 24), min_size=2, max_size=2, unique=True)
    tests = st.one_of(
        comparisons("context", ["device", "language"]),
        hours.map(lambda some: {"field": "hour", "operator": "between", "value": some}),
        st.builds(
            lambda test: {"field": "hour", **test},
            _test(["=", "!=", "<", ">="], st.integers(0, 23)),
        ),
        st.builds(
            lambda test: {"field": "weekday", **test},
            _test(["=", "!="], st.sampled_from(["sunday", "monday", "saturday"])),
        ),
    )
    return tests.map(lambda test: {"kind": "context", **test})


def behaviours(*, names: list[str] = EVENTS) -> st.SearchStrategy[Stored]:
    """Draw leaves about events, of every kind."""
    counted, ordered = events(names=names), sequences(names=names)
    kinds = [counted, counted, ordered, ordered, recencies(names=names), regularities(names=names)]
    # Not one_of, which would draw the many shapes of events far more often than the rest.
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


_consents = st.sampled_from(PURPOSES).map(lambda purpose: {"kind": "consent", "purpose": purpose})


def leaves(*, seen_by_browsers: bool = False) -> st.SearchStrategy[Stored]:
    if seen_by_browsers:
        return mostly(behaviours(), contexts() | _consents)
    others = st.one_of(
        comparisons("trait", FIELDS),
        comparisons("feature", ["orders.count", "visits.count"]),
        _consents,
        st.sampled_from([*MANUAL, "by-rule"]).map(segment),
    )
    return mostly(behaviours(), others)


def rules(*, seen_by_browsers: bool = False) -> st.SearchStrategy[Stored]:
    """Draw rules; those they name are in `segments`."""
    timed = st.builds(
        lambda leaf, last: {**leaf, "where": None, "window": {"last": last}},
        events(),
        _lengths_said,
    )
    timely = mostly(timed, recencies() | regularities() | sequences())
    some = leaves(seen_by_browsers=seen_by_browsers)
    roots = st.one_of(groups(some, most=4), groups(timely, most=4), some.map(both))
    return roots.map(lambda root: {"version": 1, "root": root})


def segments() -> st.SearchStrategy[dict[str, Any]]:
    """Draw the segments that rules name: two kept by hand, and one by rule that names one."""
    nested = st.builds(lambda leaf: rule(both(leaf, segment("vips"))), leaves().filter(
        lambda leaf: leaf["kind"] != "segment"))  # fmt: skip
    return nested.map(lambda by_rule: {**dict.fromkeys(MANUAL), "by-rule": by_rule})
