"""What this package holds of people: nothing for longer than a second."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from personalization.delivery.exposure_queue import flush
from personalization.profiles.stores import TO_PERSONALIZE, Store, Subject, stores


@stores.register("exposures")
class Exposures(Store):
    """What was shown waits in the process until it is written, where the buffer takes over.

    Other processes write theirs by themselves; the worker then drops what is of the erased.
    """

    holds = _("What was shown to you just now, until it is written down.")
    used_for = TO_PERSONALIZE
    kept_words = _("Seconds.")
    is_shown = False

    def erase_slowly(self, subject: Subject) -> int:
        flush()
        return 0
