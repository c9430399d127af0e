"""Lists of recommended items in a request: for its visitor, or for everybody.

A list for one visitor makes the page theirs, as an inline slot does. A page that caches keep
(`keyed`, `deferred`) gets the list that everybody gets; its browser may ask for the visitor's
own at `/v1/recommend`: as HTML, the list then stands in an element that `slots.js` fills.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from django.template import loader
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.delivery.attempt import attempt
from personalization.delivery.choose import is_refused, new_decision_id
from personalization.delivery.decide_body import SLUG
from personalization.delivery.exposures import told_arms
from personalization.delivery.known import Known
from personalization.delivery.list_arms import list_arms
from personalization.delivery.list_rules import rules_for
from personalization.delivery.render import MODES, note_failure
from personalization.delivery.standing import Standing
from personalization.delivery.visitor import Visitor, visitor_of
from personalization.events.catalogue import RECOMMENDATION_SHOWN
from personalization.experiments.trial import Assigned
from personalization.ingest.proof import PROOF, proof_of
from personalization.ml.history import History
from personalization.ml.item_events import MAX_KEY
from personalization.ml.serving.histories import history_of_profile
from personalization.ml.serving.policy import policy_of
from personalization.ml.serving.recommend import MOST, Ask, Recommendation, recommended
from personalization.profiles.identity import Key
from personalization.types import JsonObject

#: How many items a list has whose length nobody says.
USUAL: Final = 6
INLINE: Final = "inline"
#: What makes HTML of a list: of one place, where the site has such a template, and of any.
TEMPLATE: Final = "personalization/recommendations.html"
TEMPLATE_OF_PLACE: Final = "personalization/recommendations/{}.html"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A list of `n` items at a place; `item` is the key of what the page is about, if anything.

    `mode` is how the page is delivered: one that is not inline has the list of everybody.
    """

    place: str
    n: int = USUAL
    item: str = ""
    mode: str = INLINE

    @property
    def is_personal(self) -> bool:
        return self.mode == INLINE


def wanted_of(place: Any, *, n: Any = USUAL, item: Any = "", mode: str = INLINE) -> Wanted:
    """Return what is wanted, as templates, code and clients say it.

    :raises ValueError: naming what no place, limit, item or mode can be, and what is allowed.
    """
    if not isinstance(place, str) or not SLUG.fullmatch(place):
        raise ValueError(
            f"The place is {place!r:.60}; 1 to 50 letters, digits, - and _ are needed."
        )
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST:
        raise ValueError(f"The limit is {n!r:.60}; whole numbers from 1 to {MOST} are allowed.")
    if not isinstance(item, str | int) or len(str(item)) > MAX_KEY:
        raise ValueError(
            f"The item is {item!r:.60}; a text of up to {MAX_KEY} characters is needed."
        )
    if mode not in MODES:
        raise ValueError(f"The mode is {mode!r:.60}; allowed: {', '.join(MODES)}.")
    return Wanted(place=place, n=n, item=str(item), mode=mode)


@dataclass(frozen=True, kw_only=True)
class List:
    """What is listed at a place, in order. `id` is of one visitor and one page that was seen.

    As a text it is HTML, by the template `personalization/recommendations.html` or the one of
    its place in the folder `personalization/recommendations/`. With `fill`, the list is that of
    everybody, and the browser may put in the visitor's own. `assigned` are the arms of
    experiments and of the holdout from everything that the visitor is in here.
    """

    place: str
    found: tuple[Recommendation, ...] = ()
    assigned: tuple[Assigned, ...] = ()
    id: str = field(default_factory=new_decision_id)
    fill: Wanted | None = None

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, number: int) -> Recommendation:
        return self.found[number]

    @property
    def model_version(self) -> int | None:
        """The number of the version that scored it; None where no model did."""
        return self.found[0].model_version if self.found else None

    @property
    def html(self) -> SafeString:
        """The list alone; empty where it is, or where its template fails."""
        if not self.found:
            return SafeString("")
        names = [TEMPLATE_OF_PLACE.format(self.place), TEMPLATE]
        return attempt(
            lambda: loader.render_to_string(names, {"items": self}),
            otherwise=SafeString(""),
            what=f"The template of recommendations {self.place}",
        )

    def __html__(self) -> SafeString:
        if self.fill is None:
            return self.html
        return format_html(
            '<div class="pz-list" data-personalization-list="{}" data-personalization-limit="{}" '
            'data-personalization-item="{}">{}</div>',
            self.place,
            self.fill.n,
            escape(self.fill.item),  # a word of a template is taken for safe
            self.html,
        )

    __str__ = __html__


