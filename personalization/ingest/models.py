"""What did not become an event, and how far imports have come."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.events.models import Source


class DeadLetter(models.Model):
    """An event that was set aside: with the reason, as it came, to be mended and replayed."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        REPLAYED = "replayed", _("replayed")
        DISCARDED = "discarded", _("discarded")

    source = models.ForeignKey(Source, models.CASCADE, related_name="dead_letters")
    code = models.CharField(_("reason"), max_length=40)
    message = models.TextField(_("message"))
    pointer = models.CharField(_("place"), max_length=300, blank=True)
    #: The call as JSON text: what cannot be stored as JSON can be as text.
    body = models.TextField(_("body"))
    #: What the request proved: {"trusted", "visitor_id", "sent_at", …}.
    sender = models.JSONField(_("sender"), default=dict)
    message_id = models.CharField(_("message id"), max_length=100, blank=True)
    #: Whose it is, as far as it could be read: erasure finds it by these.
    namespace = models.CharField(_("namespace"), max_length=30, blank=True)
    value = models.CharField(_("value"), max_length=200, blank=True)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    status = models.CharField(
        _("status"), max_length=20, choices=Status.choices, default=Status.WAITING
    )
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        indexes = (
            models.Index(fields=("status", "code"), name="pz_dead_letter_status"),
            models.Index(fields=("source", "status"), name="pz_dead_letter_source"),
            models.Index(fields=("source", "message_id"), name="pz_dead_letter_message"),
            models.Index(fields=("namespace", "value"), name="pz_dead_letter_identity"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.pk}"


class HeldEvent(models.Model):
    """A first page view, held until a second one or an interaction proves a person."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="+")
    message_id = models.CharField(_("message id"), max_length=100)
    namespace = models.CharField(_("namespace"), max_length=30)
    value = models.CharField(_("value"), max_length=200)
    arrival = models.TextField(_("event"))
    received_at = models.DateTimeField(_("received at"), default=timezone.now)

    class Meta:
        verbose_name = _("held event")
        verbose_name_plural = _("held events")
        constraints = (
            models.UniqueConstraint(fields=("source", "message_id"), name="pz_held_message"),
        )
        indexes = (models.Index(fields=("namespace", "value"), name="pz_held_identity"),)

    def __str__(self) -> str:
        return self.message_id


class SchemaFinding(models.Model):
    """What did not fit a schema, counted by source, event and place."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="schema_findings")
    event = models.CharField(_("event"), max_length=200)
    code = models.CharField(_("problem"), max_length=40)
    pointer = models.CharField(_("place"), max_length=300, blank=True)
    example = models.TextField(_("example"), blank=True)
    n = models.PositiveBigIntegerField(_("times"), default=0)
    first_seen = models.DateTimeField(_("first seen"), default=timezone.now)
    last_seen = models.DateTimeField(_("last seen"), default=timezone.now)

    class Meta:
        verbose_name = _("schema finding")
        verbose_name_plural = _("schema findings")
        constraints = (
            models.UniqueConstraint(
                fields=("source", "event", "code", "pointer"), name="pz_schema_finding"
            ),
        )

    def __str__(self) -> str:
        return f"{self.event}{self.pointer}: {self.code}"


class ImportRun(models.Model):
    """How far the import of a file has come: a second run goes on where it ended."""

    #: Of the file as it was (its size, time, beginning and end), the source and how it is read.
    digest = models.CharField(_("digest"), max_length=64, unique=True)
    name = models.CharField(_("file"), max_length=300)
    source = models.ForeignKey(Source, models.CASCADE, related_name="+")
    position = models.PositiveBigIntegerField(_("bytes read"), default=0)
    size = models.PositiveBigIntegerField(_("bytes in all"), default=0)
    lines = models.PositiveBigIntegerField(_("lines read"), default=0)
    accepted = models.PositiveBigIntegerField(_("events accepted"), default=0)
    rejected = models.PositiveBigIntegerField(_("events rejected"), default=0)
    skipped = models.PositiveBigIntegerField(_("lines skipped"), default=0)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("import run")
        verbose_name_plural = _("import runs")

    def __str__(self) -> str:
        return self.name
