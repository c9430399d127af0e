"""Publish what models say of profiles as features of their snapshots, and move memberships.

Whoever was here is scored within a minute or two; everybody else once a day, as time alone
changes what is likely. A minute's share of them follows from their numbers, so that nothing has
to be remembered: a sweep that was missed is made up for on the next day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.util import find_spec

from django.db import transaction
from django.db.models import F, Q
from django.utils.module_loading import import_string

from personalization.clock import microseconds
from personalization.ml.serving.published import published_names
from personalization.profiles.locks import hold
from personalization.profiles.modelled import modelled
from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.segments.live import live_rules
from personalization.segments.membership import Changes
from personalization.segments.rebuild import CHUNK, rebuild_and_save
from personalization.types import Json

#: Whoever was here so shortly ago is scored again; longer than a sweep is apart from the next.
JUST = timedelta(minutes=3)
#: Whoever was not here for so long is scored no more.
KNOWN = timedelta(days=90)
_TURNS = 24 * 60
#: By its place, as numpy comes along.
_PREDICTIONS = "personalization.ml.serving.predictions.predictions"

Scores = Mapping[int, Mapping[str, Json]]


def score_profiles(*, now: datetime) -> int:
    """Score who was just here and whose turn it is; return how many profiles changed."""
    if not _has_numpy() or not published_names():
        return 0
    turn = int(now.timestamp()) // 60 % _TURNS
    due = Snapshot.objects.annotate(turn=F("pk") % _TURNS).filter(
        Q(last_seen__gte=now - JUST) | Q(turn=turn), last_seen__gte=now - KNOWN
    )
    return score(due.order_by("pk").values_list("pk", flat=True), now=now)


def score(profile_ids: Iterable[int], *, now: datetime) -> int:
    """Score the profiles; return how many of them changed. Who does not consent loses scores."""
    predictions: Callable[..., Scores] = import_string(_PREDICTIONS)
    ids, changed = list(profile_ids), 0
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        nothing: Scores = {pk: {} for pk in chunk}
        changed += publish({**nothing, **predictions(chunk, now=now)}, now=now)
    return changed


def publish(scores: Scores, *, now: datetime) -> int:
    """Put the scores into the snapshots of the profiles, in place of all that models said
    before; return how many changed."""
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
    names = {name for name in {*before, *scores} if before.get(name) != scores.get(name)}
    others = {name: value for name, value in snapshot.features.items() if name not in before}
    snapshot.features = {**others, **scores}
    return names


def _there(profile_ids: Iterable[int]) -> set[int]:
    there = Snapshot.objects.filter(pk__in=list(profile_ids))
    return set(there.values_list("pk", flat=True))


@cache
def _has_numpy() -> bool:
    return find_spec("numpy") is not None
