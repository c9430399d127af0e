"""Look what came of experiments and holdouts; the twin of the Celery task."""

from __future__ import annotations

from personalization.experiments.refresh import refresh_findings
from personalization.management.loop import LoopCommand


class Command(LoopCommand):
    help = "Compute what came of experiments and holdouts, where something happened since."
    done = "%d findings written."
    work = staticmethod(refresh_findings)
