"""What editors are told of a block while they edit its page."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.http import HttpRequest
from django.utils.translation import gettext as _

from personalization.contrib.cms.models import Variant
from personalization.contrib.cms.showing import Block
from personalization.delivery.edited import missing
from personalization.delivery.models import Slot
from personalization.delivery.visitor import visitor_of
from personalization.segments.models import Segment


def label(block: Block) -> None:
    """Write on each child of the block for whom it is: its template shows that."""
    slugs = {slug for candidate in block.candidates for slug in candidate.segments}
    names = dict(Segment.objects.filter(slug__in=slugs).values_list("slug", "name"))
    for _candidate, variant in block.variants:
        variant.for_whom = _label(variant, names)
    for plugin in block.default:
        plugin.for_whom = _("Everyone else")


def _label(variant: Variant, names: Mapping[str, str]) -> str:
    named = ", ".join(names.get(slug, slug) for slug in variant.segments)
    return _("For visitors in: %(segments)s") % {"segments": named or _("no segment")}


def warnings_of(block: Block, *, request: HttpRequest) -> list[str]:
    """Return what is not as its editor may think."""
    visitor = visitor_of(request)
    if visitor is None:
        found = [_("The middleware of personalization is not in force: all see the default.")]
    else:
        found = _without_segment(block, visitor.published_segments)
    if not block.default:
        found.append(_("There is nothing for everyone else: they see an empty place."))
    if block.slot_named and not Slot.objects.filter(slug=block.slot).exists():
        text = _("There is no slot “%(slot)s” any more: only what stands here is shown.")
        found.append(text % {"slot": block.slot})
    return found


def _without_segment(block: Block, published: Collection[str] | None) -> list[str]:
    text = _("There is no active segment “%(slug)s”: nobody is in it.")
    return [
        text % {"slug": slug}
        for candidate in block.candidates
        for slug in ([] if published is None else missing(candidate, published))
    ]
