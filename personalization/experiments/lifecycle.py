"""An experiment begins and ends: once each, and only if what it says can be told in the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from personalization.exceptions import PersonalizationError
from personalization.experiments.drafts import drafted
from personalization.experiments.models import Experiment
from personalization.experiments.validation import (
    ANYTHING,
    Fault,
    Known,
    blocking,
    faults_of,
    neighbours,
)

_Status = Experiment.Status


class CannotStart(PersonalizationError):
    """The experiment cannot start as it is."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(fault.message for fault in faults))


class NotRunning(PersonalizationError):
    """Only an experiment that runs can be stopped."""


def obstacles(
    experiment: Experiment, *, now: datetime, known: Known = ANYTHING
) -> tuple[Fault, ...]:
    """Return what keeps an experiment from starting, and what is worth a word before it does."""
    if experiment.status != _Status.DRAFT:
        words = (
            _("It runs already.")
            if experiment.status == _Status.RUNNING
            else _("It is over: its visitors know their arms. Start a new one.")
        )
        return (Fault(field="status", code="status", message=words),)
    running = neighbours(beside=experiment.slug)
    faults = faults_of(drafted(experiment), running=running, known=known)
    if experiment.ends_at is not None and experiment.ends_at <= now:
        words = _("Its end is over already; give it a later one, or none.")
        faults = (*faults, Fault(field="ends_at", code="over", message=words))
    return faults


@transaction.atomic
def start(experiment: Experiment, *, now: datetime, known: Known = ANYTHING) -> Experiment:
    """Let visitors in; return the experiment as it is then.

    The seed is written down with it: what it is called later changes nobody's arm.

    :raises CannotStart: with all that is in the way.
    """
    # Two that start at once must not get the same part of a namespace.
    locked = list(Experiment.objects.select_for_update().order_by("pk"))
    found = next((row for row in locked if row.pk == experiment.pk), None)
    if found is None:
        words = _("There is no such experiment any more.")
        raise CannotStart([Fault(field="status", code="gone", message=words)])
    if faults := blocking(obstacles(found, now=now, known=known)):
        raise CannotStart(faults)
    found.status, found.started_at = _Status.RUNNING, now
    found.seed = found.seed or found.slug
    found.save()
    return found


@transaction.atomic
def stop(experiment: Experiment, *, now: datetime, conclusion: str = "") -> Experiment:
    """Let nobody in any more, and show all what they would see without it.

    What was counted stays, and what comes of visitors within its windows still counts.

    :raises NotRunning: if it does not run.
    """
    found = Experiment.objects.select_for_update().filter(pk=experiment.pk).first()
    if found is None or found.status != _Status.RUNNING:
        raise NotRunning(_("It does not run, so there is nothing to stop."))
    found.status, found.stopped_at = _Status.STOPPED, now
    found.conclusion = conclusion or found.conclusion
    found.save()
    return found
