"""Identities of whom nothing is collected: erased, or on the list of an operator.

Only a pseudonym is kept, so that the list itself holds nobody's id.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Suppression(models.Model):
    """An identity that is not to come back.

    Of one that was erased, no event that happened until then is ever kept again. It comes
    back with a new yes of the person, and only with what happens from then on.
    """

    class Reason(models.TextChoices):
        ERASED = "erased", _("erased")
        OPERATOR = "operator", _("put on the list")

    #: `pseudonym("identity", namespace, value)`.
    digest = models.CharField(_("pseudonym"), max_length=64, unique=True)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices)
    since = models.DateTimeField(_("since"), default=timezone.now)
    #: When the person agreed anew: what happened before stays out, what follows is kept.
    lifted_at = models.DateTimeField(_("lifted at"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        ordering = ("-since", "-pk")

    def __str__(self) -> str:
        return f"{self.digest[:12]}… ({self.get_reason_display()})"
