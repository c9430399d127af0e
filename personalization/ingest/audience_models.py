"""Page views that are counted without anybody being known."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AudienceSalt(models.Model):
    """The salt of one day. With it goes every way to tell who one of that day was."""

    day = models.DateField(_("day"), unique=True)
    salt = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("audience salt")
        verbose_name_plural = _("audience salts")

    def __str__(self) -> str:
        return str(self.day)


class AudienceVisitor(models.Model):
    """Somebody of today, so that nobody is counted twice: a salted digest, gone tomorrow."""

    day = models.DateField(_("day"))
    digest = models.CharField(_("digest"), max_length=64)

    class Meta:
        verbose_name = _("audience visitor")
        verbose_name_plural = _("audience visitors")
        constraints = (
            models.UniqueConstraint(fields=("day", "digest"), name="pz_audience_visitor"),
        )

    def __str__(self) -> str:
        return f"{self.day}: {self.digest[:8]}…"


class AudienceCount(models.Model):
    """How often something was seen on a day, and by how many."""

    day = models.DateField(_("day"))
    #: page, referrer, device, or total, which has no name.
    kind = models.CharField(_("kind"), max_length=10)
    name = models.CharField(_("name"), max_length=300, blank=True)
    views = models.PositiveBigIntegerField(_("views"), default=0)
    visitors = models.PositiveBigIntegerField(_("visitors"), default=0)

    class Meta:
        verbose_name = _("audience count")
        verbose_name_plural = _("audience counts")
        constraints = (
            models.UniqueConstraint(fields=("day", "kind", "name"), name="pz_audience_count"),
        )

    def __str__(self) -> str:
        return f"{self.day}: {self.kind} {self.name}"
