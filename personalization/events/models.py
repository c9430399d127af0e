"""Who may send events, the events, and what waits to become one."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.profiles.models import Identity


def new_write_key() -> str:
    return secrets.token_urlsafe(24)


class Source(models.Model):
    """A client allowed to send events."""

    class Kind(models.TextChoices):
        BROWSER = "browser", _("Browser: anybody can read its key")
        SERVER = "server", _("Server: its key is secret")

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("slug"), unique=True)
    write_key = models.CharField(_("write key"), max_length=64, unique=True, default=new_write_key)
    kind = models.CharField(
        _("kind"),
        max_length=20,
        choices=Kind.choices,
        default=Kind.BROWSER,
        help_text=_(
            "A browser source is believed only what its visitor's cookie proves, and kept only "
            "with the visitor's recorded consent. A server source may say who somebody is, and "
            "the site vouches for the consent."
        ),
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_server(self) -> bool:
        return self.kind == self.Kind.SERVER


class Event(models.Model):
    """Something a visitor did, in the Segment spec's terms. Never changed once stored."""

    class Type(models.TextChoices):
        TRACK = "track", _("track")
        PAGE = "page", _("page")
        SCREEN = "screen", _("screen")
        IDENTIFY = "identify", _("identify")
        GROUP = "group", _("group")
        ALIAS = "alias", _("alias")

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="events")
    #: Another identity that a trusted source says is the same person: what a merge rests on.
    joins = models.ForeignKey(Identity, models.SET_NULL, null=True, related_name="+")
    source = models.ForeignKey(Source, models.PROTECT, related_name="events")
    message_id = models.CharField(_("message id"), max_length=100)
    type = models.CharField(_("type"), max_length=10, choices=Type.choices)
    name = models.CharField(_("name"), max_length=200)
    properties = models.JSONField(_("properties"), default=dict, blank=True)
    context = models.JSONField(_("context"), default=dict, blank=True)
    timestamp = models.DateTimeField(_("happened at"))
    received_at = models.DateTimeField(_("received at"), default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = (
            models.UniqueConstraint(fields=("source", "message_id"), name="pz_event_message"),
        )
        indexes = (
            models.Index(fields=("name", "timestamp"), name="pz_event_name_time"),
            models.Index(fields=("identity", "timestamp"), name="pz_event_identity_time"),
        )

    def __str__(self) -> str:
        return self.name


class BufferedBatch(models.Model):
    """The accepted events of one request, waiting for a worker."""

    source = models.ForeignKey(Source, models.PROTECT, related_name="+")
    events = models.JSONField(_("events"))
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)
    parked_at = models.DateTimeField(_("parked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("buffered batch")
        verbose_name_plural = _("buffered batches")
        indexes = (
            models.Index(
                fields=("attempts", "id"), condition=Q(parked_at=None), name="pz_buffer_waiting"
            ),
        )

    def __str__(self) -> str:
        return f"{self.source_id} at {self.received_at:%Y-%m-%d %H:%M:%S}"
