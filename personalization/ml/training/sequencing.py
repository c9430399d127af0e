"""Learn sequence rules of a goal from the event log, tried on people they were not found in."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.events.catalogue import known_events
from personalization.events.goals import Goal
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Options
from personalization.ml.interactions import UnfitData
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.sequences.rules import SequenceRules, SequenceRulesConfig, split
from personalization.ml.training.learned import Learned
from personalization.ml.training.plans import Order
from personalization.ml.training.promote import Trial
from personalization.ml.training.sequence_plan import SEQUENCES
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
    trial, remarks = None, []
    some, others = split(known, rng=Options(seed=order.seed).rng())
    try:
        held = found_in(some).held(others, gap=gap)
        trial = Trial(
            metric="lift", value=held.lift, baseline=1.0, baseline_name="chance", n=held.followed
        )
    except UnfitData as error:
        remarks = [str(error)]
    return Learned(
        model=model,
        rows=len(known),
        since=order.since,
        until=order.until,
        trial=trial,
        metrics={
            "patterns": len(model.patterns), "drop_outs": len(model.found) - len(model.patterns),
        },
        remarks=remarks,
    )  # fmt: skip


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
    """Return the walks of the window, of so many people and no more."""
    known = list(walks(since=microseconds(order.since), until=microseconds(order.until)))
    if len(known) <= MOST:
        return known
    chosen = Options(seed=order.seed).rng().permutation(len(known))[:MOST]
    return [known[place] for place in sorted(chosen)]
