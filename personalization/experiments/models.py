"""Experiments with their arms and measures, what they found, and what bandits have learned."""

from __future__ import annotations

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.events.goals import Goal
from personalization.revisions import Published, PublishedQuerySet

_A_SHARE = (MinValueValidator(0.0), MaxValueValidator(1.0))


class Metric(models.Model):
    """A number for each visitor, from what they did after they first saw an experiment."""

    class Kind(models.TextChoices):
        CONVERSION = "conversion", _("share of visitors who reach a goal")
        COUNT = "count", _("how often a visitor reaches a goal")
        VALUE = "value", _("what a visitor is worth by a goal")
        RATIO = "ratio", _("one goal for each time of another")
        CLICK_THROUGH = "click_through", _("clicks for each time it was shown")
        ENGAGED_TIME = "engaged_time", _("attentive seconds of a visitor")
        BOUNCE = "bounce", _("visits that end with their first page")
        RETURN_VISIT = "return_visit", _("share of visitors who come back")

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    goal = models.ForeignKey(
        Goal, models.PROTECT, null=True, blank=True, related_name="metrics", verbose_name=_("goal")
    )
    #: What the goal is divided by, for a ratio.
    per = models.ForeignKey(
        Goal,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="metrics_per",
        verbose_name=_("for each"),
    )
    #: How long after the first exposure it counts; empty: as long as its goal says, or a week.
    within = models.DurationField(_("within"), null=True, blank=True)
    less_is_better = models.BooleanField(_("less is better"), default=False)
    #: Values above this quantile of all visitors count as that quantile; empty: as they are.
    winsorise = models.FloatField(
        _("cut off above the quantile"),
        null=True,
        blank=True,
        validators=(MinValueValidator(0.5), MaxValueValidator(1.0)),
    )

    class Meta:
        verbose_name = _("metric")
        verbose_name_plural = _("metrics")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ExperimentQuerySet(PublishedQuerySet["Experiment"]):
    def running(self) -> ExperimentQuerySet:
        return self.filter(status=Experiment.Status.RUNNING)


class ArmQuerySet(PublishedQuerySet["Arm"]):
    """Arms, whose deletion is published like their change."""


class BanditStateQuerySet(PublishedQuerySet["BanditState"]):
    """States of bandits, whose deletion is published like their change."""


