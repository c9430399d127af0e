"""What the tracker has to collect: only what something uses (law 7).

Whatever reads events says which in `uses`: live rules do, and so may models, goals and a
site's own code, in the `ready` of one of its apps:

    @uses.register("heat map")
    def _of_the_heat_map() -> frozenset[str]:
        return frozenset({"Element Hovered"})

It is asked for every manifest, so what it says must be at hand: one query at most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final, Literal, TypeAlias, get_args

from personalization.conf import settings
from personalization.registry import Registry

Kind: TypeAlias = Literal[
    "scroll", "engaged", "hover", "section", "video", "form", "outbound", "search"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: The events of each kind, as the tracker names them. Whatever else it sends, a page has
#: asked for: page views, what is marked, and calls.
EVENTS: Final[Mapping[Kind, frozenset[str]]] = {
    "scroll": frozenset({"Scroll Depth Reached"}),
    "engaged": frozenset({"Engaged"}),
    "hover": frozenset({"Element Hovered"}),
    "section": frozenset({"Section Viewed"}),
    "video": frozenset(
        f"Video Playback {what}" for what in ("Started", "Paused", "Resumed", "Completed")
    ),
    "form": frozenset(f"Form {what}" for what in ("Started", "Submitted", "Abandoned")),
    "outbound": frozenset({"Outbound Link Clicked"}),
    "search": frozenset({"Products Searched"}),
}

#: What `PERSONALIZATION_COLLECT` may be.
NEEDED, ALL = "needed", "all"
POLICIES: Final = (NEEDED, ALL)

Use: TypeAlias = Callable[[], Collection[str]]

#: Name of what uses events → the names of those that it uses now.
uses: Registry[Use] = Registry("use of events")


def kinds_to_collect() -> tuple[Kind, ...]:
    """Return the kinds of which something uses an event, in the order of `KINDS`."""
    if settings.COLLECT == ALL:
        return KINDS
    used = frozenset[str]().union(*(use() for _, use in uses.items()))
    return tuple(kind for kind in KINDS if not used.isdisjoint(EVENTS[kind]))
