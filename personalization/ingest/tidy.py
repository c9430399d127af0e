"""What time does to events that lie aside: some can go on, some are over."""

from __future__ import annotations

from datetime import datetime

from personalization.ingest.findings import purge_findings
from personalization.ingest.humanity import purge_held, release_held
from personalization.ingest.quarantine import purge_resolved


def tidy_quarantine(*, now: datetime) -> int:
    """Release held events of people known by now, and delete what is over; return how many."""
    return (
        release_held(now=now)
        + purge_held(now=now)
        + purge_resolved(now=now)
        + purge_findings(now=now)
    )
