"""Reading stored JSON with every problem named by its JSON pointer.

A reader never raises: it notes the problem and returns a harmless stand-in, so
that one pass finds all problems of a rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from personalization.clock import microseconds
from personalization.exceptions import Problem, UnreadablePattern
from personalization.rules.compare import ALL_OPERATORS, OPERATORS, Comparison, Operator, Scalar
from personalization.rules.compare import type_of as comparable_type
from personalization.rules.patterns import PARTS, read_pattern
from personalization.types import Json, JsonObject, Microseconds

MAX_TEXT = 500
MAX_VALUES = 200
MAX_PROBLEMS = 100
#: Instants and their sums with durations must stay within what databases can hold.
MAX_DURATION = timedelta(days=36525)
FIRST_INSTANT, LAST_INSTANT = datetime(1900, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,8})W)?(?:(?P<days>\d{1,8})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,8})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,8})S)?)?",
    re.ASCII,
)
#: What PostgreSQL and UTF-8 cannot hold.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FIELD_KEY = re.compile(r"[^\W\d][\w $-]*")


@dataclass(frozen=True)
class Reader:
    """A place in the stored JSON: the value there, its pointer, the shared problems."""

    value: Json
    pointer: str = ""
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, message: str, *, allowed: Sequence[str] = ()) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(
                Problem(
                    pointer=self.pointer, message=message, value=self.value, allowed=tuple(allowed)
                )
            )

    def at(self, key: str | int, value: Json) -> Reader:
        token = str(key).replace("~", "~0").replace("/", "~1")
        return Reader(value, f"{self.pointer}/{token}", self.problems)

    def object(self) -> JsonObject:
        if isinstance(self.value, Mapping):
            return self.value
        self.refuse("An object is needed here.")
        return {}

    def items(self) -> list[Reader]:
        if isinstance(self.value, Sequence) and not isinstance(self.value, str):
            return [self.at(index, item) for index, item in enumerate(self.value)]
        self.refuse("A list is needed here.")
        return []

    def child(self, key: str) -> Reader:
        """Return the reader of `key`; a missing key reads as null."""
        return self.at(key, self.object().get(key))

    def only(self, *keys: str) -> None:
        """Refuse keys other than `keys`: a misspelt one must not be ignored."""
        for key in self.object():
            if key not in keys:
                self.at(key, self.object()[key]).refuse(
                    f"“{_short(key)}” is not known here.", allowed=keys
                )
        if self.object().get("id") is not None:  # an editor's own; it is stored all the same
            self.child("id").text()

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip() or len(self.value) > MAX_TEXT:
            self.refuse(f"A text of 1 to {MAX_TEXT} characters is needed here.")
            return ""
        if _UNSTORABLE.search(self.value):
            self.refuse("This text holds a character that no database can keep.")
            return ""
        return self.value

    def choice(self, allowed: Sequence[str]) -> str:
        if isinstance(self.value, str) and self.value in allowed:
            return self.value
        if self.value is None:
            self.refuse("Something is missing here.", allowed=allowed)
        else:
            found = f"“{_short(self.value)}”" if isinstance(self.value, str) else "This"
            self.refuse(f"{found} is not possible here.", allowed=allowed)
        return allowed[0]

    def boolean(self) -> bool:
        if self.value is None or isinstance(self.value, bool):
            return bool(self.value)
        self.refuse("true or false is needed here.", allowed=("true", "false"))
        return False

    def count(self, *, at_least: int = 0, at_most: int) -> int:
        whole = isinstance(self.value, int) and not isinstance(self.value, bool)
        if whole and at_least <= (n := cast(int, self.value)) <= at_most:
            return n
        self.refuse(f"A whole number from {at_least} to {at_most} is needed here.")
        return at_least

    def number(self, *, at_most: int) -> float:
        if comparable_type(self.value) == "number":
            found = cast(float, self.value)
            if -at_most <= found <= at_most:
                return found
        self.refuse(f"A number from -{at_most} to {at_most} is needed here.")
        return 0.0

    def path(self) -> tuple[str, ...]:
        """Return a dotted field name as its keys."""
        name = self.text()
        keys = tuple(name.split("."))
        if name and not all(_FIELD_KEY.fullmatch(key) for key in keys):
            self.refuse(
                "A field is named by letters, digits, “_”, “-”, “$” and spaces, "
                "each part starting with a letter; a dot leads into an object."
            )
        return keys

    def duration(self) -> timedelta:
        """Return an ISO 8601 duration of weeks, days, hours, minutes and seconds."""
        match = _DURATION.fullmatch(self.value) if isinstance(self.value, str) else None
        parts = {key: int(part) for key, part in match.groupdict().items() if part} if match else {}
        if any(parts.values()):
            duration = timedelta(**parts)
            if duration <= MAX_DURATION:
                return duration
            self.refuse(f"{MAX_DURATION.days} days at most are possible here.")
            return MAX_DURATION
        self.refuse(
            "A length of time is needed here, such as PT90M, PT24H or P30D "
            "(months and years are not: their length varies)."
        )
        return timedelta(days=1)

    def instant(self) -> Microseconds:
        if isinstance(self.value, str):
            try:
                parsed = datetime.fromisoformat(self.value)
            except ValueError:
                parsed = None
            if parsed is not None:
                parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
                if FIRST_INSTANT <= parsed <= LAST_INSTANT:
                    return microseconds(parsed)
        self.refuse(
            "A date and time such as 2026-01-31T08:00:00Z, from the year "
            f"{FIRST_INSTANT.year} to {LAST_INSTANT.year}, is needed here."
        )
        return 0

    def comparison(self) -> Comparison:
        """Return the operator and value of this leaf."""
        operator = cast(Operator, self.child("operator").choice(ALL_OPERATORS))
        value = self.child("value")
        if operator in ("is set", "is not set"):
            if value.value is not None:
                value.refuse(f"“{operator}” takes no value.")
            return Comparison(operator)
        many = operator in ("in", "not in")
        readers = value.items() if many else [value]
        if many and value.value is not None and not 1 <= len(readers) <= MAX_VALUES:
            value.refuse(f"1 to {MAX_VALUES} values are needed here.")
        return Comparison(operator, tuple(reader._scalar(operator) for reader in readers))

    def _scalar(self, operator: Operator) -> Scalar:
        kind = comparable_type(self.value)
        if kind is None:
            self.refuse("A text, a number, true or false is needed here.")
            return ""
        if operator not in OPERATORS[kind]:
            self.refuse(f"“{operator}” cannot be used with a {kind}.", allowed=OPERATORS[kind])
        if kind == "text":
            return self._pattern() if operator in ("matches", "does not match") else self.text()
        if kind == "number" and not abs(cast(float, self.value)) <= 1e15:
            self.refuse("A number between -10¹⁵ and 10¹⁵ is needed here.")
            return 0.0
        return cast(Scalar, self.value)

    def _pattern(self) -> str:
        text = self.text()
        try:
            read_pattern(text)
        except UnreadablePattern as error:
            self.refuse(str(error), allowed=PARTS)
        return text


def can_be_named(key: str) -> bool:
    """Return whether a rule can name the field or property `key`."""
    return len(key) <= MAX_TEXT and _FIELD_KEY.fullmatch(key) is not None


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}…"
