"""The regular expressions of the language: a subset with one meaning in every engine.

    a . [a-z_] [^0-9] \\d \\w \\s \\D \\W \\S \\. ^ $ ( ) (?: ) | * + ? {m} {m,} {m,n}

A pattern is looked for anywhere in a text; `^` and `$` are the two ends of the text,
`.` is any character but a newline, `\\d`, `\\w` and `\\s` are ASCII. Back-references,
look-around, flags, lazy and possessive repetition are refused, and so is what would
take long: a pattern is matched in time linear in the text (see `automaton`). Each engine
is handed a form of its own, so that no dialect's extras, classes or line modes leak in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from personalization.exceptions import UnreadablePattern
from personalization.rules.expression import (
    SPECIAL,
    Anchor,
    Chain,
    Characters,
    Choice,
    Part,
    Range,
    Repeat,
    characters,
    merged,
    of,
    others,
    size,
)

MAX_LENGTH = 200
MAX_REPEAT = 100
#: Bounds what a database has to compile: the length of the pattern with every repetition
#: written out, and that times the characters it tells apart.
MAX_SIZE = 500
MAX_WORK = 10_000
MAX_DEPTH = 20
#: Longer texts match no pattern, in any engine.
MAX_TEXT = 10_000
#: What an error names as possible.
PARTS = (
    "letters and digits", ". for any character", "[a-z]", "[^a-z]", "\\d", "\\w", "\\s",
    "^ and $ for the ends", "(…)", "|", "*", "+", "?", "{2,5}",
)  # fmt: skip

_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")

_DIGITS = ((ord("0"), ord("9")),)
_WORD = merged([*_DIGITS, (ord("A"), ord("Z")), (ord("a"), ord("z")), *of("_")])
_SPACE = of(" \t\n\r\f\v")
_CLASSES = {
    "d": _DIGITS, "w": _WORD, "s": _SPACE,
    "D": others(_DIGITS), "W": others(_WORD), "S": others(_SPACE),
}  # fmt: skip


@lru_cache(maxsize=512)
def read_pattern(text: str) -> Part:
    """Return the pattern written as `text`.

    :raises UnreadablePattern: if it is none of the subset, or over a bound.
    """
    if len(text) > MAX_LENGTH:
        raise UnreadablePattern(f"A pattern may have {MAX_LENGTH} characters at most.")
    part = _Reading(text).whole()
    n = size(part)
    edges = {edge for one in characters(part) for pair in one.ranges for edge in pair}
    if n > MAX_SIZE or n * len(edges) > MAX_WORK:
        raise UnreadablePattern("This pattern repeats too much; it would take too long.")
    return part


@dataclass
class _Reading:
    """A pattern, and how far it has been read."""

    text: str
    place: int = 0
    depth: int = 0

    def whole(self) -> Part:
        part = self._choice()
        if self._next():
            self._refuse("“)” closes no group")
        return part

    def _next(self) -> str:
        return self.text[self.place : self.place + 1]

    def _take(self) -> str:
        one = self._next()
        self.place += 1
        return one

    def _took(self, wanted: str) -> bool:
        found = self.text.startswith(wanted, self.place)
        if found:
            self.place += len(wanted)
        return found

    def _refuse(self, why: str) -> NoReturn:
        raise UnreadablePattern(f"This pattern cannot be read: {why} (character {self.place + 1}).")

    def _choice(self) -> Part:
        branches = [self._chain()]
        while self._took("|"):
            branches.append(self._chain())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _chain(self) -> Part:
        parts: list[Part] = []
        while self._next() and self._next() not in "|)":
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else Chain(tuple(parts))

    def _repeated(self) -> Part:
        if self._next() in ("*", "+", "?", "{"):
            self._refuse(f"there is nothing before “{self._next()}” to repeat; a backslash "
                         "before it makes it a character")  # fmt: skip
        part = self._one()
        bounds = self._bounds()
        if bounds is None:
            return part
        if isinstance(part, Anchor):
            self._refuse("an end of the text cannot be repeated")
        if self._next() in ("*", "+", "?", "{"):
            self._refuse("one repetition cannot follow another")
        return Repeat(part, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in {"*": (0, None), "+": (1, None), "?": (0, 1)}.items():
            if self._took(sign):
                return bounds
        if not self._took("{"):
            return None
        least = self._times()
        most: int | None = least
        if self._took(","):
            most = None if self._next() == "}" else self._times()
        if not self._took("}"):
            self._refuse("“{” needs the form {2}, {2,} or {2,5}")
        if most is not None and most < least:
            self._refuse(f"{{{least},{most}}} ends before it starts")
        return least, most

    def _times(self) -> int:
        start = self.place
        while self._next() in tuple("0123456789"):
            self.place += 1
        digits = self.text[start : self.place]
        if not digits or len(digits) > 3 or int(digits) > MAX_REPEAT:
            self._refuse(f"a number from 0 to {MAX_REPEAT} is needed in {{…}}")
        return int(digits)

    def _one(self) -> Part:
        sign = self._take()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._class()
        if sign == ".":
            return Characters(others(of("\n")))
        if sign in ("^", "$"):
            return Anchor(start=sign == "^")
        if sign == "\\":
            return Characters(self._escaped())
        if sign in SPECIAL:
            self.place -= 1
            self._refuse(f"“{sign}” needs a backslash before it")
        return Characters(of(sign))

    def _group(self) -> Part:
        if not self._took("?:") and self._next() == "?":
            self._refuse("“(?” is possible as “(?:” only")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._refuse(f"groups may be nested {MAX_DEPTH} deep at most")
        part = self._choice()
        if not self._took(")"):
            self._refuse("a group is never closed by “)”")
        self.depth -= 1
        return part

    def _escaped(self) -> tuple[Range, ...]:
        sign = self._take()
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign not in _PUNCTUATION:
            self.place -= 1
            self._refuse("after a backslash, only d, w, s, D, W, S or a punctuation mark "
                         "is possible")  # fmt: skip
        return of(sign)

    def _class(self) -> Part:
        negated = self._took("^")
        ranges: list[Range] = []
        while not self._took("]"):
            ranges += self._class_part()
        found = others(ranges) if negated else merged(ranges)
        if not ranges or not found:
            self._refuse("no character is in “[…]”")
        return Characters(found)

    def _class_part(self) -> tuple[Range, ...]:
        first = self._class_one()
        # A “-” at the very end is one of the characters.
        if self._next() != "-" or self.text.startswith("-]", self.place):
            return first
        self.place += 1
        last = self._class_one()
        ends = [*first, *last]
        if len(ends) != 2 or any(low != high for low, high in ends) or first > last:
            self._refuse("a range in “[…]” needs two characters, the lower one first")
        return ((first[0][0], last[0][0]),)

    def _class_one(self) -> tuple[Range, ...]:
        if not self._next():
            self._refuse("“[” is never closed by “]”")
        sign = self._take()
        return self._escaped() if sign == "\\" else of(sign)
