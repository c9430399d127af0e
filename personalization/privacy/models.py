"""What visitors agreed to: recorded answers, never changed."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.profiles.models import Identity
from personalization.types import Purpose


class Consent(models.Model):
    """One answer to one purpose. The newest answer of an identity counts."""

    class Mechanism(models.TextChoices):
        BANNER = "banner", _("banner")
        PREFERENCES = "preferences", _("preference page")
        API = "api", _("API")
        DEVICE = "device", _("given on the same device")

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="consents")
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose.choices)
    granted = models.BooleanField(_("granted"))
    policy_version = models.CharField(_("policy version"), max_length=20)
    mechanism = models.CharField(_("mechanism"), max_length=20, choices=Mechanism.choices)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes = (models.Index(fields=("identity", "purpose", "id"), name="pz_consent_latest"),)

    def __str__(self) -> str:
        return f"{self.purpose}: {'granted' if self.granted else 'refused'}"
