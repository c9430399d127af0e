"""Places in pages that can differ, and what can stand in them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from personalization.segments.models import Published, Segment


class Slot(Published):
    """A place in a page that can differ. Templates name it by its slug."""

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name


class Variation(Published):
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

    class Meta:
        verbose_name = _("variation")
        verbose_name_plural = _("variations")
        ordering = ("priority", "id")

    def __str__(self) -> str:
        return self.name
