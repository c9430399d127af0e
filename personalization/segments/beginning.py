"""What there is to refresh: found in the configuration, and kept as a run."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from personalization.profiles.models import Snapshot
from personalization.revisions import Revision
from personalization.segments.lease import Lease, open_run, take
from personalization.segments.linking import BROKEN
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.models import Segment, SegmentVersion
from personalization.segments.plans import note_plan
from personalization.segments.runs import Refresh


def begin(*, now: datetime) -> Lease | None:
    """Take the run that is open, or open one; None: there is nothing to do for this worker."""
    live = _noted(live_rules(), now)
    run = Refresh.objects.filter(open=True).first()
    if run is None:
        targets = {str(pk): meaning for pk, meaning in live.outdated().items()}
        others = _others(live)
        if not (targets or live.retiring or live.dropped or others.exists()):
            return None
        note_plan(live.plan)
        total = (Snapshot.objects.all() if targets else others).count()
        run = open_run(targets=targets, total=total, now=now)
    return take(run, now=now) if run is not None else None


def _others(live: LiveRules) -> QuerySet[Snapshot]:
    """Return the snapshots that keep other counters than the rules need, by the index."""
    return Snapshot.objects.filter(Q(plan__lt=live.plan.id) | Q(plan__gt=live.plan.id))


def _noted(live: LiveRules, now: datetime) -> LiveRules:
    """Write down what the configuration has led to: rules that broke or can be used again,
    and new versions of segments that name one with a new version."""
    errors = {
        pk: live.broken.get(pk, "")
        for pk, error in live.noted.items()
        if error != live.broken.get(pk, "")
    }
    frozen = [
        one.id for one in live.versions.values() if one.frozen and one.filled not in ("", BROKEN)
    ]
    if not (errors or frozen or live.followers):
        return live
    with transaction.atomic():
        for pk, error in errors.items():
            looked_at = {"refreshed_at": now} if error else {}
            Segment.objects.filter(pk=pk).update(refresh_error=error, **looked_at)
        SegmentVersion.objects.filter(pk__in=frozen).update(meaning=BROKEN)
        for segment in Segment.objects.select_for_update().filter(pk__in=live.followers):
            _follow(segment)
        Revision.raise_number()
    return live_rules()


def _follow(segment: Segment) -> None:
    newest = segment.versions.order_by("-number").first()
    serving = segment.serving
    if newest is None or serving is None or newest.state == SegmentVersion.State.WAITING:
        return  # somebody else was faster
    SegmentVersion.objects.write(
        segment,
        kind=serving.kind,
        rule=serving.rule,
        newest=newest,
        note=_("A segment that it names has changed."),
    )
