"""Which events of a profile a leaf looks at: a span of time, and a visit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Literal, cast

from personalization.clock import moment, span
from personalization.exceptions import Problem
from personalization.rules.catalogue import Catalogue
from personalization.rules.interval import Interval
from personalization.rules.presence import Presence
from personalization.rules.reading import Reader
from personalization.rules.series import Point
from personalization.rules.sql import Scope, Sql
from personalization.rules.state import Facts
from personalization.rules.words import duration_words
from personalization.types import Microseconds

#: How far back the events of one visit are kept; of a longer one, the log is read.
VISIT_HORIZON = span(timedelta(days=1))
SCOPES = ("profile", "visit")


@dataclass(frozen=True)
class Window:
    """The events of the `last` time, up to `until` ago, in the current visit if so said.

    A fixed span of dates is no matter of the window but of the matcher: it does not move.
    """

    last: timedelta | None = None
    until: timedelta | None = None
    scope: Literal["profile", "visit"] = "profile"

    @cached_property
    def length(self) -> Microseconds | None:
        return span(self.last) if self.last is not None else None

    @cached_property
    def delay(self) -> Microseconds:
        return span(self.until) if self.until is not None else 0

    @property
    def in_visit(self) -> bool:
        return self.scope == "visit"

    @property
    def slides(self) -> bool:
        """Return whether events leave it by time alone."""
        return self.last is not None or self.in_visit

    @property
    def horizon(self) -> Microseconds:
        """Return how far back events must be known, of a window that slides."""
        if self.length is None:
            return VISIT_HORIZON
        return min(self.length, VISIT_HORIZON) if self.in_visit else self.length

    def start(self, facts: Facts, now: Microseconds) -> Microseconds | None:
        """Return the instant after which events are inside; None: there can be none.

        Only of a window that slides.
        """
        start = now - self.length if self.length is not None else None
        if not self.in_visit:
            return start
        if facts.visit is None or not facts.visit.contains(now):
            return None
        began = facts.visit.start - 1
        return began if start is None else max(start, began)

    def presences(
        self, points: Iterable[Point], facts: Facts, now: Microseconds
    ) -> Iterator[Presence]:
        """Yield from when until when each point is inside."""
        visit = facts.visit if self.in_visit else None
        if self.in_visit and (visit is None or visit.over(now)):
            return
        for at, value in points:
            if visit is not None and at < visit.start:
                continue
            leaves = at + self.length if self.length is not None else None
            if visit is not None and visit.end is not None:
                leaves = visit.end if leaves is None else min(leaves, visit.end)
            yield Presence(at + self.delay, leaves, value)

    def sql(self, scope: Scope, *, alias: str) -> list[Sql]:
        """Return the conditions on the instant of an event."""
        end = scope.timestamp(scope.now - self.delay)
        parts = [Sql(f"{alias}.timestamp <= %s", (end,))]
        if self.length is not None:
            start = scope.timestamp(scope.now - self.length)
            parts.append(Sql(f"{alias}.timestamp > %s", (start,)))
        return parts

    def words(self) -> Iterator[str]:
        if self.last is not None and self.until is not None:
            yield f"between {duration_words(self.last)} and {duration_words(self.until)} ago"
        elif self.last is not None:
            yield f"in the last {duration_words(self.last).removeprefix('1 ')}"
        if self.in_visit:
            yield "in this visit"

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        if self.last is not None:
            yield from too_long(self.last, catalogue, pointer=f"{pointer}/window/last")


def too_long(duration: timedelta, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
    """Yield a problem where `duration` looks back further than events are kept."""
    if duration > catalogue.retention:
        yield Problem(
            pointer=pointer,
            message=f"Events are kept for {duration_words(catalogue.retention)}; "
            "a window cannot look back further.",
            value=duration_words(duration),
        )


def read_window(reader: Reader) -> tuple[Window, Interval | None]:
    """Return the window of the leaf at `reader`, and the fixed span of dates it may name."""
    scope = reader.child("scope")
    chosen = "profile" if scope.value is None else scope.choice(SCOPES)
    last, until, between = _read_span(reader.child("window"))
    return Window(last, until, cast(Literal["profile", "visit"], chosen)), between


def _read_span(
    reader: Reader,
) -> tuple[timedelta | None, timedelta | None, Interval | None]:
    if reader.value is None:
        return None, None, None
    if isinstance(reader.value, Mapping) and "last" in reader.value:
        reader.only("last", "until")
        last = reader.child("last").duration()
        ends = reader.child("until")
        if ends.value is None:
            return last, None, None
        known = len(reader.problems)
        until = ends.duration()
        if until >= last and len(reader.problems) == known:
            ends.refuse("“until” must be shorter than “last”: it lies closer to now.")
        return last, until, None
    reader.only("last", "until", "from", "to")
    if (ends := reader.child("until")).value is not None:
        ends.refuse("“until” belongs to “last”; dates have “from” and “to”.")
    known = len(reader.problems)
    start, end = reader.child("from").instant(), reader.child("to").instant()
    if start >= end and len(reader.problems) == known:
        reader.refuse("“from” must lie before “to”.")
    return None, None, Interval(start, end)


def between_words(between: Interval) -> str:
    assert between.end is not None
    start, end = (f"{moment(at):%Y-%m-%d %H:%M} UTC" for at in (between.start, between.end))
    return f"between {start} and {end}"
