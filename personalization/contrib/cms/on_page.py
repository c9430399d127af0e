"""Which segments the blocks on pages of django CMS are about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from cms.models import Placeholder

from personalization.contrib.cms.models import PersonalizedBlock, Variant
from personalization.delivery.models import Variation
from personalization.delivery.pages import pages


def segments_on(page: Any) -> set[str]:
    """Return the slugs of the segments that some block on it has something for.

    `page` is whatever has placeholders, in one language and version; None has none.
    """
    if page is None:
        return set()
    placeholders = list(Placeholder.objects.get_for_obj(page))
    variants = Variant.objects.filter(placeholder__in=placeholders)
    blocks = PersonalizedBlock.objects.filter(placeholder__in=placeholders)
    slots = blocks.exclude(slot="").values_list("slot", flat=True)
    varied = Variation.objects.filter(active=True, slot__slug__in=list(slots))
    return _slugs(variants.values_list("segments", flat=True)).union(
        varied.values_list("segment__slug", flat=True)
    )


def _slugs(lists: Iterable[list[str]]) -> set[str]:
    return {slug for listed in lists for slug in listed}


@pages.register("django CMS")
def pages_with_variants() -> Iterator[tuple[str, Collection[str]]]:
    """Yield what has variants on it, old versions included, with the segments that they name."""
    found: dict[int, set[str]] = {}
    for placeholder_id, slugs in Variant.objects.values_list("placeholder_id", "segments"):
        found.setdefault(placeholder_id, set()).update(slugs)
    for placeholder in Placeholder.objects.filter(pk__in=found):
        yield str(placeholder.source or placeholder), found[placeholder.pk]
