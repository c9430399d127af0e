"""Take the events of a file in, by the way that requests take, and remember how far it came.

Each portion goes into the buffer together with the place it ends at, in one transaction:
an import that is killed goes on there, and has lost and doubled nothing. Where the buffer
is no part of the database, the portion goes first: it may come twice, and its message ids
tell.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from personalization.conf import settings
from personalization.events.buffer import buffer
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import Event, Source
from personalization.exceptions import EventRejected
from personalization.ingest.accept import judge, keep, withhold
from personalization.ingest.identities import Sender
from personalization.ingest.imports.chunks import chunks
from personalization.ingest.imports.lines import read_lines
from personalization.ingest.imports.occurrences import Occurrences
from personalization.ingest.imports.opening import OpenFile
from personalization.ingest.imports.record import Reader, Record
from personalization.ingest.inspection import inspection
from personalization.ingest.models import ImportRun
from personalization.ingest.outcome import Outcome
from personalization.ingest.quarantine import set_aside

#: What was done belongs to its time; what somebody is may be stated as of today.
_NEEDS_TIME = (Event.Type.TRACK, Event.Type.PAGE, Event.Type.SCREEN)


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """Why a line did not become an event."""

    line: int
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """What became of one portion; `known` says that an earlier run had imported it."""

    known: bool = False
    accepted: int = 0
    complaints: Sequence[Complaint] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def begin(file: OpenFile, *, reader: Reader, source: Source, again: bool) -> ImportRun:
    """Return how far this file has come in this source, read in this way.

    With `again` it begins anew. What has no fingerprint is not remembered.
    """
    if not file.fingerprint:
        return ImportRun(name=file.name, source=source)
    how = f"{file.fingerprint} {source.pk} {reader.signature}"
    digest = hashlib.sha256(how.encode()).hexdigest()
    fresh = {"name": file.name[-300:], "source": source, "size": file.size}
    if again:
        ImportRun.objects.filter(digest=digest).delete()
    run, _ = ImportRun.objects.get_or_create(digest=digest, defaults=fresh)
    return run


def import_file(
    file: OpenFile, *, reader: Reader, run: ImportRun, now: datetime
) -> Generator[Step, None, None]:
    """Import what `run` has not seen of the file, a portion for each step asked for.

    `now` is when the events are received; nothing happens after it. Close it when you stop
    before its end.

    :raises UnreadableFile: when the file cannot be understood, or ends in the middle.
    """
    sender = Sender(trusted=run.source.is_server, visitor_id=None, received_at=now)
    with closing(Occurrences()) as occurrences:
        for chunk in chunks(reader.records(read_lines(file.stream))):
            # Those of earlier runs too: what stood there counts for the ids of the rest.
            calls = iter(occurrences.identified(r.call for r in chunk if r.call is not None))
            events = [(record, next(calls)) for record in chunk if record.call is not None]
            if chunk[-1].end <= run.position:
                yield Step(known=True)
            else:
                yield _take(chunk, events, run=run, sender=sender, unproved=reader.unproved)


def finish(run: ImportRun, *, now: datetime) -> None:
    """Note that the whole file was imported."""
    run.finished_at = now
    _save(run)


def _take(
    chunk: Sequence[Record],
    events: Sequence[tuple[Record, Mapping[str, Any]]],
    *,
    run: ImportRun,
    sender: Sender,
    unproved: bool,
) -> Step:
    fresh = [record for record in chunk if record.end > run.position]
    events = [(record, call) for record, call in events if record.end > run.position]
    outcome = judge(
        [call for _, call in events],
        sender=sender,
        size=settings.EVENT_MAX_BYTES + 1,  # so that each is measured
        call=_dated,
        inspect=inspection(source=run.source, sender=sender),
    )
    withhold(outcome, sender=sender)
    complaints = _complaints(fresh, [record for record, _ in events], outcome)
    left_out = Counter(record.left_out for record in fresh if record.left_out)
    run.position, run.lines = chunk[-1].end, chunk[-1].last
    run.accepted += len(outcome.arrivals)
    run.rejected += len(complaints)
    run.skipped += left_out.total()
    arrivals = outcome.arrivals
    if unproved:
        arrivals = [replace(arrival, unproved=True) for arrival in arrivals]
    with _together():
        keep(arrivals, source=run.source, sender=sender)
        set_aside(outcome.rejected, source=run.source, sender=sender)
        _save(run)
    return Step(accepted=len(outcome.arrivals), complaints=complaints, left_out=left_out)


def _together() -> AbstractContextManager[Any]:
    return transaction.atomic() if isinstance(buffer(), DatabaseBuffer) else nullcontext()


def _dated(call: Any) -> Any:
    if call.get("type") in _NEEDS_TIME and not (
        call.get("timestamp") or call.get("originalTimestamp")
    ):
        raise EventRejected(
            "/timestamp is needed: history without a time is none.",
            code="invalid_timestamp",
            pointer="/timestamp",
        )
    return call


def _complaints(
    records: Sequence[Record], judged: Sequence[Record], outcome: Outcome
) -> Sequence[Complaint]:
    unread = [
        Complaint(line=record.line, code=record.problem.code, message=str(record.problem))
        for record in records
        if record.problem
    ]
    refused = [
        Complaint(line=judged[one.index].line, code=one.code, message=one.message)
        for one in outcome.rejected
    ]
    return sorted(unread + refused, key=lambda complaint: complaint.line)


def _save(run: ImportRun) -> None:
    if run.digest:
        run.save()
