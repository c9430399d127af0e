"""Records in portions: as much as is taken into the buffer at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from personalization.conf import settings
from personalization.exceptions import UnreadableFile
from personalization.ingest.imports.record import Record

MOST_EVENTS = 500
#: A log may be read for a long time before there is an event in it.
MOST_RECORDS = 20 * MOST_EVENTS


def chunks(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    """Return the records in portions of a bounded number of events and bytes.

    :raises UnreadableFile: as `records` does, behind the last that could be read.
    """
    most, longest = min(MOST_EVENTS, settings.BATCH_MAX_EVENTS), settings.BATCH_MAX_BYTES
    chunk: list[Record] = []
    n, start = 0, 0
    try:
        for record in records:
            chunk.append(record)
            n += record.call is not None
            if n == most or len(chunk) == MOST_RECORDS or record.end - start >= longest:
                yield chunk
                chunk, n, start = [], 0, record.end
    except UnreadableFile:
        # What stands in front of the damage is good.
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk
