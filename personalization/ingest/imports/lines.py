"""The lines of a file, however long one is, with the place each ends at."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from gzip import BadGzipFile
from typing import IO

from personalization.exceptions import EventRejected, UnreadableFile

#: Bytes of the longest line that is read. An event is far shorter, whatever its escapes.
LONGEST = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: its number from 1, its bytes, and how many bytes were read with it."""

    number: int
    end: int
    data: bytes

    @property
    def is_blank(self) -> bool:
        return not self.data.strip()

    def text(self) -> str:
        """Return the line without its end.

        :raises EventRejected: when it is too long or not UTF-8.
        """
        if len(self.data) > LONGEST:
            raise EventRejected(
                f"The line has more than the {LONGEST} bytes allowed.", code="event_too_large"
            )
        try:
            # A file made on Windows may begin with a mark that is no part of its text.
            text = self.data.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise EventRejected(
                f"Byte {error.start + 1} of the line is not UTF-8.", code="invalid_line"
            ) from None
        return text.rstrip("\r\n")


def read_lines(stream: IO[bytes]) -> Iterator[Line]:
    """Return the lines of `stream`; of one that is too long only the beginning is kept.

    :raises UnreadableFile: when it is a gzip that is damaged.
    """
    number = end = 0
    try:
        while data := stream.readline(LONGEST + 1):
            number += 1
            end += len(data)
            rest = data
            while len(rest) > LONGEST and not rest.endswith(b"\n"):
                rest = stream.readline(LONGEST + 1)
                end += len(rest)
            yield Line(number=number, end=end, data=data)
    except (EOFError, zlib.error, BadGzipFile) as error:
        raise UnreadableFile(f"The gzip is damaged after line {number}: {error}.") from error
