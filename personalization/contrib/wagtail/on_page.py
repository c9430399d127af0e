"""Which segments the personalized blocks in streams of Wagtail are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.db.models import Model
from wagtail.blocks import StreamValue
from wagtail.blocks.list_block import ListValue
from wagtail.blocks.struct_block import StructValue
from wagtail.fields import StreamField

from personalization.contrib.wagtail.blocks import PersonalizedBlock
from personalization.contrib.wagtail.showing import segments_of
from personalization.delivery.models import Variation
from personalization.delivery.pages import pages


def segments_on(page: Model) -> set[str]:
    """Return the slugs of the segments that some block on it has something for."""
    blocks = list(_blocks_on(page))
    slots = {block["slot"] for block in blocks}
    varied = Variation.objects.filter(active=True, slot__slug__in=slots)
    return _named(blocks).union(varied.values_list("segment__slug", flat=True))


def slots_twice(page: Model) -> dict[str, list[str]]:
    """Return the slots that several blocks are of, by the name of the field they stand in."""
    slots = {name: _slots_in(getattr(page, name)) for name in _streams(type(page))}
    everywhere = _all(slots.values())
    twice = {slot for slot, times in everywhere.items() if slot and times > 1}
    found = {name: sorted(twice.intersection(here)) for name, here in slots.items()}
    return {name: here for name, here in found.items() if here}


def _named(blocks: Iterable[StructValue]) -> set[str]:
    """Return the slugs of the segments that the variants of some blocks are for."""
    return {slug for block in blocks for each in block["variants"] for slug in segments_of(each)}


@pages.register("Wagtail")
def pages_with_variants() -> Iterator[tuple[str, Collection[str]]]:
    """Yield what has personalized blocks on it, with the segments that they name."""
    for model in apps.get_models():
        if not _streams(model):
            continue
        for page in model._default_manager.iterator():
            if named := _named(_blocks_on(page)):
                yield str(page), named


def _streams(model: type[Model]) -> list[str]:
    """Return the names of the fields in which personalized blocks can stand."""
    return [
        field.name
        for field in model._meta.get_fields()
        if isinstance(field, StreamField) and _may_hold(field.stream_block)
    ]


def _may_hold(block: Any) -> bool:
    if isinstance(block, PersonalizedBlock):
        return True
    children = getattr(block, "child_blocks", None)
    below = children.values() if children else [getattr(block, "child_block", None)]
    return any(_may_hold(child) for child in below if child is not None)


def _blocks_on(page: Model) -> Iterator[StructValue]:
    for name in _streams(type(page)):
        yield from _blocks_in(getattr(page, name))


def _blocks_in(value: Any) -> Iterator[StructValue]:
    """Yield the personalized blocks in a value, with those inside of them."""
    if isinstance(value, StreamValue):
        for child in value:
            yield from _blocks_in(child.value)
    elif isinstance(value, ListValue):
        for each in value:
            yield from _blocks_in(each)
    elif isinstance(value, StructValue):
        if isinstance(value.block, PersonalizedBlock):
            yield value
        for each in value.values():
            yield from _blocks_in(each)


def _slots_in(value: Any) -> Counter[str]:
    """Return how often each slot can be on the page at once: of the contents of a block one is."""
    if isinstance(value, StreamValue):
        return _all(_slots_in(child.value) for child in value)
    if isinstance(value, ListValue):
        return _all(_slots_in(each) for each in value)
    if not isinstance(value, StructValue):
        return Counter()
    if not isinstance(value.block, PersonalizedBlock):
        return _all(_slots_in(each) for each in value.values())
    contents = [*(variant["content"] for variant in value["variants"]), value["default"]]
    return reduce(or_, map(_slots_in, contents)) + Counter([value["slot"]])


def _all(slots: Iterable[Counter[str]]) -> Counter[str]:
    return sum(slots, Counter())
