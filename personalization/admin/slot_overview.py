"""What the page of a slot shows beside its form: what runs, how often it was seen, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization.admin.experiment_earned import Earned, earned_by
from personalization.admin.preview import may_preview, preview_link
from personalization.admin.read_only import may_view
from personalization.admin.slot_figures import DAYS, Figures, figures_of
from personalization.admin.slot_state import (
    COLOURS,
    STATES,
    cap_words,
    schedule_words,
    sentence,
    state_at,
)
from personalization.conf import settings
from personalization.delivery.block import PersonalizedBlock
from personalization.delivery.models import Slot, Variation
from personalization.delivery.published import published_now
from personalization.delivery.templates import blocks_in_templates
from personalization.delivery.versions import versions_of_templates
from personalization.events.models import Event
from personalization.experiments.models import Experiment
from personalization.experiments.wording import percent

#: What a template shows has a key of this beginning in exposures.
_OF_TEMPLATE = "template:"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A variation as it stands now."""

    variation: Variation
    state: str
    colour: str
    schedule: str
    caps: str
    share: str
    figures: Figures
    preview: str
    #: What it earned beside those who are held out from it; None: nothing is known.
    earned: Earned | None
    held_out: str


@dataclass(frozen=True, kw_only=True)
class Use:
    """A template with a tag of the slot: how it is delivered, and the segments it has
    variants for."""

    template: str
    mode: str
    segments: Sequence[str]
    #: How many versions caches keep of the pages of this template, at most; 0: of no keyed ones.
    versions: int
    #: Whether the slot waits for a trigger that this tag has no browser for.
    cannot_wait: bool


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The saved slot as it stands now."""

    sentence: str
    lines: Sequence[Line]
    uses: Sequence[Use]
    days: int
    #: Whether there are figures, and the user may see them.
    counted: bool
    of_template: Figures
    #: What all of it earned; None: nothing is known, or the user may not see it.
    earned: Earned | None


def overview(slot: Slot, *, request: HttpRequest) -> Overview:
    now = timezone.now()
    figures = figures_of(slot.slug, now=now) if may_view(request, Event) else None
    strategy = slot.strategy or settings.OVERLAP
    variations = list(slot.variations.select_related("segment"))
    earned, of_slot = _earned(slot, variations, request)
    total = sum(one.share for one in variations if state_at(now, variation=one) == "running")
    lines = []
    for one in variations:
        state = state_at(now, variation=one)
        drawn = strategy == "random" and state == "running" and total > 0
        lines.append(
            Line(
                variation=one,
                state=str(STATES[state]),
                colour=COLOURS[state],
                schedule=schedule_words(one),
                caps=cap_words(one),
                share=f"{100 * one.share / total:.0f} %" if drawn else "",
                figures=(figures or {}).get(one.key, Figures()),
                preview=_preview(request, one),
                earned=earned.get(one.key),
                held_out=held_out_words(one),
            )
        )
    return Overview(
        sentence=sentence(slot, usual=settings.OVERLAP),
        lines=lines,
        uses=_uses(slot),
        days=DAYS,
        counted=figures is not None,
        of_template=_of_template(figures or {}),
        earned=of_slot,
    )


def held_out_words(variation: Variation) -> str:
    """Return how many of its visitors see the default instead."""
    share = settings.HOLDOUT if variation.holdout is None else variation.holdout
    return _("held out %(share)s") % {"share": percent(share)} if share else _("nobody held out")


def _earned(
    slot: Slot, variations: Sequence[Variation], request: HttpRequest
) -> tuple[Mapping[str, Earned], Earned | None]:
    """Return what is known of variations by their keys, and of the slot (one query)."""
    if not may_view(request, Experiment):
        return {}, None
    subjects = {one.key: f"holdout:{slot.slug}/{one.key}" for one in variations}
    of_slot = f"slot:{slot.slug}"
    found = earned_by([*subjects.values(), of_slot])
    known = {key: found[subject] for key, subject in subjects.items() if subject in found}
    return known, found.get(of_slot)


def _preview(request: HttpRequest, variation: Variation) -> str:
    if not (may_preview(request) and variation.segment.active):
        return ""
    return preview_link("segments", segments=variation.segment.slug)


def _uses(slot: Slot) -> list[Use]:
    """Return where templates have a tag of the slot."""
    found = [(name, block) for name, block in blocks_in_templates() if block.slot == slot.slug]
    keyed = any((block.mode or settings.DELIVERY) == "keyed" for _template, block in found)
    pages = versions_of_templates(published_now()) if keyed else ()
    versions = {page.template: page.versions for page in pages}
    return [_use(name, block, slot, versions) for name, block in found]


def _use(template: str, block: PersonalizedBlock, slot: Slot, versions: Mapping[str, int]) -> Use:
    mode = block.mode or settings.DELIVERY
    segments = dict.fromkeys(slug for one in block.candidates for slug in one.segments)
    return Use(
        template=template,
        mode=mode,
        segments=list(segments),
        versions=versions.get(template, 0),
        cannot_wait=bool(slot.trigger) and mode != "deferred",
    )


def _of_template(figures: Mapping[str, Figures]) -> Figures:
    mine = [each for key, each in figures.items() if key.startswith(_OF_TEMPLATE)]
    return Figures(
        shown=sum(each.shown for each in mine), clicked=sum(each.clicked for each in mine)
    )
