"""What slots show, by the names that holdouts have in the log."""

from __future__ import annotations

from collections.abc import Collection

from personalization.delivery.models import Variation
from personalization.experiments.contents import Content, contents

_VARIATION, _TEMPLATE = "variation:", "template:"


@contents.register("slots")
def contents_of_slots(names: Collection[str]) -> dict[str, Content]:
    """Return the contents that `<slot>/<key>` stand for (one query).

    A variation that is gone is in none; what a template has says in its key whom it is for.
    """
    found, numbers = {}, {}
    for name in names:
        slot, _, key = name.partition("/")
        if key.startswith(_TEMPLATE):
            segments = key.removeprefix(_TEMPLATE).partition(":")[2]
            found[name] = Content(slot=slot, words=key, segments=tuple(segments.split("+")))
        elif key.startswith(_VARIATION) and (number := key.removeprefix(_VARIATION)).isdecimal():
            numbers[int(number)] = name
    rows = Variation.objects.filter(pk__in=list(numbers)).select_related("segment", "slot")
    for row in rows:
        found[numbers[row.pk]] = Content(
            slot=row.slot.slug, words=str(row), segments=(row.segment.slug,)
        )
    return found
