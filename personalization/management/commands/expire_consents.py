"""Have a yes that is too old end; the twin of the Celery task."""

from __future__ import annotations

from personalization.management.loop import LoopCommand
from personalization.privacy.expiry import expire_consents


class Command(LoopCommand):
    help = "Have profiles forget every yes that is too old, or to another version of the policy."
    work = staticmethod(expire_consents)
    done = "%d profiles have to be asked again."
