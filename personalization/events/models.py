"""Who may send events, the events, and what waits to become one."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.profiles.models import Identity


class Source(models.Model):
    """A client allowed to send events."""

    class Kind(models.TextChoices):
        BROWSER = "browser", _("Browser: anybody can read its key")
        SERVER = "server", _("Server: its key is secret")

    class Schemas(models.TextChoices):
        ACCEPT = "accept", _("Accept every event")
        WARN = "warn", _("Accept, and list what does not fit")
        QUARANTINE = "quarantine", _("Set aside what does not fit")

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("slug"), unique=True)
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
    schemas = models.CharField(
        _("event schemas"),
        max_length=20,
        choices=Schemas.choices,
        default=Schemas.ACCEPT,
        help_text=_("What becomes of events that no schema names, or that do not fit theirs."),
    )
    allowed_origins = models.TextField(
        _("allowed origins"),
        blank=True,
        help_text=_(
            "One per line, as in https://shop.example. Pages of other sites may send with this "
            "browser source only from these; this site itself always may."
        ),
    )
    rate_limit = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        help_text=_("How many requests this source may send in a minute; empty: no limit."),
    )
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


class WriteKey(models.Model):
    """What a client shows to send as a source. Only a digest of it is kept."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="write_keys")
    digest = models.CharField(_("digest"), max_length=64, unique=True)
    #: The first characters, by which a person tells one key from another.
    hint = models.CharField(_("begins with"), max_length=8)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)

    class Meta:
        verbose_name = _("write key")
        verbose_name_plural = _("write keys")
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.hint}…"


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
        indexes = (
            models.Index(fields=("name", "timestamp"), name="pz_event_name_time"),
            models.Index(fields=("identity", "timestamp"), name="pz_event_identity_time"),
        )

    def __str__(self) -> str:
        return self.name


class StoredMessage(models.Model):
    """A message that became an event: what makes its duplicates known, in whichever
    partition the event lies and after the partition is gone."""

    pk = models.CompositePrimaryKey("source_id", "message_id")
    source = models.ForeignKey(Source, models.CASCADE, related_name="+", db_index=False)
    message_id = models.CharField(_("message id"), max_length=100)
    stored_at = models.DateTimeField(_("stored at"), default=timezone.now)

    class Meta:
        verbose_name = _("stored message")
        verbose_name_plural = _("stored messages")

    def __str__(self) -> str:
        return self.message_id


class BufferedBatch(models.Model):
    """The accepted events of one request, waiting for a worker."""

    source = models.ForeignKey(Source, models.PROTECT, related_name="+")
    #: The arrivals as JSON text: nobody looks into it but the worker.
    payload = models.TextField(_("events"))
    n_events = models.PositiveIntegerField(_("number of events"), default=0)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("buffered batch")
        verbose_name_plural = _("buffered batches")
        indexes = (models.Index(fields=("attempts", "id"), name="pz_buffer_order"),)

    def __str__(self) -> str:
        return f"{self.source_id} at {self.received_at:%Y-%m-%d %H:%M:%S}"


class EventSchema(models.Model):
    """What events of one name look like: their properties with types."""

    name = models.CharField(_("event"), max_length=200, unique=True)
    description = models.CharField(_("description"), max_length=300, blank=True)
    #: property → {"type": text | number | integer | boolean | datetime | list | object,
    #: "required": bool}. Properties not named are allowed.
    properties = models.JSONField(_("properties"), default=dict, blank=True)
    active = models.BooleanField(_("active"), default=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("event schema")
        verbose_name_plural = _("event schemas")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
