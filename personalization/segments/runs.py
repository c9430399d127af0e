"""How far the memberships have been brought after changed rules: the state of a refresh."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

#: A worker that has not been heard of for so long has lost its run to the next one.
LEASE = timedelta(seconds=60)
#: After so long without a sign of life, something is wrong with the workers.
STUCK = timedelta(minutes=5)


class Refresh(models.Model):
    """One pass over all profiles after rules have changed; at most one is open.

    It goes on from `cursor` whenever a worker takes it up, and each chunk moves the cursor
    in the transaction of its own work: what was done is never done again, and a worker
    that lost its lease writes nothing any more.
    """

    class Phase(models.TextChoices):
        FILLING = "filling", _("filling")
        CLEANING = "cleaning", _("cleaning up")
        FINISHED = "finished", _("finished")

    open = models.BooleanField(default=True)
    phase = models.CharField(
        _("phase"), max_length=10, choices=Phase.choices, default=Phase.FILLING
    )
    #: Id of each version to fill → what it means. One that means something else meanwhile
    #: is left to the next run.
    targets = models.JSONField(default=dict)
    #: The number of the last profile that is done.
    cursor = models.PositiveBigIntegerField(default=0)
    done = models.PositiveBigIntegerField(_("profiles done"), default=0)
    total = models.PositiveBigIntegerField(_("profiles"), default=0)
    started_at = models.DateTimeField(_("started at"))
    heartbeat_at = models.DateTimeField(_("last sign of life"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    #: The worker that holds it; empty between two turns.
    owner = models.CharField(max_length=32, blank=True)
    #: How often in a row it failed, and why.
    failures = models.PositiveSmallIntegerField(_("failures"), default=0)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("refresh")
        verbose_name_plural = _("refreshes")
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("open",), condition=models.Q(open=True), name="pz_refresh_open"
            ),
        )

    def __str__(self) -> str:
        return f"Refresh {self.pk}: {self.phase}"


class CounterPlan(models.Model):
    """What snapshots that name a plan keep: tells what is missing in them for another one."""

    id = models.CharField(max_length=20, primary_key=True)
    #: Key of each need → how much of it is kept.
    needs = models.JSONField(default=dict)
    #: The features that are kept, each with what it was added up with.
    features = models.JSONField(default=list)

    class Meta:
        verbose_name = _("counter plan")
        verbose_name_plural = _("counter plans")

    def __str__(self) -> str:
        return self.id
