"""Who the visitors are, as far as we know, and what follows from their events."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Profile(models.Model):
    """One person as far as we know."""

    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return f"Profile {self.pk}"


class Identity(models.Model):
    """One identifier of a profile. Events belong to it, so a merge rewrites no event."""

    #: The visitor cookie or an SDK's anonymous id; a user id a trusted source named;
    #: a user id that a browser merely claims, which never merges and never reveals.
    ANONYMOUS, USER, CLAIMED = "anonymous", "user", "claimed"

    profile = models.ForeignKey(Profile, models.CASCADE, related_name="identities")
    namespace = models.CharField(_("namespace"), max_length=30)
    value = models.CharField(_("value"), max_length=200)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = (
            models.UniqueConstraint(fields=("namespace", "value"), name="pz_identity_value"),
        )

    def __str__(self) -> str:
        return f"{self.namespace}:{self.value}"


class Visit(models.Model):
    """Events of a profile that are less than a visit gap apart."""

    profile = models.ForeignKey(Profile, models.CASCADE, related_name="visits")
    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"))
    events = models.PositiveIntegerField(_("events"))

    class Meta:
        verbose_name = _("visit")
        verbose_name_plural = _("visits")
        constraints = (
            models.UniqueConstraint(fields=("profile", "started_at"), name="pz_visit_start"),
        )
        indexes = (models.Index(fields=("profile", "ended_at"), name="pz_visit_end"),)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class Snapshot(models.Model):
    """Everything a decision needs about one profile, in one row.

    A function of the set of the profile's events (law 1): `rebuild` derives the
    same row from the log. Instants inside the JSON are microseconds.
    """

    profile = models.OneToOneField(
        Profile, models.CASCADE, primary_key=True, related_name="snapshot"
    )
    #: name → value, and name → [instant, message id] of the event that stated it.
    traits = models.JSONField(_("traits"), default=dict, blank=True)
    trait_times = models.JSONField(default=dict, blank=True)
    #: name → number; published by feature definitions and models.
    features = models.JSONField(_("features"), default=dict, blank=True)
    #: name → whole number; what sums of features are kept in, exact in any order.
    sums = models.JSONField(default=dict, blank=True)
    #: matcher id → {"n": newest instants, "t": total, "f": first instant}.
    counters = models.JSONField(default=dict, blank=True)
    #: segment id → [since, until or null, whether its entry was told]; the span of
    #: membership that contains now, or the next one ahead.
    memberships = models.JSONField(default=dict, blank=True)
    #: purpose → true for each purpose agreed to.
    consents = models.JSONField(_("consents"), default=dict, blank=True)
    #: The counters this row was built for; another plan means: rebuild first.
    plan = models.CharField(max_length=20, default="", db_index=True)
    #: When time alone next changes a membership.
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    first_seen = models.DateTimeField(_("first seen"), null=True, blank=True)
    last_seen = models.DateTimeField(_("last seen"), null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")

    def __str__(self) -> str:
        return f"Snapshot of {self.profile_id}"
