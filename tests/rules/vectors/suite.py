"""The public test suites of peers, as questions to our language.

The suites are not part of this repository: they are read from the folder beside it, where
there is one. An adapter turns each case into stored rules with histories and the answers
that the peer expects; nothing of the meaning is bent to make a case pass. What cannot be
said in our language raises `Untranslatable`, and stands in `skips.json` with the reason;
so does every case in which the peer means something else than we do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from personalization.rules.expression import SPECIAL
from personalization.types import Json, Microseconds
from tests.rules.strategies import NOW
from tests.rules.world import History

HERE = Path(__file__).parent
VECTORS = HERE.parents[3] / "shared" / "data" / "vectors"

LISTS = "Rules do not look into lists."
OBJECTS = "Whole objects are not compared."
ORDER = "Text has no order: only numbers are more or less."
VERSIONS = "There is no comparison of version numbers."


class Untranslatable(Exception):
    """The case asks for what the language does not have; the message says what."""


@dataclass(frozen=True)
class Question:
    """A stored rule, a history, an instant, and the answer of the peer.

    `segments` are the stored rules of the segments it names, None for those kept by hand.
    """

    rule: Json
    history: History
    expected: bool
    now: Microseconds = NOW
    segments: Mapping[str, Json] = field(default_factory=dict)


Case: TypeAlias = Callable[[], list[Question]]


@dataclass(frozen=True)
class Suite:
    """A suite: `read` returns its cases by id from what stands at `path`."""

    name: str
    path: str
    read: Callable[[Path], Mapping[str, Case]]
    #: Cases that are about a malformed rule: ours is refused at save, so that it matches nobody.
    refused: frozenset[str] = frozenset()

    @property
    def file(self) -> Path:
        return VECTORS / self.path

    @cached_property
    def cases(self) -> Mapping[str, Case]:
        return self.read(self.file)

    @cached_property
    def skips(self) -> Mapping[str, str]:
        skips: Mapping[str, str] = json.loads((HERE / "skips.json").read_text())[self.name]
        return skips


def named(cases: list[tuple[str, Case]]) -> dict[str, Case]:
    """Return the cases by name, those that share one with a number added."""
    found: dict[str, Case] = {}
    for name, case in cases:
        n = sum(1 for known in found if known == name or known.startswith(f"{name} #"))
        found[name if n == 0 else f"{name} #{n + 1}"] = case
    return found


def literal(text: str) -> str:
    """Return the pattern that is `text` itself."""
    return "".join(f"\\{one}" if one in SPECIAL else one for one in text)


def any_case(pattern: str) -> str:
    """Return a pattern without classes and escaped letters as one that ignores case."""
    if "[" in pattern or any(f"\\{one}" in pattern for one in "dwsDWS"):
        raise Untranslatable("A pattern with classes cannot be spelt out for both cases.")
    return "".join(
        f"[{one.lower()}{one.upper()}]" if one.isascii() and one.isalpha() else one
        for one in pattern
    )


def load(file: Path) -> Any:
    return json.loads(file.read_text())
