"""Outcomes that count: what models predict and experiments are measured by."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _


class Goal(models.Model):
    """An event that a site wants to happen, and what it is worth."""

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    event = models.CharField(_("event"), max_length=200)
    #: Property with a number that tells what it was worth; empty: each counts the same.
    value_property = models.CharField(_("property with its worth"), max_length=200, blank=True)
    #: How soon after an instant it has to happen to count for it.
    within = models.DurationField(_("within"), default=timedelta(days=7))
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("goal")
        verbose_name_plural = _("goals")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
