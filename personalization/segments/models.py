"""Named sets of profiles, and who is in them since when and until when."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.clock import microseconds
from personalization.profiles.models import Profile


class Revision(models.Model):
    """The number of the published configuration: one row, raised by every change.

    Processes keep segments, slots and variations in memory and reload them when
    the number that comes along with a snapshot is not theirs. Numbers follow the
    clock: one that was rolled back does not come again with other content.
    """

    ID = 1

    number = models.PositiveBigIntegerField(default=1)

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def raise_number(cls) -> None:
        clock = microseconds(timezone.now())
        later = Greatest(F("number") + 1, Value(clock))
        if not cls.objects.filter(pk=cls.ID).update(number=later):
            cls.objects.get_or_create(pk=cls.ID, defaults={"number": clock})


P = TypeVar("P", bound="Published")


class PublishedQuerySet(models.QuerySet[P]):
    """Deleting in bulk, as the admin does, raises the revision too. `update` does not."""

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete()
            Revision.raise_number()
        return deleted


class Published(models.Model):
    """Base of what a page is decided by: each change raises the revision."""

    objects = PublishedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            super().save(*args, **kwargs)
            Revision.raise_number()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            Revision.raise_number()
        return deleted


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
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    #: The refresh that made the memberships follow the rule; error of a failed one.
    refreshed_at = models.DateTimeField(_("refreshed at"), null=True, blank=True)
    refresh_error = models.TextField(_("refresh error"), blank=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.refresh_error = ""
        super().save(*args, **kwargs)

    @property
    def is_by_rule(self) -> bool:
        return self.kind == self.Kind.RULE


class Membership(models.Model):
    """A profile in a segment, `since` when and `until` when (half-open).

    Both are exact: `since` may lie ahead (an absence that will ripen), `until` is
    the instant at which the profile leaves if nothing further happens. So who is
    in a segment at an instant never depends on a job having run. `settled` says
    that the span is over and its departure has been told.
    """

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="memberships")
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="memberships")
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True, blank=True)
    settled = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = (
            models.UniqueConstraint(
                fields=("segment", "profile"),
                condition=Q(settled=False),
                name="pz_membership_open",
            ),
        )
        indexes = (
            models.Index(fields=("profile", "segment"), name="pz_membership_profile"),
            models.Index(fields=("segment", "until"), name="pz_membership_until"),
        )

    def __str__(self) -> str:
        return f"{self.profile_id} in {self.segment_id}"
