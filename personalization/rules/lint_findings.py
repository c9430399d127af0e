"""What lint says of rules: findings, each with its place and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeAlias

from personalization.types import JsonObject

Code: TypeAlias = Literal[
    "broken", "contradictory", "tautological", "redundant", "beyond-retention", "encrypted", "duplicate",
    "contained", "too-small", "unused", "unused-event", "unseen-event",
]  # fmt: skip


class Severity(IntEnum):
    """How bad it is: an error is never meant, a warning seldom, a note is worth knowing."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is odd about `segments` (slugs; none: about the site as a whole).

    `pointer` leads into the stored rule of the first of them (RFC 6901); empty: all of it.
    """

    code: Code
    severity: Severity
    message: str
    advice: str
    segments: tuple[str, ...] = ()
    pointer: str = ""

    def as_json(self) -> JsonObject:
        return {
            "code": self.code,
            "severity": self.severity.word,
            "segments": list(self.segments),
            "pointer": self.pointer,
            "message": self.message,
            "advice": self.advice,
        }


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings by severity, then by segment and place."""
    return sorted(
        findings, key=lambda each: (-each.severity, each.segments, each.pointer, each.code)
    )
