"""Random patterns, each in our own notation and in Python's, and texts they are about."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

#: Few, so that patterns and texts meet: letters of every plane, and what is special.
LETTERS = "abé👟0_ \n-.]^"
_ESCAPED = frozenset("-.]^")
_BOUNDS = ["*", "+", "?", "{2}", "{0}", "{0,2}", "{1,3}", "{2,}"]


class Expression(NamedTuple):
    """One pattern twice: `python` is for `re.ASCII`."""

    ours: str
    python: str


def _same(pattern: str) -> Expression:
    return Expression(pattern, pattern)


_letters = st.sampled_from(LETTERS).map(lambda one: f"\\{one}" if one in _ESCAPED else one)
_sets = st.sampled_from(["\\d", "\\w", "\\s", "\\D", "\\W", "\\S"])
_ranges = st.sampled_from(["a-b", "a-z", "0-9", "b-é", "é-👟", "!-0"])
_classes = st.builds(
    lambda negated, parts, tail: f"[{negated}{''.join(parts)}{tail}]",
    st.sampled_from(["", "^"]),
    # With another letter, so that no complement is of everything.
    st.lists(_letters | st.sampled_from(["\\d", "\\w", "\\s"]) | _ranges, min_size=1, max_size=3),
    st.sampled_from(["", "-"]),
)
_ones = (st.one_of(_letters, _letters, _sets, _classes, st.just("."))).map(_same)
_anchors = st.sampled_from([_same("^"), Expression("$", "\\Z")])


def _joined(parts: list[Expression], sign: str) -> Expression:
    return Expression(
        sign.join(part.ours for part in parts), sign.join(part.python for part in parts)
    )


def _around(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    chains = st.lists(inner, min_size=1, max_size=3).map(lambda parts: _joined(parts, ""))
    choices = st.lists(chains | st.just(_same("")), min_size=2, max_size=3).map(
        lambda parts: _grouped(_joined(parts, "|"), "(?:")
    )
    repeated = st.builds(
        lambda part, opening, bounds: _joined([_grouped(part, opening), _same(bounds)], ""),
        inner.filter(lambda part: part.ours.strip("(?:)") not in ("^", "$")),
        st.sampled_from(["(", "(?:"]),
        st.sampled_from(_BOUNDS),
    )
    return chains | choices | repeated


def _grouped(part: Expression, opening: str) -> Expression:
    return Expression(f"{opening}{part.ours})", f"{opening}{part.python})")


_repeated = st.builds(
    lambda one, bounds: _joined([one, _same(bounds)], ""), _ones, st.sampled_from(_BOUNDS)
)


def expressions() -> st.SearchStrategy[Expression]:
    """Draw patterns of the subset that are within all bounds and not blank."""
    return (
        st.recursive(_ones | _repeated | _anchors, _around, max_leaves=6)
        .filter(lambda drawn: bool(drawn.ours.strip()))
        .filter(lambda drawn: len(drawn.ours) <= 120)
    )


texts = st.text(st.sampled_from(LETTERS + "z"), max_size=8)
