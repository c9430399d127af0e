"""Counts that are published without telling of anybody, and how much they may tell in all."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Report(models.Model):
    """Published counts: each with noise, and none of too few people. Never changed."""

    class Kind(models.TextChoices):
        SEGMENTS = "segments", _("sizes of segments")
        FUNNEL = "funnel", _("steps of a funnel")

    uid = models.UUIDField(_("number"), default=uuid.uuid4, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    title = models.CharField(_("title"), max_length=200)
    #: What was counted: slugs of segments, or the events of the steps and their window.
    definition = models.JSONField(_("definition"), default=dict)
    epsilon = models.FloatField(_("privacy spent (ε)"))
    threshold = models.PositiveIntegerField(_("at least so many people"))
    #: [{"name", "count" or null, "error"}, …]
    rows = models.JSONField(_("counts"), default=list)
    published_at = models.DateTimeField(_("published at"), default=timezone.now)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        ordering = ("-published_at", "-pk")
        permissions = (("publish_report", _("Can publish reports")),)

    def __str__(self) -> str:
        return self.title


class BudgetEntry(models.Model):
    """What a report has spent of the privacy budget: the ledger, only ever added to."""

    report = models.OneToOneField(Report, models.PROTECT, related_name="spending")
    epsilon = models.FloatField(_("privacy spent (ε)"))
    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("budget entry")
        verbose_name_plural = _("privacy budget")
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return f"ε {self.epsilon:g} at {self.at:%Y-%m-%d}"
