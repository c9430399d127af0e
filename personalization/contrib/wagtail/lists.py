"""The block that editors put into a StreamField: a list of recommended items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail import blocks

from personalization.delivery.block import request_of
from personalization.delivery.edited_list import (
    EditedList,
    item_of_page,
    refuse_two_items,
    render_list,
    valid_item,
    valid_limit,
    valid_place,
)
from personalization.delivery.recommendations import USUAL
from personalization.ml.item_events import MAX_KEY

MODES = [
    ("", _("as everywhere on this site")),
    ("inline", _("with the page, which no cache keeps for visitors we know")),
    ("deferred", _("after the page, which is the same for everybody")),
]


class RecommendedItemsBlock(blocks.StructBlock):
    """A list of recommended items: what `{% recommend %}` says of it, and its heading."""

    place = blocks.CharBlock(
        validators=[valid_place],
        label=_("Place"),
        help_text=_(
            "A short name of this place, of letters, digits, - and _, as in home: rules for "
            "recommendations speak of it, and what is shown is counted by it."
        ),
    )
    limit = blocks.IntegerBlock(default=USUAL, validators=[valid_limit], label=_("Number of items"))
    heading = blocks.CharBlock(
        required=False,
        max_length=200,
        label=_("Heading"),
        help_text=_("It is not shown where the list is empty."),
    )
    about_page = blocks.BooleanBlock(
        required=False,
        label=_("About this page"),
        help_text=_("If this page is an item, the list begins with what goes with it."),
    )
    item = blocks.CharBlock(
        required=False,
        max_length=MAX_KEY,
        validators=[valid_item],
        label=_("About an item"),
        help_text=_("The key of an item: the list begins with what goes with it."),
    )
    mode = blocks.ChoiceBlock(choices=MODES, required=False, label=_("Delivered"))

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        try:
            refuse_two_items(cleaned["item"], is_about_page=cleaned["about_page"])
        except ValidationError as error:
            raise blocks.StructBlockValidationError(block_errors={"item": error}) from None
        return cleaned

    def render(self, value: Any, context: Mapping[str, Any] | None = None) -> SafeString:
        return _shown(value, context or {})

    def get_searchable_content(self, value: Any) -> list[str]:
        """Return what everybody may find the page by."""
        return [value["heading"]] if value["heading"] else []

    class Meta:
        label = _("Recommended items")
        label_format = "{place}: {heading}"
        icon = "list-ul"


def _shown(value: Any, context: Mapping[str, Any]) -> SafeString:
    """Return the list of the visitor of the page, or one that its editors can judge it by."""
    request = request_of(context)  # type: ignore[arg-type]
    looks = bool(getattr(request, "is_preview", False))
    content = render_list(_edited(value, context, request), request, looks=looks)
    return content if content or not looks else _hint()


def _edited(value: Any, context: Mapping[str, Any], request: HttpRequest | None) -> EditedList:
    path = "" if request is None else request.path
    about = item_of_page([context.get("page")], path=path) if value["about_page"] else ""
    return EditedList(
        place=value["place"],
        limit=value["limit"],
        heading=value["heading"] or "",
        item=about or value["item"] or "",
        mode=value["mode"] or "",
    )


def _hint() -> SafeString:
    """Return what editors see in place of a list that is empty, or not filled in yet."""
    text = gettext(
        "There is nothing to recommend yet, so that visitors see neither list nor heading."
    )
    return format_html('<p class="pz-recommended-hint">{}</p>', text)
