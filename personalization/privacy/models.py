"""What visitors agreed to, how it was asked, and what became of their rights."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.profiles.models import Identity
from personalization.types import Purpose


class ConsentText(models.Model):
    """What visitors are asked in one language under one version of the policy.

    Once somebody has answered a version, its texts stay as they are: the answers are to them.
    """

    version = models.CharField(_("policy version"), max_length=20)
    language = models.CharField(_("language"), max_length=15)
    #: Empty: the question as a whole.
    purpose = models.CharField(_("purpose"), max_length=20, blank=True, choices=Purpose.choices)
    title = models.CharField(_("title"), max_length=100)
    text = models.TextField(_("text"), max_length=2000)

    class Meta:
        verbose_name = _("consent text")
        verbose_name_plural = _("consent texts")
        ordering = ("-version", "language", "purpose")
        constraints = (
            models.UniqueConstraint(
                fields=("version", "language", "purpose"), name="pz_consent_text"
            ),
        )

    def __str__(self) -> str:
        return f"{self.version}, {self.language}: {self.title}"


class Mechanism(models.TextChoices):
    """How an answer was given."""

    BANNER = "banner", _("banner")
    PREFERENCES = "preferences", _("preference page")
    API = "api", _("API")
    DEVICE = "device", _("given on the same device")
    PRESUMED = "presumed", _("presumed where the region lets it be")
    SIGNAL = "signal", _("signal of the browser")
    SEGMENT = "segment", _("another consent tool, by the events")
    CONSENT_MODE = "consent_mode", _("another consent tool, by Google's consent mode")
    TCF = "tcf", _("another consent tool, by a TC string")
    EXPIRED = "expired", _("the yes was too old")
    ERASURE = "erasure", _("everything was erased")


class ConsentRecord(models.Model):
    """One answer in the consent log: only ever added to, and each entry seals those before.

    It names nobody: `subject` is a pseudonym, so that the log still proves what was asked and
    answered when the person has been erased.
    """

    uid = models.UUIDField(_("number"), default=uuid.uuid4, unique=True)
    #: `pseudonym("consent", namespace, value)` of the identity that answered.
    subject = models.CharField(_("pseudonym"), max_length=64, db_index=True)
    #: Purpose → whether it was agreed to.
    answers = models.JSONField(_("answers"))
    policy_version = models.CharField(_("policy version"), max_length=20)
    #: SHA-256 of the texts as they were shown, and their language; empty: none were shown.
    text_digest = models.CharField(_("texts"), max_length=64, blank=True)
    language = models.CharField(_("language"), max_length=15, blank=True)
    mechanism = models.CharField(_("mechanism"), max_length=20, choices=Mechanism.choices)
    region = models.CharField(_("region"), max_length=10, blank=True)
    #: The signals that the browser sent along, such as gpc.
    signals = models.JSONField(_("signals"), default=list, blank=True)
    #: What another tool stated, as it did: a TC string, category preferences.
    evidence = models.JSONField(_("evidence"), default=dict, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now, db_index=True)
    #: `proof` of all of the above: nobody without the key can write or change an entry.
    proof = models.CharField(_("proof"), max_length=64)
    #: Place in the chain, given when it is sealed; and SHA-256 of the seal before and the proof.
    place = models.PositiveBigIntegerField(_("place"), null=True, unique=True)
    seal = models.CharField(_("seal"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("consent record")
        verbose_name_plural = _("consent log")
        ordering = ("-recorded_at", "-pk")

    def __str__(self) -> str:
        return str(self.uid)


class Consent(models.Model):
    """One answer to one purpose. The newest answer of an identity counts."""

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="consents")
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose.choices)
    granted = models.BooleanField(_("granted"))
    policy_version = models.CharField(_("policy version"), max_length=20)
    mechanism = models.CharField(_("mechanism"), max_length=20, choices=Mechanism.choices)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes = (
            models.Index(fields=("identity", "purpose", "id"), name="pz_consent_latest"),
            models.Index(fields=("recorded_at",), name="pz_consent_age"),
        )
        permissions = (("manage_consents", _("Can record and export the answers of visitors")),)

    def __str__(self) -> str:
        return f"{self.purpose}: {'granted' if self.granted else 'refused'}"


class Erasure(models.Model):
    """Somebody who is erased, and the receipt for it."""

    class Scope(models.TextChoices):
        PERSON = "person", _("everything of a person")
        DEVICE = "device", _("one device of a person")

    class Channel(models.TextChoices):
        SELF = "self", _("by the visitor")
        OPERATOR = "operator", _("in the admin")
        API = "api", _("API")
        COMMAND = "command", _("command")

    class Status(models.TextChoices):
        WAITING = "waiting", _("at work")
        DONE = "done", _("done")
        FAILED = "failed", _("failed, tried again")

    uid = models.UUIDField(_("number"), default=uuid.uuid4, unique=True)
    scope = models.CharField(_("scope"), max_length=10, choices=Scope.choices)
    channel = models.CharField(_("asked for"), max_length=10, choices=Channel.choices)
    requested_at = models.DateTimeField(_("asked for at"), default=timezone.now)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: Pseudonyms of the identities, as the suppression list has them.
    subjects = models.JSONField(_("pseudonyms"), default=list)
    #: Whom to look for while it is at work: [[namespace, value], …]; emptied when it is done.
    keys = models.JSONField(default=list, blank=True)
    former = models.JSONField(default=list, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next try"), null=True, blank=True, db_index=True)
    #: Store → how much was erased there; store → where an id was still found by the last search.
    erased = models.JSONField(_("erased"), default=dict)
    found = models.JSONField(_("still found"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    #: The receipt as it was signed, and its proof.
    receipt = models.TextField(_("receipt"), blank=True)
    signature = models.CharField(_("signature"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ("-requested_at", "-pk")

    def __str__(self) -> str:
        return str(self.uid)


class AuditEntry(models.Model):
    """Who saw or changed what. Only ever added to."""

    class Action(models.TextChoices):
        VIEWED = "viewed", _("looked at")
        REVEALED = "revealed", _("read what is encrypted")
        EXPORTED = "exported", _("exported")
        CORRECTED = "corrected", _("corrected")
        ERASED = "erased", _("erased")
        ADDED = "added", _("added")
        CHANGED = "changed", _("changed")
        DELETED = "deleted", _("deleted")
        PREVIEWED = "previewed", _("looked at pages as")
        PUBLISHED = "published", _("published")

    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: Who it was, also when the account is gone: a user name, "visitor", a source.
    actor_name = models.CharField(_("who"), max_length=200)
    action = models.CharField(_("action"), max_length=20, choices=Action.choices)
    #: Model or report, as in "segment", and its name; of a person it is a pseudonym.
    kind = models.CharField(_("kind"), max_length=50)
    name = models.CharField(_("name"), max_length=200, blank=True)
    #: Number of the row, as text.
    number = models.CharField(_("number"), max_length=64, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ("-at", "-pk")
        indexes = (models.Index(fields=("kind", "number", "at"), name="pz_audit_object"),)

    def __str__(self) -> str:
        return f"{self.actor_name} {self.get_action_display()} {self.kind} {self.name}"
