"""Who the visitors are, as far as we know, and what follows from their events."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Profile(models.Model):
    """One person as far as we know."""

    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        permissions = (
            ("see_traits", _("Can read personal traits")),
            ("export_profile", _("Can export everything of a profile")),
            ("erase_profile", _("Can erase everything of a profile")),
        )

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


class IdentityLink(models.Model):
    """Two identities that a trusted source says are one person: the earliest time it said so.

    The links are a set to which events only add, so what they lead to is a function of
    the events and not of their order. `one` is the identity with the smaller number.
    """

    # Their indexes are those below: a shared device has links to many, and the late ones
    # of them must be found without the rest.
    one = models.ForeignKey(Identity, models.CASCADE, related_name="links", db_index=False)
    other = models.ForeignKey(Identity, models.CASCADE, related_name="linked_by", db_index=False)
    stated_at = models.DateTimeField(_("stated at"))
    #: Decides between links of one instant.
    message_id = models.CharField(_("message id"), max_length=100)

    class Meta:
        verbose_name = _("identity link")
        verbose_name_plural = _("identity links")
        constraints = (models.UniqueConstraint(fields=("one", "other"), name="pz_identity_link"),)
        indexes = (
            models.Index(fields=("one", "stated_at"), name="pz_link_one_time"),
            models.Index(fields=("other", "stated_at"), name="pz_link_other_time"),
        )

    def __str__(self) -> str:
        return f"{self.one_id} – {self.other_id}"


class LinkVerdict(models.Model):
    """An operator's word on two identities; it outweighs every link and limit.

    `one` is the identity with the smaller number. A merge that is undone takes the words
    along that were given for it.
    """

    one = models.ForeignKey(Identity, models.CASCADE, related_name="+")
    other = models.ForeignKey(Identity, models.CASCADE, related_name="+")
    together = models.BooleanField(_("one person"))
    decided_at = models.DateTimeField(_("decided at"), default=timezone.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    merge = models.ForeignKey("Merge", models.SET_NULL, null=True, related_name="verdicts")

    class Meta:
        verbose_name = _("link verdict")
        verbose_name_plural = _("link verdicts")
        constraints = (models.UniqueConstraint(fields=("one", "other"), name="pz_link_verdict"),)

    def __str__(self) -> str:
        return f"{self.one_id} – {self.other_id}: {'together' if self.together else 'apart'}"


class Merge(models.Model):
    """One entry of the merge log: identities that moved from one profile to another."""

    class Cause(models.TextChoices):
        EVENT = "event", _("an event")
        OPERATOR = "operator", _("an operator")
        SUGGESTION = "suggestion", _("an accepted suggestion")
        UNDO = "undo", _("an undone merge")
        LIMITS = "limits", _("changed limits")

    #: Numbers and not references: the log outlives the profiles that were merged away.
    source_profile = models.PositiveBigIntegerField(_("from profile"))
    target_profile = models.PositiveBigIntegerField(_("to profile"))
    #: [[namespace, value], …] of the identities that moved.
    identities = models.JSONField(_("identities"), default=list)
    #: The same of those that they met there: what an undo keeps them apart from.
    others = models.JSONField(_("met there"), default=list)
    cause = models.CharField(_("cause"), max_length=20, choices=Cause.choices)
    link = models.ForeignKey(IdentityLink, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(_("at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        indexes = (
            models.Index(fields=("target_profile",), name="pz_merge_target"),
            models.Index(fields=("source_profile",), name="pz_merge_source"),
        )

    def __str__(self) -> str:
        return f"{self.source_profile} → {self.target_profile}"


class MergeSuggestion(models.Model):
    """Two profiles that may be one person, for an operator to decide.

    One that is accepted goes with the profile that is merged away; the merge log has it.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        DISMISSED = "dismissed", _("dismissed")

    one = models.ForeignKey(Profile, models.CASCADE, related_name="+")
    other = models.ForeignKey(Profile, models.CASCADE, related_name="+")
    probability = models.FloatField(_("probability"))
    #: comparison → {"agrees": bool, "weight": bits}
    weights = models.JSONField(_("weights"), default=dict)
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default="open")
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("merge suggestion")
        verbose_name_plural = _("merge suggestions")
        ordering = ("-probability",)
        constraints = (
            models.UniqueConstraint(fields=("one", "other"), name="pz_merge_suggestion"),
        )

    def __str__(self) -> str:
        return f"{self.one_id} – {self.other_id}: {self.probability:.2f}"


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
    #: key of what a rule needs → what is kept of the events for it.
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
    #: When the newest visit began; it lasts until a visit gap after `last_seen`.
    visit_started_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")

    def __str__(self) -> str:
        return f"Snapshot of {self.profile_id}"
