"""The places of lists that a site uses, as far as that can be seen from here.

What Python code and other front ends ask for is seen once somebody was shown a list there.
"""

from __future__ import annotations

from typing import Final

from personalization.conf import settings
from personalization.delivery.list_marker import BEGIN, read_marker
from personalization.delivery.models import Slot, Variation
from personalization.delivery.templates import places_named
from personalization.events.catalogue import RECOMMENDATION_SHOWN
from personalization.events.models import Event
from personalization.ml.serving.policy import ANY

#: The newest lists that are looked at.
LOOKED_AT: Final = 2_000


def known_places() -> set[str]:
    """Return the places that templates, slots or settings name, and where lists were shown of
    late (three queries)."""
    stated = {name for name in settings.RECOMMENDATIONS if name != ANY}
    slots = set(Slot.objects.values_list("slug", flat=True))
    return stated | slots | places_named() | _in_variations() | _shown()


def _in_variations() -> set[str]:
    lists = Variation.objects.filter(content__contains=BEGIN).values_list("content", flat=True)
    return {place for content in lists if (place := _place(content))}


def _place(content: str) -> str:
    try:
        return str(read_marker(content).get("place", ""))
    except ValueError:  # written past the form
        return ""


def _shown() -> set[str]:
    lists = Event.objects.filter(name=RECOMMENDATION_SHOWN).order_by("-timestamp")
    found = lists.values_list("properties__place", flat=True)[:LOOKED_AT]
    return {place for place in found if isinstance(place, str) and place}
