"""Learn sequence rules of a goal from the event log, tried on people they were not found in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from operator import itemgetter

from django.utils.translation import gettext as _

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.events.catalogue import known_events
from personalization.events.goals import Goal
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Options
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.sequences.next_step import judged
from personalization.ml.sequences.rules import (
    SequenceRules,
    SequenceRulesConfig,
    split,
    visits_of,
)
from personalization.ml.training.learned import Learned
from personalization.ml.training.plans import Order
from personalization.ml.training.promote import Trial
from personalization.ml.training.sequence_plan import SEQUENCES
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk, walks
from personalization.rules.catalogue import Catalogue

#: People that sequences are looked for in: of more, so many are drawn.
MOST = 50_000


def learn(order: Order) -> Learned:
    """Return the rules of the goal that the plan is of.

    :raises UnfitData: if the goal is gone, or too few people reach it.
    """
    slug = order.plan.name.removeprefix(SEQUENCES)
    goal = Goal.objects.filter(slug=slug).first()
    if goal is None:
        raise UnfitData(_("There is no goal “%(slug)s” any more.") % {"slug": slug})
    order.progress(0.02, _("reads what visitors did"))
    known = _drawn(order)
    config = SequenceRulesConfig.read(order.plan.config)
    catalogue = Catalogue(events=known_events(), retention=settings.RETENTION)
    gap = settings.VISIT_GAP

    def found_in(some: Sequence[Walk]) -> SequenceRules:
        model = SequenceRules(config)
        return model.fit(some, Options(), goal=goal.event, gap=gap, catalogue=catalogue)

    order.progress(0.4, _("looks for what leads to the goal"))
    model = found_in(known)
    order.progress(0.7, _("tries it on people it has not seen"))
    some, others = split(known, rng=Options(seed=order.seed).rng())
    trial, beside, remarks = _tried(lambda: found_in(some), others, gap=gap)
    return Learned(
        model=model,
        rows=len(known),
        since=order.since,
        until=order.until,
        trial=trial,
        metrics={
            "patterns": len(model.patterns), "drop_outs": len(model.found) - len(model.patterns),
            **beside,
        },
        remarks=remarks,
    )  # fmt: skip


def _tried(
    make: Callable[[], SequenceRules], others: Sequence[Walk], *, gap: timedelta
) -> tuple[Trial | None, dict[str, float], list[str]]:
    """Return how what is found in some people holds for others, how well it tells their next
    steps, and why the one cannot be said, if so."""
    beside: dict[str, float] = {}
    try:
        rival = make()
        beside = _next_steps(rival, others, gap=gap)
        held = rival.held(others, gap=gap)
    except UnfitData as error:
        return None, beside, [str(error)]
    trial = Trial(
        metric="lift", value=held.lift, baseline=1.0, baseline_name="chance", n=held.followed
    )
    return trial, beside, []


def _next_steps(
    model: SequenceRules, others: Sequence[Walk], *, gap: timedelta
) -> dict[str, float]:
    """Return how often the likeliest next step was the right one, beside the most usual one."""
    if model.onward is None:
        return {}
    try:
        found = judged(model.onward, visits_of(others, gap=gap))
    except UnfitData:
        return {}
    return {"next_step": found.first, "usual.next_step": found.popular_first}


def stored(version: ModelVersion) -> SequenceRules:
    """Return the rules of a version.

    :raises CorruptArtefact: if it cannot be read, or is of no sequences.
    """
    content = ModelArtefact.objects.filter(version=version).values_list("content", flat=True)
    found = content.first()
    if found is None:
        raise CorruptArtefact(f"Nothing is stored of {version}.")
    model = unpacked(bytes(found), sha256=version.checksum)
    if not isinstance(model, SequenceRules):
        raise CorruptArtefact(f"{version} has no sequences: it is “{model.algorithm}”.")
    return model


def _drawn(order: Order) -> list[Walk]:
    """Return the walks of the window, of so many people and no more, in the order of reading.

    Drawn while they are read, so that no more are held: each is as likely as any other (Vitter,
    “Random sampling with a reservoir”, 1985, algorithm R).
    """
    rng = Options(seed=order.seed).rng()
    drawn: list[tuple[int, Walk]] = []
    read = walks(since=microseconds(order.since), until=microseconds(order.until))
    for place, walk in enumerate(read):
        if place < MOST:
            drawn.append((place, walk))
        elif (lot := int(rng.integers(place + 1))) < MOST:
            drawn[lot] = (place, walk)
    return [walk for _, walk in sorted(drawn, key=itemgetter(0))]
