"""What to tell about an import when it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from personalization.ingest.imports.run import Complaint, Step

#: How many lines that were refused are shown.
SHOWN = 20


@dataclass
class Report:
    """What became of the lines that one run of an import read."""

    accepted: int = 0
    rejected: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    shown: list[Complaint] = field(default_factory=list)

    def add(self, step: Step) -> None:
        self.accepted += step.accepted
        self.rejected += len(step.complaints)
        self.left_out.update(step.left_out)
        self.shown += step.complaints[: SHOWN - len(self.shown)]

    def sentences(self) -> Iterator[str]:
        """Return what happened, and the first lines that were refused with the reason."""
        yield f"{self.accepted:,} events taken, {self.rejected:,} lines refused{self._left_out()}."
        for one in self.shown:
            yield f"Line {one.line:,}: {one.message} ({one.code})"
        if more := self.rejected - len(self.shown):
            yield f"… and {more:,} more."

    def _left_out(self) -> str:
        if not self.left_out:
            return ""
        each = ", ".join(f"{n:,} {why}" for why, n in self.left_out.most_common())
        return f", {self.left_out.total():,} left out ({each})"
