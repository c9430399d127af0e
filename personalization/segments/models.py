"""Named sets of profiles, and who is in them since when and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.clock import microseconds
from personalization.profiles.models import Profile
from personalization.revisions import Published, PublishedQuerySet, Revision
from personalization.segments.by_hand import by_hand_meaning
from personalization.types import Purpose


class SegmentQuerySet(PublishedQuerySet["Segment"]):
    def listed(self) -> SegmentQuerySet:
        """Return those that people see and name: all but those of the app itself."""
        return self.filter(internal=False)


class Segment(Published):
    """A named set of profiles."""

    class Kind(models.TextChoices):
        RULE = "rule", _("By rule")
        MANUAL = "manual", _("By hand")

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(
        _("slug"), unique=True, help_text=_("What templates and rules call it. Keep it.")
    )
    description = models.TextField(_("description"), blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.RULE)
    rule = models.JSONField(_("rule"), null=True, blank=True)
    active = models.BooleanField(_("active"), default=True)
    #: Written by the app for a purpose of its own, such as a frequency cap, and not shown.
    internal = models.BooleanField(default=False, editable=False)
    ends_at = models.DateTimeField(
        _("ends at"),
        null=True,
        blank=True,
        help_text=_("From then on nobody is in it. Empty: it has no end."),
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        default=10,
        help_text=_("Of several segments that a visitor is in, the lowest number comes first."),
    )
    weight = models.FloatField(
        _("weight"),
        default=1.0,
        validators=(MinValueValidator(0),),
        help_text=_("How much it counts where weights are added up."),
    )
    #: The version whose memberships are in force; a newer rule is back-filled beside it.
    serving = models.ForeignKey(
        "SegmentVersion", models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    #: The refresh that made the memberships follow the rule; error of a failed one.
    refreshed_at = models.DateTimeField(_("refreshed at"), null=True, blank=True)
    refresh_error = models.TextField(_("refresh error"), blank=True)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and write a version if the rule or the kind is another than before."""
        with transaction.atomic():
            self._keep_what_workers_write()
            super().save(*args, **kwargs)
            if self.refreshed_at is None:  # whichever columns were to be saved
                Segment.objects.filter(pk=self.pk).update(refreshed_at=None)
            SegmentVersion.objects.follow(self)

    def _keep_what_workers_write(self) -> None:
        """Take over what a refresh wrote since this was read, lest an old copy undo it."""
        kept = ("serving_id", "active", "ends_at", "refreshed_at", "refresh_error")
        row = Segment.objects.select_for_update().filter(pk=self.pk).values(*kept).first()
        if row is None:
            return
        self.serving_id = row["serving_id"]
        self.refresh_error = row["refresh_error"]
        changed = any(row[name] != getattr(self, name) for name in ("active", "ends_at"))
        self.refreshed_at = None if changed else row["refreshed_at"]

    @property
    def is_by_rule(self) -> bool:
        return self.kind == self.Kind.RULE


class SegmentVersions(models.Manager["SegmentVersion"]):
    """Writes the history of rules."""

    def follow(self, segment: Segment) -> None:
        """Write a version if the rule or the kind of a saved segment is a new one.

        The first version serves at once, and a refresh fills it. Every later one waits
        beside the one that serves until a refresh has filled it; it takes the place of
        one that still waits.
        """
        kind, rule = Segment.objects.values_list("kind", "rule").get(pk=segment.pk)
        rule = rule if kind == Segment.Kind.RULE else None
        newest = self.filter(segment=segment).order_by("-number").first()
        if newest is not None and (newest.kind, newest.rule) == (kind, rule):
            return
        self.write(segment, kind=kind, rule=rule, newest=newest)

    def write(
        self,
        segment: Segment,
        *,
        kind: str,
        rule: Any,
        newest: SegmentVersion | None,
        note: str = "",
    ) -> SegmentVersion:
        self.filter(segment=segment, state=SegmentVersion.State.WAITING).update(
            state=SegmentVersion.State.DROPPED
        )
        first = newest is None
        # There is nothing to fill: nobody is in it yet.
        filled = first and kind == Segment.Kind.MANUAL
        end = microseconds(segment.ends_at) if segment.ends_at else None
        version = self.create(
            segment=segment,
            number=1 if newest is None else newest.number + 1,
            kind=kind,
            rule=rule,
            state=SegmentVersion.State.SERVING if first else SegmentVersion.State.WAITING,
            note=note,
            meaning=by_hand_meaning(end) if filled else "",
        )
        if first:
            segment.serving = version
        segment.refreshed_at = segment.updated_at if filled else None
        Segment.objects.filter(pk=segment.pk).update(
            serving=segment.serving, refreshed_at=segment.refreshed_at
        )
        Revision.raise_number()
        return version


