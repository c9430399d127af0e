"""What is kept of results: a row for each subject, written anew when something happened to it.

Findings are numbers of many, and nobody can be taken out of them. So after somebody was erased,
or took consent back, all are computed anew from what there is then.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from time import perf_counter
from typing import Any, Final, Protocol

from django.db import DatabaseError, OperationalError
from django.db.models import Max

from personalization import metrics
from personalization.conf import settings
from personalization.events.models import Event
from personalization.experiments.analysis import Judge, judges_of, result_of
from personalization.experiments.earnings import (
    Earned,
    called,
    earned,
    grouped,
    holdout_names,
    judges_of_site,
    together,
)
from personalization.experiments.exposures import EXPOSURES
from personalization.experiments.models import Experiment, Finding
from personalization.experiments.outcomes import events_of, window_of
from personalization.experiments.policies import policies_found
from personalization.experiments.proposals import proposals
from personalization.experiments.results import Result
from personalization.experiments.trial import GLOBAL
from personalization.privacy.models import Consent, Erasure
from personalization.types import JsonObject

logger = logging.getLogger(__name__)

PROPOSALS: Final = "proposals"
#: What nothing happened to is computed anew after so long all the same: windows end.
HOUR: Final = timedelta(hours=1)
#: What takes long to compute is left alone for so many times as long, whatever happens.
REST: Final = 10
#: Events may arrive so much later than the last window of an experiment that was stopped.
LATE: Final = timedelta(days=2)
#: What may be wrong with data or an experiment, and not with the process.
FAILURES: Final = (
    ArithmeticError, AssertionError, AttributeError, DatabaseError, LookupError, MemoryError,
    TypeError, ValueError,
)  # fmt: skip


def refresh(*, now: datetime) -> int:
    """Compute what is due; return how many findings were written.

    :raises OperationalError: if the database is gone.
    """
    look = _Look.at(now)
    written = _experiments(look) + _earnings(look)
    if written or PROPOSALS not in look.kept:
        _write(PROPOSALS, {"proposals": _proposed()}, look, mark=None)
        written += 1
    return written


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What is known when a refresh begins: the newest event, and the findings there are."""

    now: datetime
    newest: int
    kept: Mapping[str, Finding]
    #: Newest event that a finding knew of → the names of those that came since.
    since: dict[int, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def at(cls, now: datetime) -> _Look:
        newest = Event.objects.aggregate(newest=Max("pk"))["newest"] or 0
        kept = {finding.subject: finding for finding in Finding.objects.all()}
        return cls(now=now, newest=newest, kept=kept)

    def is_due(self, subject: str, *, names: Collection[str], of: str) -> bool:
        """Return whether a subject whose results are made of events `names` has to be looked at.

        `of` says what else they are made of.
        """
        finding = self.kept.get(subject)
        mark = finding.content.get("mark") if finding is not None else None
        if finding is None or not isinstance(mark, dict) or mark.get("of") != of or finding.error:
            return True
        age = self.now - finding.computed_at
        if timedelta(0) <= age < REST * timedelta(seconds=mark["took"]):
            return False
        if not timedelta(0) <= age < HOUR or forgot_since(finding):
            return True
        return not self._came_since(int(mark["event"])).isdisjoint({*names, *EXPOSURES})

    def _came_since(self, event: int) -> frozenset[str]:
        if event not in self.since:
            came = Event.objects.filter(pk__gt=event).order_by().values_list("name", flat=True)
            self.since[event] = frozenset(came.distinct())
        return self.since[event]


def forgot_since(finding: Finding) -> bool:
    """Return whether somebody was erased, or took consent back, about when it was computed or
    later (two queries): an erasure takes its time."""
    at = finding.computed_at - HOUR
    erased = Erasure.objects.filter(requested_at__gte=at)
    return erased.exists() or Consent.objects.filter(granted=False, recorded_at__gte=at).exists()


# -- experiments -----------------------------------------------------------------------------


def _experiments(look: _Look) -> int:
    written = 0
    for experiment in Experiment.objects.exclude(started_at=None).order_by("pk"):
        subject, judges = f"experiment:{experiment.slug}", judges_of(experiment)
        if is_final(experiment, judges, look.kept.get(subject), now=look.now):
            continue
        names, of = _names(judges), _digest(experiment, judges)
        if look.is_due(subject, names=names, of=of):
            compute = partial(result_of, experiment, now=look.now)
            written += _kept(subject, compute, look, of=of)
            others = partial(policies_found, experiment, now=look.now)
            _kept(f"policies:{experiment.slug}", others, look, of=of)
    return written


def is_final(
    experiment: Experiment, judges: Iterable[Judge], finding: Finding | None, *, now: datetime
) -> bool:
    """Return whether nothing more can come to an experiment that was stopped.

    What is older than events are kept is never computed again, even for an erasure: too little
    would be left of it, and nobody is in it who could still be told from others.
    """
    if finding is None or finding.error or experiment.started_at is None:
        return False
    if experiment.started_at < now - settings.RETENTION:
        return experiment.status != Experiment.Status.RUNNING
    if experiment.stopped_at is None or forgot_since(finding):
        return False
    longest = max((window_of(metric) for metric, _ in judges), default=timedelta(0))
    return finding.until > experiment.stopped_at + longest + LATE


def _names(judges: Iterable[Judge]) -> frozenset[str]:
    return frozenset().union(*(events_of(metric) for metric, _ in judges))


def _digest(experiment: Experiment | None, judges: Iterable[Judge]) -> str:
    """Return what changes when an experiment or its measures do."""
    told: list[Any] = [
        [
            role, metric.slug, metric.kind, metric.within, metric.less_is_better, metric.winsorise,
            *([goal.event, goal.value_property, goal.within] for goal in (metric.goal, metric.per) if goal),
        ]
        for metric, role in judges
    ]  # fmt: skip
    if experiment is not None:
        arms = experiment.arms.order_by("position", "pk").values_list("key", "weight", "content")
        told += [
            [list(arm) for arm in arms], experiment.status, experiment.started_at,
            experiment.stopped_at, experiment.ends_at, experiment.place, experiment.allocation,
        ]  # fmt: skip
    return blake2b(json.dumps(told, default=str).encode(), digest_size=12).hexdigest()


# -- earnings --------------------------------------------------------------------------------


def _earnings(look: _Look) -> int:
    """Compute what contents earn, then what slots and segments do: all of them or none."""
    judges = judges_of_site()
    names, of = _names(judges), _digest(None, judges)
    if not look.is_due(GLOBAL, names=names, of=of):
        return 0
    began, written, earnings = perf_counter(), 0, list[Earned]()
    for name in holdout_names(now=look.now):
        if name != GLOBAL:
            compute = partial(_earn, name, judges, now=look.now, into=earnings)
            written += _kept(called("holdout", name), compute, look, of=of)
    groups = grouped(earnings)
    for group, some in groups.items():
        written += _kept(group, partial(together, group, some, now=look.now), look, of=of)
    _forget({*groups, *(one.result.subject for one in earnings)})
    # At the end, since it says by when all of them were computed, and how long that took.
    compute = partial(_earn, GLOBAL, judges, now=look.now, into=[])
    return written + _kept(GLOBAL, compute, look, of=of, began=began)


def _earn(name: str, judges: Sequence[Judge], *, now: datetime, into: list[Earned]) -> Result:
    one = earned(name, judges, now=now)
    into.append(one)
    return one.result


def _forget(kept: Collection[str]) -> None:
    """Delete findings about contents, slots and segments that nobody was exposed to for long."""
    for subject in list(Finding.objects.exclude(error__gt="").values_list("subject", flat=True)):
        if subject.startswith(("holdout:", "slot:", "segment:")) and subject not in kept:
            Finding.objects.filter(subject=subject).delete()


# -- rows ------------------------------------------------------------------------------------


class _Told(Protocol):
    """What a finding keeps."""

    def to_json(self) -> JsonObject: ...


def _kept(
    subject: str, compute: Callable[[], _Told], look: _Look, *, of: str, began: float | None = None
) -> int:
    """Compute a result and keep it, or why that failed; return how many were written."""
    began = perf_counter() if began is None else began
    try:
        result = compute()
    except OperationalError:
        raise  # the database is gone: no other subject fares better
    except FAILURES as error:
        metrics.count("experiments.failed")
        logger.exception("Nothing was found about %s.", subject)
        said = f"{type(error).__name__}: {error}"
        Finding.objects.update_or_create(
            subject=subject,
            defaults={"error": said},
            create_defaults={"error": said, "computed_at": look.now, "until": look.now},
        )
        return 0
    took = round(perf_counter() - began, 3)
    _write(subject, result.to_json(), look, mark={"event": look.newest, "of": of, "took": took})
    return 1


def _write(subject: str, content: JsonObject, look: _Look, *, mark: JsonObject | None) -> None:
    told = {**content, **({"mark": mark} if mark is not None else {})}
    Finding.objects.update_or_create(
        subject=subject,
        defaults={"content": told, "computed_at": look.now, "until": look.now, "error": ""},
    )


def _proposed() -> list[JsonObject]:
    """Return what is proposed, of all that is found now."""
    running = set(Experiment.objects.running().values_list("slug", flat=True))
    experiments: list[Result] = []
    holdouts: list[Result] = []
    for finding in Finding.objects.filter(error="").order_by("subject"):
        kind, _, name = finding.subject.partition(":")
        if kind == "experiment" and name in running:
            experiments.append(Result.from_json(finding.content))
        elif kind == "holdout":
            holdouts.append(Result.from_json(finding.content))
    return [one.to_json() for one in proposals(running=experiments, holdouts=holdouts)]