def list_in(request: HttpRequest | None, wanted: Wanted, *, expose: bool = True) -> List:
    """Return the list of a page; empty where none can be made. It counts as shown with `expose`,
    if it is for one visitor."""
    visitor = visitor_of(request)
    if visitor is not None and wanted.is_personal:
        return list_of(visitor, wanted, expose=expose)
    now = timezone.now() if visitor is None else visitor.now
    shown = _attempted(request, wanted, lambda: _for_all(wanted, now=now))
    return shown if wanted.is_personal else replace(shown, fill=wanted)


def list_of(visitor: Visitor, wanted: Wanted, *, expose: bool = True) -> List:
    """Return the list of a visitor; empty where none can be made. It counts as shown with
    `expose`."""
    shown = _attempted(visitor.request, wanted, lambda: _for_visitor(visitor, wanted))
    if expose and shown.found:
        visitor.note_shown(RECOMMENDATION_SHOWN, shown_properties(shown), message_id=shown.id)
    return shown


def list_about(known: Known, standing: Standing, wanted: Wanted, *, now: datetime) -> List:
    """Return the list for somebody whom a server of the site names."""
    if known.profile_id is None or is_refused(standing):
        return _for_all(wanted, now=now)
    history = history_of_profile(known.profile_id, now=now)
    return _personal(wanted, known, standing, history=history, now=now)


def _attempted(request: HttpRequest | None, wanted: Wanted, make: Callable[[], List]) -> List:
    return attempt(
        make,
        otherwise=List(place=wanted.place),
        what=f"Recommendations {wanted.place}",
        failed=lambda error: note_failure(request, wanted.place, error),
    )


def _for_visitor(visitor: Visitor, wanted: Wanted) -> List:
    """Return what everybody gets, if nothing personal may be shown."""
    reader = visitor.reader
    if reader is None:
        return _for_all(wanted, now=visitor.now)
    return _personal(wanted, reader, visitor.standing, history=visitor.history, now=visitor.now)


def _personal(
    wanted: Wanted, known: Known, standing: Standing, *, history: History, now: datetime
) -> List:
    """Return the list of somebody to whom something personal may be shown, as their arms have
    it."""
    arms = list_arms(
        known.published.trials,
        standing,
        place=wanted.place,
        held_out_of_all=settings.GLOBAL_HOLDOUT,
        has_history=bool(history.steps),
        has_item=bool(wanted.item),
    )
    if arms.for_all:
        return replace(_for_all(wanted, now=now), assigned=arms.assigned)
    made = _made(
        wanted,
        history=history,
        segments=known.segments.intersection(known.published.segments),
        groups=known.groups,
        unit=standing.unit,
        now=now,
        version=arms.version,
    )
    return replace(made, assigned=arms.assigned)


def _for_all(wanted: Wanted, *, now: datetime) -> List:
    """Return what everybody gets: nothing of it is left to chance, or to a history."""
    return _made(wanted, history=History(now=microseconds(now)), segments=(), unit="", now=now)


def _made(
    wanted: Wanted,
    *,
    history: History,
    segments: Collection[str],
    unit: str,
    now: datetime,
    groups: frozenset[str] = frozenset(),
    version: int | None = None,
) -> List:
    ask = Ask(
        n=wanted.n,
        history=history,
        rules=rules_for(wanted.place, segments=segments, now=now),
        policy=policy_of(wanted.place),
        item=wanted.item,
        groups=groups,
        lot=f"{unit}\n{wanted.place}\n{now:%Y-%m-%d}" if unit else "",
        version=version,
    )
    return List(place=wanted.place, found=recommended(ask, now=now))


def shown_properties(shown: List) -> JsonObject:
    """Return what the event says by which a list counts as shown."""
    version = shown.model_version
    return {
        "place": shown.place,
        "items": [one.item.key for one in shown.found],
        "propensities": [round(one.propensity, 6) for one in shown.found],
        "model": "popularity" if version is None else f"recommend {version}",
        "decision_id": shown.id,
        **({"assigned": told_arms(shown.assigned)} if shown.assigned else {}),
    }


def report_of(shown: List, *, key: Key | None, now: datetime, contexts: bool) -> JsonObject:
    """Return the same for who shows it apart from us and reports it then, with the proof of who
    has `key`; without a key nobody is to report it. `contexts` are for servers alone."""
    properties = shown_properties(shown)
    told = {**properties}
    if shown.assigned:
        told["assigned"] = told_arms(shown.assigned, contexts=contexts)
    if key is not None:
        name = RECOMMENDATION_SHOWN
        told[PROOF] = proof_of(name, properties, message_id=shown.id, key=key, now=now)
    return told