class SegmentVersion(models.Model):
    """What the rule of a segment was from one save to the next.

    Its rule is never changed once written. Memberships are kept by version, so that a new
    one can be filled while the one before it serves.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("being filled")
        SERVING = "serving", _("in force")
        #: Another one serves; who was in this one is still to be compared with that.
        RETIRING = "retiring", _("being replaced")
        #: Replaced before it ever served; its memberships are still to be removed.
        DROPPED = "dropped", _("given up")
        PAST = "past", _("past")

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(
        _("kind"), max_length=10, choices=Segment.Kind.choices, default=Segment.Kind.RULE
    )
    rule = models.JSONField(_("rule"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING
    )
    #: Names what its memberships follow: the rule with those of the segments that it names,
    #: as they were when it was filled. Empty: it has not been filled.
    meaning = models.CharField(max_length=40, blank=True)
    #: When the next version took over.
    retired_at = models.DateTimeField(_("retired at"), null=True, blank=True)

    objects = SegmentVersions()

    class Meta:
        verbose_name = _("segment version")
        verbose_name_plural = _("segment versions")
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("segment", "number"), name="pz_segment_version"),
        )

    def __str__(self) -> str:
        return f"{self.segment_id}, version {self.number}"

    @property
    def has_been_filled(self) -> bool:
        """Whether its memberships have followed it, if only once."""
        return bool(self.meaning)


class MembershipQuerySet(models.QuerySet["Membership"]):
    def in_force(self, *, now: datetime) -> MembershipQuerySet:
        """Return those that hold at `now`: of the versions that serve, by their exact ends."""
        ongoing = Q(until=None) | Q(until__gt=now)
        goes_on = Q(segment__ends_at=None) | Q(segment__ends_at__gt=now)
        return self.filter(ongoing, goes_on, since__lte=now, version=F("segment__serving"))

    def listed(self) -> MembershipQuerySet:
        """Return those of segments that people see."""
        return self.filter(segment__internal=False)


class Membership(models.Model):
    """A profile in a version of a segment, `since` when and `until` when (half-open).

    Both are exact: `since` may lie ahead (an absence that will ripen), `until` is
    the instant at which the profile leaves if nothing further happens. So who is
    in a segment at an instant never depends on a job having run. `settled` says
    that the span is over and its departure has been told.
    """

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="memberships")
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="memberships")
    #: The version of the rule that it follows.
    version = models.ForeignKey(
        SegmentVersion, models.CASCADE, null=True, related_name="memberships", db_index=False
    )
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True, blank=True)
    settled = models.BooleanField(default=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = (
            models.UniqueConstraint(
                fields=("version", "profile"),
                condition=Q(settled=False),
                name="pz_membership_open",
            ),
        )
        indexes = (
            models.Index(fields=("profile", "segment"), name="pz_membership_profile"),
            models.Index(fields=("version", "until"), name="pz_membership_until"),
        )

    def __str__(self) -> str:
        return f"{self.profile_id} in {self.segment_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.version_id is None:
            self.version_id = self.segment.serving_id
        super().save(*args, **kwargs)


class Webhook(models.Model):
    """An address that is told of who enters and leaves segments."""

    name = models.CharField(_("name"), max_length=100)
    url = models.URLField(_("URL"), max_length=500)
    #: Signs what is sent, so that the receiver can tell that it comes from here.
    secret = models.CharField(_("secret"), max_length=100)
    segment = models.ForeignKey(
        Segment,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="webhooks",
        help_text=_("Empty: every segment."),
    )
    #: What the receiver uses it for: it is told of nobody who did not agree to that.
    purpose = models.CharField(
        _("used for"), max_length=20, choices=Purpose.choices, default=Purpose.PERSONALIZATION
    )
    entered = models.BooleanField(_("tell of entries"), default=True)
    left = models.BooleanField(_("tell of departures"), default=True)
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    """Something to tell a webhook, kept until it was told or given up (an outbox)."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("given up")

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    payload = models.JSONField(_("payload"))
    status = models.CharField(
        _("status"), max_length=20, choices=Status.choices, default=Status.WAITING
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    #: When to try next; null once it is delivered or given up.
    next_at = models.DateTimeField(_("next try"), null=True, blank=True, db_index=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    response_status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ("-created_at", "-pk")
        indexes = (
            models.Index(
                fields=("webhook", "id"), condition=Q(status="waiting"), name="pz_delivery_waiting"
            ),
        )

    def __str__(self) -> str:
        return f"{self.webhook_id}: {self.status}"
