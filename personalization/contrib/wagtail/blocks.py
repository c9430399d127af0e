"""The block that editors put into a StreamField: contents for segments, and for everyone else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from django.core.validators import validate_slug
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from wagtail import blocks

from personalization.contrib.wagtail.segments import SegmentsBlock, segment_choices
from personalization.contrib.wagtail.showing import shown, told
from personalization.delivery.deferred import LEAST_RESERVE, MOST_RESERVE

MODES = [
    ("", _("as everywhere on this site")),
    ("inline", _("with the page, which no cache keeps for visitors we know")),
    ("keyed", _("with the page, which caches keep once for each version")),
    ("deferred", _("after the page, which is the same for everybody")),
]

#: As a StreamField takes it: named blocks, or a block of a stream, or a class of those.
Contents: TypeAlias = (
    Sequence[tuple[str, blocks.Block]] | blocks.StreamBlock | type[blocks.StreamBlock]
)


def _stream(contents: Contents, **kwargs: Any) -> blocks.StreamBlock:
    """Return a stream of the contents, for one place alone: each has a name and a label there."""
    if isinstance(contents, type):
        return contents(**kwargs)
    if isinstance(contents, blocks.StreamBlock):
        given = {**contents._constructor_kwargs, **kwargs}
        return type(contents)(list(contents.child_blocks.items()), **given)
    return blocks.StreamBlock(list(contents), **kwargs)


class VariantBlock(blocks.StructBlock):
    """What the members of some segments see in the block around it."""

    def __init__(self, contents: Contents = (), **kwargs: Any) -> None:
        segments = SegmentsBlock(
            choices=segment_choices,
            label=_("For visitors in any of"),
            help_text=_("The first variant from the top that is for a visitor is shown."),
        )
        super().__init__(
            [("segments", segments), ("content", _stream(contents, label=_("They see")))], **kwargs
        )

    class Meta:
        label = _("Variant")
        label_format = "{segments}"
        icon = "group"


class PersonalizedBlock(blocks.StructBlock):
    """A slot on a page. `contents` are the blocks that may stand in each of its variants."""

    def __init__(self, contents: Contents = (), **kwargs: Any) -> None:
        variants = blocks.ListBlock(VariantBlock(contents), min_num=1, label=_("Variants"))
        default = _stream(contents, required=False, label=_("Everyone else sees"))
        super().__init__(
            [("slot", _slot()), ("variants", variants), ("default", default), *_delivery()],
            **kwargs,
        )

    def render(self, value: Any, context: Mapping[str, Any] | None = None) -> SafeString:
        return shown(value, context or {})

    def get_api_representation(self, value: Any, context: Any = None) -> dict[str, Any]:
        return told(value, context)

    def get_searchable_content(self, value: Any) -> list[str]:
        """Return what everybody may find the page by."""
        found: list[str] = self.child_blocks["default"].get_searchable_content(value["default"])
        return found

    class Meta:
        label = _("Personalized block")
        label_format = "{slot}: {variants}"
        icon = "group"


def _slot() -> blocks.Block:
    return blocks.CharBlock(
        max_length=50,
        validators=[validate_slug],
        label=_("Slot"),
        help_text=_(
            "A short name of this place, of letters, digits and hyphens, as in spring-offer: "
            "what is shown is counted by it. If the admin has a slot of this name, its "
            "strategy and its caps hold, and its variations come first."
        ),
    )


def _delivery() -> list[tuple[str, blocks.Block]]:
    """Return what says how the contents get to their visitors."""
    mode = blocks.ChoiceBlock(choices=MODES, required=False, label=_("Delivered"))
    reserve = blocks.IntegerBlock(
        required=False,
        min_value=LEAST_RESERVE,
        max_value=MOST_RESERVE,
        label=_("Space reserved (rem)"),
        help_text=_("The least height until it is filled, where it is delivered after the page."),
    )
    return [("mode", mode), ("reserve", reserve)]
