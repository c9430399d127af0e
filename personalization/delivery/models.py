"""Places in pages that can differ, and what can stand in them."""

from __future__ import annotations

from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from personalization import hints
from personalization.delivery.caps import (
    MOST,
    PREFIX,
    Caps,
    Counted,
    keep_cap,
    of_candidate,
    of_slot,
)
from personalization.delivery.list_marker import problem_with as problem_with_list
from personalization.delivery.triggers import problem_with
from personalization.revisions import Published, PublishedQuerySet
from personalization.segments.models import Segment

_AS_OFTEN = (MinValueValidator(1), MaxValueValidator(MOST))

C = TypeVar("C", bound="Capped")


class CappedQuerySet(PublishedQuerySet[C]):
    """Deleting in bulk takes the segments of the caps along."""

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete()
            _delete_caps_of_nothing()
        return deleted


class Capped(Published):
    """Base of what is shown only so often. Whoever saw it often enough is in the segment `cap`,
    which is written from these numbers; where none is given there is none."""

    cap_total = models.PositiveSmallIntegerField(
        _("times in all"), null=True, blank=True, validators=_AS_OFTEN
    )
    cap_daily = models.PositiveSmallIntegerField(
        _("times in 24 hours"), null=True, blank=True, validators=_AS_OFTEN
    )
    cap_ignored = models.PositiveSmallIntegerField(
        _("times without a click"), null=True, blank=True, validators=_AS_OFTEN
    )
    cap = models.OneToOneField(
        Segment, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and have the segment of the cap say what the numbers say."""
        with transaction.atomic():
            # An old copy must not undo what was written since it was read.
            self.cap_id = self._rows().select_for_update().values_list("cap", flat=True).first()
            super().save(*args, **kwargs)
            self._keep_cap()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            _delete_caps_of_nothing()
        return deleted

    def counted(self) -> Counted:
        """Return which events count for this."""
        raise NotImplementedError

    def clean(self) -> None:
        """Refuse a cap that another one always reaches first."""
        super().clean()
        total = self.cap_total
        for name in ("cap_daily", "cap_ignored"):
            times = getattr(self, name)
            if total is not None and times is not None and times >= total:
                words = _("%(times)s is never reached: it ends with %(total)s times in all.")
                raise ValidationError({name: words % {"times": times, "total": total}})

    def _rows(self) -> Any:
        return type(self)._base_manager.filter(pk=self.pk)

    def _keep_cap(self) -> None:
        saved = self._rows().select_related("cap").get()  # whichever columns were saved now
        caps = Caps(total=saved.cap_total, daily=saved.cap_daily, ignored=saved.cap_ignored)
        self.cap = keep_cap(
            saved.cap,
            slug=f"{self._meta.model_name}:{self.pk}",
            name=f"Shown often enough: {saved}",
            wanted=caps.rule(saved.counted()),
        )
        if self.cap_id != saved.cap_id:
            self._rows().update(cap=self.cap)


class Slot(Capped):
    """A place in a page that can differ. Templates name it by its slug."""

    class Trigger(models.TextChoices):
        NONE = "", _("when the page is shown")
        TIME = "time_on_page", _("after seconds on the page")
        SCROLL = "scroll_depth", _("when so many percent were scrolled to")
        CLICKS = "click_depth", _("after so many clicks on the page")
        EXIT = "exit_intent", _("when the visitor is about to leave")
        IDLE = "inactivity", _("after seconds in which nothing was done")

    class Presentation(models.TextChoices):
        PLACE = "place", _("in its place")
        DIALOG = "dialog", _("in a dialog")

    class Strategy(models.TextChoices):
        SITE = "", _("as everywhere on this site")
        PRIORITY = "priority", _("the first by priority")
        WEIGHT = "weight", _("the one whose segments weigh most")
        RANDOM = "random", _("one by chance, the same for a visitor")
        ALL = "all", _("all of them, one after the other")

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    strategy = models.CharField(
        _("when several match"),
        max_length=20,
        choices=Strategy.choices,
        default=Strategy.SITE,
        blank=True,
    )
    trigger = models.CharField(
        _("shown"), max_length=20, choices=Trigger.choices, default=Trigger.NONE, blank=True
    )
    trigger_value = models.PositiveIntegerField(
        _("how many"), null=True, blank=True, validators=(MinValueValidator(1),)
    )
    presentation = models.CharField(
        _("presented"), max_length=10, choices=Presentation.choices, default=Presentation.PLACE
    )

    objects = CappedQuerySet.as_manager()

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        ordering = ("slug",)
        permissions = (("preview", _("Can look at pages as somebody else")),)

    def __str__(self) -> str:
        return self.name

    def counted(self) -> Counted:
        return of_slot(self.slug)

    def clean(self) -> None:
        """Refuse a trigger without the number it waits for, and a dialog that waits for nothing."""
        super().clean()
        if problem := problem_with(self.trigger, value=self.trigger_value):
            raise ValidationError({"trigger_value": problem})
        if self.presentation == self.Presentation.DIALOG and not self.trigger:
            raise ValidationError(
                {"presentation": _("A dialog opens by a trigger: choose one, or show it in place.")}
            )


class Variation(Capped):
    """One content for a slot, shown to the profiles of its segment."""

    slot = models.ForeignKey(Slot, models.CASCADE, related_name="variations")
    segment = models.ForeignKey(Segment, models.PROTECT, related_name="variations")
    name = models.CharField(_("name"), max_length=100)
    content = models.TextField(
        _("content"), help_text=_("HTML, shown as it stands. It replaces the default of the slot.")
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=10, help_text=_("The lowest number whose segment matches is shown.")
    )
    active = models.BooleanField(_("active"), default=True)
    starts_at = models.DateTimeField(_("shown from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("shown until"), null=True, blank=True)
    share = models.FloatField(
        _("share"),
        default=1.0,
        validators=(MinValueValidator(0),),
        help_text=_("How often it is shown beside others, where chance decides."),
    )

    holdout = models.FloatField(
        _("held out"),
        null=True,
        blank=True,
        validators=(MinValueValidator(0), MaxValueValidator(0.5)),
        help_text=_(
            "Share of its visitors, 0 to 0.5, who see the default instead, so that what it earns "
            "can be told. Empty: as everywhere on this site."
        ),
    )

    objects = CappedQuerySet.as_manager()

    class Meta:
        verbose_name = _("variation")
        verbose_name_plural = _("variations")
        ordering = ("priority", "id")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse an end that lies before the beginning, and a list that cannot be made."""
        super().clean()
        if problem := problem_with_list(self.content):
            raise ValidationError({"content": problem})
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError(
                {"ends_at": _("It ends before it begins; give it a later end, or none.")}
            )

    @property
    def key(self) -> str:
        """What decisions and exposures call it."""
        return f"variation:{self.pk}"

    def counted(self) -> Counted:
        return of_candidate(self.key)


def _delete_caps_of_nothing() -> None:
    """Delete the segments of caps whose slot or variation is gone, with what it took along."""
    of_slots = Slot.objects.exclude(cap=None).values("cap")
    of_variations = Variation.objects.exclude(cap=None).values("cap")
    caps = Segment.objects.filter(internal=True, slug__startswith=PREFIX)
    caps = caps.exclude(pk__in=of_slots).exclude(pk__in=of_variations)
    if caps.exists():
        caps.delete()
        hints.hint(hints.REFRESH_SEGMENTS)
