"""What events weigh in the interest score: as shipped, unless a site owner says otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from personalization.profiles.features import SHIPPED_WEIGHTS
from personalization.revisions import Published, PublishedQuerySet

#: The sum of so many events still is a whole number to everybody who reads it.
MOST = 1000


class InterestWeight(Published):
    """Points that each event of one name adds to the interest score of who did it.

    A change rebuilds every snapshot: the score is what all events add up to, whenever they
    happened.
    """

    event = models.CharField(
        _("event"),
        max_length=200,
        unique=True,
        help_text=_("As it is sent, such as Product Added."),
    )
    weight = models.SmallIntegerField(
        _("points"),
        validators=(MinValueValidator(-MOST), MaxValueValidator(MOST)),
        help_text=_("Points for each time. 0: it does not count."),
    )

    objects = PublishedQuerySet.as_manager()

    class Meta:
        verbose_name = _("interest weight")
        verbose_name_plural = _("interest weights")
        ordering = ("event",)

    def __str__(self) -> str:
        return self.event


def weights_in_force() -> Mapping[str, int]:
    """Return the points by event name (one query); what weighs nothing is left out."""
    stored = dict(InterestWeight.objects.values_list("event", "weight"))
    return {event: points for event, points in {**SHIPPED_WEIGHTS, **stored}.items() if points}