class Experiment(Published):
    """A comparison of two or more arms, among visitors whom chance puts into one of them."""

    class Kind(models.TextChoices):
        VARIATIONS = "variations", _("contents of a slot")
        STRATEGIES = "strategies", _("what a slot shows when several match")
        RULES = "rules", _("versions of the rule of a segment")
        MODELS = "models", _("versions of what recommends")

    class Status(models.TextChoices):
        DRAFT = "draft", _("being prepared")
        RUNNING = "running", _("running")
        STOPPED = "stopped", _("stopped")

    class Allocation(models.TextChoices):
        FIXED = "fixed", _("by fixed shares")
        THOMPSON = "thompson", _("by what has earned more so far (Thompson)")
        LINUCB = "linucb", _("by what suits the visitor, with a bonus for the unknown (LinUCB)")
        INVERSE_GAP = "inverse_gap", _("by what suits the visitor (inverse gap)")

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    hypothesis = models.TextField(_("what you expect, and why"), blank=True)
    kind = models.CharField(
        _("what is compared"), max_length=20, choices=Kind.choices, default=Kind.VARIATIONS
    )
    #: Slug of the slot or of the list it is about; empty: all of them, where that can be.
    place = models.SlugField(_("slot or list"), blank=True)
    #: By name, as siblings know nothing of each other.
    audience = models.ForeignKey(
        "personalization.Segment",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only for members of"),
    )
    #: What visitors are hashed with; that of a running experiment never changes.
    seed = models.CharField(_("seed"), max_length=100, blank=True)
    hash_version = models.PositiveSmallIntegerField(default=2, editable=False)
    coverage = models.FloatField(_("share of visitors"), default=1.0, validators=_A_SHARE)
    #: [[instant in ISO 8601, share of visitors], …]: later shares, in the order of time.
    ramp = models.JSONField(_("ramp"), default=list, blank=True)
    #: Experiments of one namespace with ranges that do not overlap share no visitors.
    namespace = models.SlugField(_("namespace"), blank=True)
    namespace_from = models.FloatField(_("from"), default=0.0, validators=_A_SHARE)
    namespace_until = models.FloatField(_("until"), default=1.0, validators=_A_SHARE)
    starts_at = models.DateTimeField(_("starts at"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    allocation = models.CharField(
        _("visitors are divided"),
        max_length=20,
        choices=Allocation.choices,
        default=Allocation.FIXED,
    )
    status = models.CharField(
        _("status"), max_length=20, choices=Status.choices, default=Status.DRAFT
    )
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped at"), null=True, blank=True)
    conclusion = models.TextField(_("what came of it"), blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        ordering = ("-created_at", "slug")
        permissions = (("run_experiment", _("Can start and stop experiments")),)

    def __str__(self) -> str:
        return self.name


class Arm(Published):
    """One of the things compared. The first one is what the others are compared with."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="arms")
    key = models.SlugField(_("key"), max_length=30)
    name = models.CharField(_("name"), max_length=100, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    weight = models.FloatField(_("share"), default=0.5, validators=_A_SHARE)
    #: What is shown: empty for the default; the key of a variation; a strategy; the number of
    #: a version of the segment's rule (`segment:number`), or of a model (`recommend:number`).
    content = models.CharField(_("shows"), max_length=200, blank=True)

    objects = ArmQuerySet.as_manager()

    class Meta:
        verbose_name = _("arm")
        verbose_name_plural = _("arms")
        ordering = ("position", "pk")
        constraints = (
            models.UniqueConstraint(fields=("experiment", "key"), name="pz_experiment_arm"),
        )

    def __str__(self) -> str:
        return self.name or self.key


class Measure(models.Model):
    """A metric that an experiment is judged by."""

    class Role(models.TextChoices):
        PRIMARY = "primary", _("decides")
        SECONDARY = "secondary", _("tells more")
        GUARDRAIL = "guardrail", _("must not get worse")

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="measures")
    metric = models.ForeignKey(Metric, models.PROTECT, related_name="measures")
    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.PRIMARY)

    class Meta:
        verbose_name = _("measure")
        verbose_name_plural = _("measures")
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("experiment", "metric"), name="pz_experiment_measure"),
        )

    def __str__(self) -> str:
        return str(self.metric)


class Finding(models.Model):
    """What was found last about an experiment, or about what a holdout shows: numbers, no people.

    `subject` names it: `experiment:<slug>`, `holdout:<slot>/<key of a variation>`, `slot:<slug>`,
    `segment:<slug>`, `global`.
    """

    subject = models.CharField(_("about"), max_length=200, unique=True)
    #: As `experiments.results` writes and reads it.
    content = models.JSONField(_("content"), default=dict)
    computed_at = models.DateTimeField(_("computed at"), default=timezone.now)
    #: Events until then are in it.
    until = models.DateTimeField(_("until"), default=timezone.now)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ("subject",)

    def __str__(self) -> str:
        return self.subject


class BanditState(Published):
    """What a bandit has learned, and the chances that follow from it until it has learned more."""

    experiment = models.OneToOneField(Experiment, models.CASCADE, related_name="bandit")
    number = models.PositiveIntegerField(_("update"), default=0)
    #: As `experiments.bandits` writes and reads it.
    content = models.JSONField(_("content"), default=dict)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now)

    objects = BanditStateQuerySet.as_manager()

    class Meta:
        verbose_name = _("state of a bandit")
        verbose_name_plural = _("states of bandits")

    def __str__(self) -> str:
        return f"{self.experiment}: {self.number}"


#: How long after the first exposure a metric counts that says nothing else.
USUAL_WINDOW = timedelta(days=7)
