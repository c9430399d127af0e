"""Items that can be recommended, and every version of every model with how it came to be."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.ml.item_revisions import RevisedQuerySet, next_revision
from personalization.revisions import Revision


class ItemQuerySet(RevisedQuerySet["Item"]):
    """Of its own: with what it kept, mypy finds no manager made of a generic class elsewhere."""


class Item(models.Model):
    """Something that can be recommended: a product, an article, a page.

    Fed by events that concern it, or by `register(Product, …)` from the site's own tables.
    """

    key = models.CharField(_("key"), max_length=200, unique=True)
    kind = models.CharField(_("kind"), max_length=50, blank=True, db_index=True)
    title = models.CharField(_("title"), max_length=300, blank=True)
    url = models.CharField(_("address"), max_length=2000, blank=True)
    image = models.CharField(_("picture"), max_length=2000, blank=True)
    category = models.CharField(_("category"), max_length=200, blank=True, db_index=True)
    #: Texts, most general first.
    tags = models.JSONField(_("tags"), default=list, blank=True)
    #: Keywords and body, as plain text.
    text = models.TextField(_("text"), blank=True)
    price = models.DecimalField(_("price"), max_digits=14, decimal_places=2, null=True, blank=True)
    #: Whatever else rules for recommendations look at.
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    is_active = models.BooleanField(_("may be recommended"), default=True)
    first_seen = models.DateTimeField(_("first seen"), default=timezone.now)
    #: When something was said of it last: by when that happened, where events said it.
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now)
    #: The number by which it was written last (`item_revisions.py`), whoever wrote it.
    revision = models.PositiveBigIntegerField(default=0, editable=False, db_index=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ("key",)

    def __str__(self) -> str:
        return self.title or self.key

    def save(self, *args: Any, **options: Any) -> None:
        with next_revision() as self.revision:
            if fields := options.get("update_fields"):
                options["update_fields"] = {*fields, "revision"}
            super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        with next_revision():
            Revision.next_number(Revision.DELETED_ITEMS)
            return super().delete(*args, **options)


class FeedbackWeight(models.Model):
    """How much an event says about liking the item it concerns. None at all: as shipped."""

    event = models.CharField(_("event"), max_length=200, unique=True)
    weight = models.FloatField(
        _("weight"), help_text=_("1 for a view, more for what says more, below 0 for dislike.")
    )
    #: Property of the event that holds the key of the item; empty: those of the Segment spec.
    property = models.CharField(_("property with the item"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("feedback weight")
        verbose_name_plural = _("feedback weights")
        ordering = ("-weight", "event")

    def __str__(self) -> str:
        return f"{self.event}: {self.weight:g}"


class ModelVersion(models.Model):
    """One training of one model: from what, with which result, and whether it serves."""

    class Status(models.TextChoices):
        TRAINING = "training", _("in training")
        FAILED = "failed", _("failed")
        LACKING = "lacking", _("too little data")
        CANDIDATE = "candidate", _("trained")
        SERVING = "serving", _("serving")
        RETIRED = "retired", _("served before")

    #: What it is for: “recommend”, “propensity.order”, “cluster.personas”.
    name = models.CharField(_("model"), max_length=100)
    number = models.PositiveIntegerField(_("version"))
    algorithm = models.CharField(_("algorithm"), max_length=50)
    config = models.JSONField(_("configuration"), default=dict)
    seed = models.PositiveIntegerField(_("seed"), default=0)
    status = models.CharField(
        _("status"), max_length=20, choices=Status.choices, default=Status.TRAINING
    )
    #: Version of the definitions that its features were made by; empty for recommenders.
    features_version = models.CharField(_("features"), max_length=64, blank=True)
    window_from = models.DateTimeField(_("learned from events since"), null=True, blank=True)
    window_until = models.DateTimeField(_("learned from events until"), null=True, blank=True)
    #: The number of the newest event that was stored then: what came later has a higher one,
    #: whenever it happened.
    last_event = models.PositiveBigIntegerField(null=True, editable=False)
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    #: Name → number: of the validation on the latest part of the data, popularity beside it.
    metrics = models.JSONField(_("metrics"), default=dict)
    #: Sentences: why it was not promoted, what was refused, what to look at.
    remarks = models.JSONField(_("remarks"), default=list)
    progress = models.FloatField(_("progress"), default=0)
    progress_words = models.CharField(_("at work on"), max_length=200, blank=True)
    checksum = models.CharField(_("checksum"), max_length=64, blank=True)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("begun at"), default=timezone.now)
    trained_at = models.DateTimeField(_("trained at"), null=True, blank=True)
    promoted_at = models.DateTimeField(_("promoted at"), null=True, blank=True)
    #: Of the profiles, by their numbers, those up to this one were asked about since it serves;
    #: empty: all were, or it says nothing of profiles.
    scored_up_to = models.PositiveBigIntegerField(null=True, editable=False)
    #: Since when it has to be trained anew: somebody it has learned from was erased.
    outdated_since = models.DateTimeField(_("to be trained anew since"), null=True, blank=True)
    #: What the last look for drift found, as `training.watched` writes and reads it.
    watched = models.JSONField(_("drift"), default=dict, blank=True)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ("name", "-number")
        constraints = (
            models.UniqueConstraint(fields=("name", "number"), name="personalization_model_number"),
            models.UniqueConstraint(
                fields=("name",),
                condition=models.Q(status="serving"),
                name="personalization_model_serving",
            ),
        )
        permissions = (
            ("promote_modelversion", _("Can promote and roll back models")),
            ("train_modelversion", _("Can train models")),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class ModelArtefact(models.Model):
    """The bytes of a trained model (artefact.py)."""

    version = models.OneToOneField(ModelVersion, models.CASCADE, related_name="artefact")
    content = models.BinaryField(_("content"))

    class Meta:
        verbose_name = _("artefact")
        verbose_name_plural = _("artefacts")

    def __str__(self) -> str:
        return str(self.version)


class PopularityCount(models.Model):
    """What was popular when a worker counted last: sums over visitors, by item and by segment."""

    class Name(models.TextChoices):
        ITEMS = "items", _("items")

    name = models.CharField(_("name"), max_length=20, choices=Name.choices, primary_key=True)
    counted_at = models.DateTimeField(_("counted at"))
    #: When the oldest of the events happened that were counted; none were where it is empty.
    since = models.DateTimeField(_("of events since"), null=True, blank=True)
    events = models.PositiveIntegerField(_("events"), default=0)
    #: As `ml.serving.popular_row` writes and reads it.
    content = models.BinaryField(_("content"))

    class Meta:
        verbose_name = _("count of what is popular")
        verbose_name_plural = _("counts of what is popular")

    def __str__(self) -> str:
        return f"{self.name}: {self.counted_at:%Y-%m-%d %H:%M:%S}"
