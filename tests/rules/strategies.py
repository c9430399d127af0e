"""Random rules and histories that meet often: both draw from the same small pools."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from personalization.rules.state import Interval
from tests.rules.building import Stored, both, rule, segment
from tests.rules.oracle import DURATIONS, HOUR
from tests.rules.world import Happening, History

NOW = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
EVENTS = ["Page Viewed", "Product Added", "100% „it's“ %s"]
FIELDS = ["plan", "größe", "a b-c", "address.city", "address"]
PURPOSES = ["necessary", "analytics", "personalization", "marketing"]
MANUAL = ["vips", "staff"]
TEXTS = [
    "shoes", "Shoes", "shoes ", "s", "oe", "ß", "SS", "é", "e\u0301", "日本", "👟", "100%", "%s",
    "%(a)s", "it's", '"', "\\", "\\u0041", '{"a": 1}', "[]", "null", "true", "1", "0.3", "a\tb\n",
    "\u2028", "\x7f", "$", "_",
]  # fmt: skip
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

#: How long before `NOW` something happened: often at the very edge of a window.
_edges = sorted({length + off for length in [0, *DURATIONS.values()] for off in (-1, 0, 1)} - {-1})
_ages = st.sampled_from(_edges) | st.integers(0, 2 * HOUR) | st.integers(0, 48 * HOUR)


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
        mostly(st.just(names[0]), st.sampled_from(names)),
        _ages.map(lambda age: NOW - age),
        _objects,
    )
    features = st.dictionaries(
        st.sampled_from(["orders.count", "visits.count"]), _numbers, max_size=2
    )
    consents = st.sets(st.sampled_from(PURPOSES[1:])).map(lambda some: dict.fromkeys(some, True))
    return st.builds(
        History,
        mostly(st.lists(events, min_size=3, max_size=8), st.lists(events, max_size=2)),
        _objects,
        features,
        consents,
        st.dictionaries(st.sampled_from(MANUAL), _spans(), max_size=2),
    )


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
_windows = mostly(
    st.fixed_dictionaries({"last": st.sampled_from(sorted(DURATIONS))}), st.none() | _dates
)


def events(*, names: list[str] = EVENTS) -> st.SearchStrategy[Stored]:
    """Draw event leaves."""
    props = comparisons("prop", FIELDS)
    return st.fixed_dictionaries(
        {
            "kind": st.just("event"),
            "event": mostly(st.just(names[0]), st.sampled_from(names)),
            "operator": st.sampled_from([">=", ">", "<=", "<", "=", "!="]),
            "value": st.integers(0, 3),
            "window": _windows,
            "where": mostly(st.none(), groups(props, most=3) | props),
        }
    )


def leaves() -> st.SearchStrategy[Stored]:
    others = st.one_of(
        comparisons("trait", FIELDS),
        comparisons("feature", ["orders.count", "visits.count"]),
        st.sampled_from(PURPOSES).map(lambda purpose: {"kind": "consent", "purpose": purpose}),
        st.sampled_from([*MANUAL, "by-rule"]).map(segment),
    )
    return mostly(events(), others)


def rules() -> st.SearchStrategy[Stored]:
    """Draw rules; those they name are in `segments`."""
    timed = st.builds(
        lambda leaf, last: {**leaf, "where": None, "window": {"last": last}},
        events(),
        st.sampled_from(sorted(DURATIONS)),
    )
    roots = st.one_of(groups(leaves(), most=4), groups(timed, most=4))
    return roots.map(lambda root: {"version": 1, "root": root})


def segments() -> st.SearchStrategy[dict[str, Any]]:
    """Draw the segments that rules name: two kept by hand, and one by rule that names one."""
    nested = st.builds(lambda leaf: rule(both(leaf, segment("vips"))), leaves().filter(
        lambda leaf: leaf["kind"] != "segment"))  # fmt: skip
    return nested.map(lambda by_rule: {**dict.fromkeys(MANUAL), "by-rule": by_rule})
