"""Finish the erasures that were asked for; the twin of the Celery task."""

from __future__ import annotations

from personalization.management.loop import LoopCommand
from personalization.privacy.erasure.finish import finish_erasures


class Command(LoopCommand):
    help = "Erase what takes long, search every store for what is left, and sign the receipts."
    work = staticmethod(finish_erasures)
    done = "%d erasures tried."
