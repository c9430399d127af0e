"""Matching a pattern in time linear in the text: Thompson's construction, run as a lazy DFA.

A state is a set of nodes, kept as the bits of one integer. It is worked out when it is
first reached and then looked up, so a character costs one look-up, and at worst one
pass over the nodes; no pattern can make it try the text twice.

Source: K. Thompson, “Regular Expression Search Algorithm”, CACM 11(6), 1968.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

from personalization.rules.expression import (
    Anchor,
    Chain,
    Characters,
    Choice,
    Part,
    characters,
)
from personalization.rules.patterns import MAX_TEXT, read_pattern

#: The name under which SQLite calls `sql_found_in`.
SQL_FUNCTION = "personalization_found_in"
#: Transitions that are remembered; then it starts over.
MAX_REMEMBERED = 4096
_DONE = 0  # the node that says “matched”


class Automaton:
    """The nodes of a pattern. `found_in` is all there is to ask."""

    def __init__(self, part: Part) -> None:
        #: What a node is, and which follow it: for free, or for an anchor or a character.
        self._kinds: list[Anchor | Characters | None] = [None]
        self._after: list[list[int]] = [[]]
        entry = self._build(part, _DONE)
        # Characters between two edges are alike to the pattern.
        self._edges = sorted(
            {
                edge
                for one in characters(part)
                for first, last in one.ranges
                for edge in (first, last + 1)
            }
        )
        self._first = self._reached([entry], start=True)
        #: A match may begin at any later character, too.
        self._again = self._reached([entry])
        self._ends = sum(
            1 << node
            for node in range(len(self._kinds))
            if self._reached([node], end=True) >> _DONE & 1
        )
        self._empty = bool(self._reached([entry], start=True, end=True) >> _DONE & 1)
        self._known: dict[tuple[int, int], int] = {}

    def found_in(self, text: str) -> bool:
        """Return whether the pattern is found anywhere in `text`."""
        if len(text) > MAX_TEXT:
            return False
        if not text:
            return self._empty
        state, known, edges = self._first, self._known, self._edges
        for one in text:
            if state & 1:
                return True
            key = (state, bisect_right(edges, ord(one)))
            found = known.get(key)
            if found is None:
                if len(known) >= MAX_REMEMBERED:
                    known.clear()
                found = known[key] = self._moved(state, ord(one))
            state = found
        return bool(state & self._ends)

    def _moved(self, state: int, code: int) -> int:
        """Return the state after `state` when the character `code` is read."""
        entered: list[int] = []
        for node in _bits(state):
            kind = self._kinds[node]
            if isinstance(kind, Characters) and _among(kind, code):
                entered += self._after[node]
        return self._again | self._reached(entered)

    def _reached(self, entered: list[int], *, start: bool = False, end: bool = False) -> int:
        """Return the nodes that are reached without a character, at this place of the text."""
        reached, waiting = 0, entered
        while waiting:
            node = waiting.pop()
            if reached >> node & 1:
                continue
            reached |= 1 << node
            kind = self._kinds[node]
            if kind is None or (isinstance(kind, Anchor) and (start if kind.start else end)):
                waiting += self._after[node]
        return reached

    def _add(self, kind: Anchor | Characters | None, *after: int) -> int:
        self._kinds.append(kind)
        self._after.append(list(after))
        return len(self._kinds) - 1

    def _build(self, part: Part, after: int) -> int:
        """Add the nodes of `part`, from where it goes on to `after`; return the first."""
        if isinstance(part, Characters | Anchor):
            return self._add(part, after)
        if isinstance(part, Chain):
            for each in reversed(part.parts):
                after = self._build(each, after)
            return after
        if isinstance(part, Choice):
            return self._add(None, *[self._build(branch, after) for branch in part.branches])
        entry = after
        if part.most is None:
            entry = self._add(None, after)
            self._after[entry].append(self._build(part.part, entry))
        else:
            for _ in range(part.most - part.least):
                entry = self._add(None, after, self._build(part.part, entry))
        for _ in range(part.least):
            entry = self._build(part.part, entry)
        return entry


def _bits(state: int) -> Iterator[int]:
    while state:
        lowest = state & -state
        yield lowest.bit_length() - 1
        state ^= lowest


def _among(one: Characters, code: int) -> bool:
    return any(first <= code <= last for first, last in one.ranges)


@lru_cache(maxsize=256)
def _automaton(pattern: str) -> Automaton:
    return Automaton(read_pattern(pattern))


def found_in(text: str, *, pattern: str) -> bool:
    """Return whether `pattern` is found anywhere in `text`.

    :raises UnreadablePattern: if `pattern` is none.
    """
    return _automaton(pattern).found_in(text)


def sql_found_in(value: object, pattern: str) -> bool | None:
    """Answer SQLite, which has no such function of its own.

    It may ask before it has looked whether the value is a text at all.
    """
    return found_in(value, pattern=pattern) if isinstance(value, str) else None
