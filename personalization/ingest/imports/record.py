"""What a file that is imported consists of, and what every way to read one does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from personalization.exceptions import EventRejected
from personalization.ingest.imports.lines import Line

#: The fields of a call that a column, or a value for every line, can be meant for.
FIELDS = (
    "type", "event", "userId", "anonymousId", "previousId", "groupId", "messageId", "timestamp",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Record:
    """What stands in a file for one event, read as a call of the Segment spec.

    `line` is the number of its first line, `last` of its last one; `end` is how many
    bytes of the file have been read with it. Either `call` is there, or `problem` says
    why it cannot be read, or `left_out` why it is nothing that a visitor did.
    """

    line: int
    last: int
    end: int
    call: Mapping[str, Any] | None = None
    problem: EventRejected | None = None
    left_out: str = ""

    @classmethod
    def of(cls, line: Line, **fields: Any) -> Record:
        return cls(line=line.number, last=line.number, end=line.end, **fields)


class Reader(Protocol):
    """One way to read a file, the whole of it: it remembers nothing between two files."""

    #: Names the way of reading: a file read in another way is another import.
    signature: str
    #: Whether what it reads may be a program's: a single view is held then, until another
    #: proves that somebody is there.
    unproved: bool

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        """Return the records in `lines`, in their order.

        :raises UnreadableFile: when no line of the file can be understood.
        """
