"""Blocks on the pages of django CMS that can differ, what can stand in them, and lists of items."""

from __future__ import annotations

from typing import Any

from cms.models import CMSPlugin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from personalization.delivery.deferred import LEAST_RESERVE, MOST_RESERVE
from personalization.delivery.edited_list import (
    refuse_two_items,
    valid_item,
    valid_limit,
    valid_place,
)
from personalization.delivery.own_slots import new_own_slot
from personalization.delivery.recommendations import USUAL
from personalization.ml.item_events import MAX_KEY


class PersonalizedBlock(CMSPlugin):
    """A slot on a page. Its children are its variants, in order, and what everyone else sees.

    Without a `slot` that it names it has one of its `own`, which versions and translations of
    the page share: to whoever counts, they are the same place.
    """

    class Mode(models.TextChoices):
        SITE = "", _("as everywhere on this site")
        INLINE = "inline", _("with the page, which no cache keeps for visitors we know")
        KEYED = "keyed", _("with the page, which caches keep once for each version")
        DEFERRED = "deferred", _("after the page, which is the same for everybody")

    slot = models.SlugField(
        _("slot"),
        blank=True,
        help_text=_(
            "A slot brings its strategy, its caps and its own variations, which come first."
        ),
    )
    own = models.SlugField(default=new_own_slot, editable=False)
    mode = models.CharField(
        _("delivered"), max_length=10, choices=Mode.choices, default=Mode.SITE, blank=True
    )
    reserve = models.PositiveSmallIntegerField(
        _("space reserved (rem)"),
        null=True,
        blank=True,
        validators=(MinValueValidator(LEAST_RESERVE), MaxValueValidator(MOST_RESERVE)),
        help_text=_("The least height until it is filled, where it is delivered after the page."),
    )

    class Meta:
        verbose_name = _("personalized block")
        verbose_name_plural = _("personalized blocks")

    def __str__(self) -> str:
        return self.slot

    @property
    def place(self) -> str:
        """The slot that is decided."""
        return self.slot or self.own

    def copy_relations(self, old_instance: PersonalizedBlock) -> None:
        """Take another slot where this is another place: on another page, or on the clipboard."""
        if _site_of(self) != _site_of(old_instance):
            self.own = new_own_slot()
            self.save(update_fields=["own"])


def _site_of(plugin: Any) -> tuple[Any, Any]:
    """Return what a plugin stands on: the same for all versions and languages of a page."""
    return plugin.placeholder.content_type_id, plugin.placeholder.page


def segments_are_slugs(value: Any) -> None:
    """Refuse what is not a list of slugs."""
    if not isinstance(value, list) or not all(isinstance(slug, str) and slug for slug in value):
        raise ValidationError(
            _("%(value)r is no list of slugs of segments, as in [“loyal”, “new”]."),
            params={"value": value},
        )


class Variant(CMSPlugin):
    """What the members of some segments see in the block around it.

    Segments are named by their slugs, as in templates and rules: old versions of a page must
    not keep a segment from being deleted.
    """

    #: What its editors are told; nothing is stored.
    for_whom = ""

    segments = models.JSONField(_("segments"), default=list, validators=(segments_are_slugs,))

    class Meta:
        verbose_name = _("variant for segments")
        verbose_name_plural = _("variants for segments")

    def __str__(self) -> str:
        return ", ".join(self.segments)


class Default(CMSPlugin):
    """What everyone else sees in the block around it: nothing is stored of it."""

    class Meta:
        proxy = True
        verbose_name = _("for everyone else")
        verbose_name_plural = _("for everyone else")

    def __str__(self) -> str:
        return ""


class RecommendedItems(CMSPlugin):
    """A list of recommended items: what `{% recommend %}` says of it, and its heading."""

    class Mode(models.TextChoices):
        SITE = "", _("as everywhere on this site")
        INLINE = "inline", _("with the page, which no cache keeps for visitors we know")
        DEFERRED = "deferred", _("after the page, which is the same for everybody")

    place = models.CharField(
        _("place"),
        max_length=50,
        validators=(valid_place,),
        help_text=_(
            "A short name of this place, of letters, digits, - and _, as in home: rules for "
            "recommendations speak of it, and what is shown is counted by it."
        ),
    )
    limit = models.PositiveSmallIntegerField(
        _("number of items"), default=USUAL, validators=(valid_limit,)
    )
    heading = models.CharField(
        _("heading"),
        max_length=200,
        blank=True,
        help_text=_("It is not shown where the list is empty."),
    )
    about_page = models.BooleanField(
        _("about this page"),
        default=False,
        help_text=_("If this page is an item, the list begins with what goes with it."),
    )
    item = models.CharField(
        _("about an item"),
        max_length=MAX_KEY,
        blank=True,
        validators=(valid_item,),
        help_text=_("The key of an item: the list begins with what goes with it."),
    )
    mode = models.CharField(
        _("delivered"), max_length=10, choices=Mode.choices, default=Mode.SITE, blank=True
    )

    class Meta:
        verbose_name = _("recommended items")
        verbose_name_plural = _("recommended items")

    def __str__(self) -> str:
        return f"{self.place}: {self.heading}" if self.heading else self.place

    def clean(self) -> None:
        super().clean()
        refuse_two_items(self.item, is_about_page=self.about_page)
