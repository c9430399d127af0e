"""What site owners say about recommendations, over what models say."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from personalization.ml.serving.rerank import price_range
from personalization.segments.models import Segment


class RecommendationRule(models.Model):
    """Boosts, buries, excludes or pins some items, for everybody or the members of a segment."""

    class Action(models.TextChoices):
        BOOST = "boost", _("show sooner")
        BURY = "bury", _("show later")
        EXCLUDE = "exclude", _("never show")
        PIN = "pin", _("put at a place")

    class Target(models.TextChoices):
        ITEM = "item", _("the item with the key")
        KIND = "kind", _("items of the kind")
        CATEGORY = "category", _("items of the category")
        TAG = "tag", _("items with the tag")
        PRICE = "price", _("items with a price in the range")

    name = models.CharField(_("name"), max_length=100)
    #: Name of the place it is for; empty: everywhere.
    place = models.CharField(_("only at the place"), max_length=100, blank=True)
    segment = models.ForeignKey(
        Segment,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only for members of"),
    )
    action = models.CharField(_("action"), max_length=20, choices=Action.choices)
    target = models.CharField(_("which items"), max_length=20, choices=Target.choices)
    value = models.CharField(_("value"), max_length=200)
    #: What scores are multiplied by to boost, and divided by to bury.
    factor = models.FloatField(
        _("factor"), default=2.0, validators=(MinValueValidator(1.0), MaxValueValidator(100.0))
    )
    #: Place in the list to pin to, 1 for the first.
    position = models.PositiveSmallIntegerField(
        _("position"), default=1, validators=(MinValueValidator(1), MaxValueValidator(100))
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("rule for recommendations")
        verbose_name_plural = _("rules for recommendations")
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a price that is no range of prices."""
        super().clean()
        if self.target != self.Target.PRICE:
            return
        try:
            price_range(self.value)
        except ValueError as error:
            raise ValidationError({"value": str(error)}) from None
