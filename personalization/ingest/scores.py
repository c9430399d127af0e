"""Publish what models say of profiles as features of their snapshots, and move memberships.

Whoever does something is scored by the worker that has stored it, right after that; where there is
no time for all, within a minute or two. Everybody else is once a day, as time alone changes what
is likely: a minute's share of them follows from their numbers, so that nothing has to be
remembered, and a sweep that was missed is made up for on the next day. When another version begins
to serve, everybody is asked about as soon as a worker has time. Whose history is long is asked about
by the sweep of a minute alone, after all others.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.util import find_spec

from django.db import DatabaseError, transaction
from django.db.models import F, Max, Min, Q, QuerySet
from django.utils.module_loading import import_string

from personalization import metrics
from personalization.clock import microseconds
from personalization.ingest import just_here
from personalization.ingest.histories import LONG, counted, portions, short
from personalization.ml.consenting import agrees
from personalization.ml.models import ModelVersion
from personalization.ml.serving.published import published_names
from personalization.profiles.locks import hold
from personalization.profiles.modelled import modelled
from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.segments.live import live_rules
from personalization.segments.membership import Changes
from personalization.segments.rebuild import CHUNK, rebuild_and_save
from personalization.types import Json

logger = logging.getLogger(__name__)

#: Whoever was here so shortly ago is scored again; longer than a sweep is apart from the next.
JUST = timedelta(minutes=3)
#: Whoever was not here for so long is scored no more, and loses what was said: nobody would take it
#: back any more, whatever became of them. That is looked for in so many days after it.
KNOWN, LEAVING = timedelta(days=90), timedelta(days=7)
_TURNS = 24 * 60
#: How long events wait at most for those to be scored who were just here, and how many of these
#: are scored together.
PATIENCE, TOGETHER = timedelta(seconds=0.25), 10
#: How long a sweep goes on with those whose history is long; one of them is always asked about.
PATIENCE_WITH_LONG = timedelta(seconds=2)
#: So long after it was promoted no process asks the version before any more (`loaded.FRESH`).
SETTLED = timedelta(seconds=10)
#: By its place, as numpy comes along.
_PREDICTIONS = "personalization.ml.serving.predictions.predictions"

Scores = Mapping[int, Mapping[str, Json]]


def score_profiles(*, now: datetime, budget: timedelta = PATIENCE_WITH_LONG) -> int:
    """Score who was just here and whose turn it is, and last, for about so long, those of them
    whose history is long; return how many profiles changed."""
    if not _has_numpy() or not published_names():
        return 0
    turn = int(now.timestamp()) // 60 % _TURNS
    due = Snapshot.objects.annotate(turn=F("pk") % _TURNS).filter(
        Q(last_seen__gte=now - JUST) | Q(turn=turn), last_seen__gte=now - KNOWN - LEAVING
    )
    known = counted(due.filter(last_seen__gte=now - KNOWN).order_by("pk"))
    gone = due.filter(last_seen__lt=now - KNOWN).order_by("pk").values_list("pk", flat=True)
    changed = score([pk for pk, events in known if events <= LONG], now=now)
    changed += _forget(list(gone), now=now)
    return changed + _score_long([pk for pk, n in known if n > LONG], now=now, budget=budget)


def _score_long(profile_ids: Sequence[int], *, now: datetime, budget: timedelta) -> int:
    """Score the profiles one by one, for about so long; return how many changed. Each minute, and
    at the same minute of each day, begins with another one: all of them come to it."""
    day, minute = divmod(int(now.timestamp()) // 60, _TURNS)
    begin = (day + minute) % max(len(profile_ids), 1)
    until, changed = time.monotonic() + budget.total_seconds(), 0
    for profile_id in (*profile_ids[begin:], *profile_ids[:begin]):
        changed += score([profile_id], now=now)
        if time.monotonic() >= until:
            break
    return changed


def score_just_here(*, now: datetime, budget: timedelta = PATIENCE) -> int:
    """Score those whose events this process has just stored, who came last first, for about so
    long; return how many changed. Those of history are not here, and whose own is long is left to
    the sweep."""
    profile_ids = just_here.take()
    if not profile_ids or not _has_numpy() or not published_names():
        return 0
    lately = Snapshot.objects.filter(pk__in=profile_ids, last_seen__gte=now - JUST)
    here = dict(counted(short(lately)))
    due = [(pk, here[pk]) for pk in profile_ids if pk in here]
    until, changed = time.monotonic() + budget.total_seconds(), 0
    for some in portions(due, most=TOGETHER):
        changed += score(some, now=now)
        if time.monotonic() >= until:
            break
    return changed


def score_everybody(*, now: datetime, budget: timedelta) -> int:
    """Go on asking new versions about everybody but whose history is long, for about so long;
    return of how many profiles.

    How far they came is kept with them, so that it goes on after a kill. What two workers do at a
    time is done twice, and right.
    """
    until, done = time.monotonic() + budget.total_seconds(), 0
    while _has_numpy() and (after := _place(now=now)) is not None:
        known = short(Snapshot.objects.filter(pk__gt=after, last_seen__gte=now - KNOWN))
        chunk = list(known.order_by("pk").values_list("pk", flat=True)[:CHUNK])
        score(chunk, now=now)
        done += len(chunk)
        # Not those that were promoted meanwhile: they are at the begin.
        came = _new(now=now).filter(scored_up_to__gte=after)
        if len(chunk) < CHUNK:
            came.update(scored_up_to=None)
        else:
            came.filter(scored_up_to__lt=chunk[-1]).update(scored_up_to=chunk[-1])
        if time.monotonic() >= until:
            break
    return done


def _place(*, now: datetime) -> int | None:
    """Return after which profile to go on; None: everybody was asked about."""
    place: int | None = _new(now=now).aggregate(place=Min("scored_up_to"))["place"]
    return place


def _new(*, now: datetime) -> QuerySet[ModelVersion]:
    """Return the versions that serve and were not asked about everybody yet."""
    serving = ModelVersion.objects.filter(status=ModelVersion.Status.SERVING)
    return serving.filter(scored_up_to__isnull=False, promoted_at__lte=now - SETTLED)


def _forget(profile_ids: Sequence[int], *, now: datetime) -> int:
    """Take back what models said of the profiles; return of how many they had said something."""
    return sum(
        publish({pk: {} for pk in profile_ids[start : start + CHUNK]}, now=now)
        for start in range(0, len(profile_ids), CHUNK)
    )


def score(profile_ids: Iterable[int], *, now: datetime) -> int:
    """Score the profiles; return how many of them changed. Who does not consent loses scores.

    Events may have been stored since `now`: what they say is asked for as well. Of whom nothing can
    be said, what was said before stays.
    """
    ids, changed = list(profile_ids), 0
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        at = max(now, _last_seen(chunk) or now)
        if (said := _said(chunk, now=at)) is not None:
            changed += publish({**dict.fromkeys(chunk, {}), **said}, now=at)
    return changed


def _said(profile_ids: Sequence[int], *, now: datetime) -> Scores | None:
    """Return what models say of the profiles; None if one of them fails."""
    predictions: Callable[..., Scores] = import_string(_PREDICTIONS)
    try:
        return predictions(profile_ids, now=now)
    except DatabaseError:
        raise
    except Exception:  # a site's own models and features; events must not wait for their mending
        metrics.count("models.scoring_failed")
        logger.exception("Nobody can be scored.", extra={"action": "scoring_failed"})
        return None


def _last_seen(profile_ids: Sequence[int]) -> datetime | None:
    """Return when somebody of these was last here."""
    of_these = Snapshot.objects.filter(pk__in=profile_ids)
    last: datetime | None = of_these.aggregate(last=Max("last_seen"))["last"]
    return last


def publish(scores: Scores, *, now: datetime) -> int:
    """Put the scores into the snapshots of the profiles, in place of all that models said
    before; return how many changed. Who does not consent by now gets none. What was said before
    stays where it is None now, and where it is no finite number, which is dropped."""
    _tell_of_dropped(scores)
    with transaction.atomic():
        held = hold(set(scores), lambda: _there(scores))
        changed = {pk: names for pk, each in held.items() if (names := _put(each, scores[pk]))}
        live, changes = live_rules(), Changes()
        current = [pk for pk in changed if held[pk].plan == live.plan.id]
        for pk in current:
            touched = live.segments_for({f"feature:{name}" for name in changed[pk]})
            changes.advance(held[pk], touched, live, now=microseconds(now))
        changes.write()
        save([held[pk] for pk in current], fields=("features", "memberships", "due_at"))
        # The rest were built for other rules; what models say stays theirs (profiles/state.py).
        rebuild_and_save([held[pk] for pk in changed.keys() - set(current)], now=now)
    return len(changed)


def _put(snapshot: Snapshot, scores: Mapping[str, Json]) -> set[str]:
    """Put the scores in place of those before; return the names of those that changed."""
    before = modelled(snapshot.features)
    if not agrees(snapshot):  # any more: it may have been withdrawn while models were asked
        scores = {}
    said = {name: value for name, value in scores.items() if _can_be_kept(value)}
    after = {**{name: before[name] for name in scores if name in before}, **said}
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    others = {name: value for name, value in snapshot.features.items() if name not in before}
    snapshot.features = {**others, **after}
    return names


def _can_be_kept(score: Json) -> bool:
    """Return whether something is said that databases keep: NaN and the infinite are no JSON."""
    return score is not None and not _is_endless(score)


def _is_endless(score: Json) -> bool:
    return isinstance(score, float) and not math.isfinite(score)


def _tell_of_dropped(scores: Scores) -> None:
    """Log once of each model how often it says what cannot be kept."""
    dropped = Counter(
        name for each in scores.values() for name, score in each.items() if _is_endless(score)
    )
    for name, times in sorted(dropped.items()):
        metrics.count("models.not_finite", by=times)
        logger.error(
            "%s says of %d people what is no finite number.", name, times,
            extra={"action": "score_not_finite"},
        )  # fmt: skip


def _there(profile_ids: Iterable[int]) -> set[int]:
    there = Snapshot.objects.filter(pk__in=list(profile_ids))
    return set(there.values_list("pk", flat=True))


@cache
def _has_numpy() -> bool:
    return find_spec("numpy") is not None
