"""What slots show, by the names that holdouts have in the log."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from personalization.delivery.models import Variation
from personalization.experiments.contents import Content, contents

_VARIATION, _TEMPLATE = "variation:", "template:"
#: No number of a row has more digits; a browser may make up any.
_DIGITS = 18


@contents.register("slots")
def contents_of_slots(names: Collection[str]) -> dict[str, Content]:
    """Return the contents that `<slot>/<key>` stand for (one query).

    A variation that is gone is in none; what a template has says in its key whom it is for.
    """
    found: dict[str, Content] = {}
    numbered: dict[int, list[str]] = {}
    for name in names:
        slot, _slash, key = name.partition("/")
        if key.startswith(_TEMPLATE):
            segments = key.removeprefix(_TEMPLATE).partition(":")[2].split("+")
            words = _("what the template has for %(segments)s")
            words %= {"segments": ", ".join(segments)}
            found[name] = Content(slot=slot, words=words, segments=tuple(segments))
        elif (number := _number(key)) is not None:
            numbered.setdefault(number, []).append(name)
    rows = Variation.objects.filter(pk__in=list(numbered)).select_related("segment")
    for row in rows:
        for name in numbered[row.pk]:  # it may have been moved
            slot = name.partition("/")[0]
            found[name] = Content(slot=slot, words=str(row), segments=(row.segment.slug,))
    return found


def _number(key: str) -> int | None:
    digits = key.removeprefix(_VARIATION)
    if not key.startswith(_VARIATION) or not (digits.isascii() and digits.isdecimal()):
        return None
    return int(digits) if len(digits) <= _DIGITS else None
