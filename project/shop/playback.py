"""Play simulated visitors to a running site.

What a visitor is shown is decided by the id of their profile, so the site has to know them
first: the first event of each is sent ahead, and when the worker has made profiles of them all,
they do the rest. Those who are shown nothing (`planted`) need no introduction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from typing import Protocol

from django.utils import timezone

from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import add_write_key, digest_of
from personalization.profiles.models import Identity
from project.shop.crowd import crowd
from project.shop.deciding import Site
from project.shop.journey import Json
from project.shop.models import SimulationRun
from project.shop.planted import planted_until
from project.shop.post import Poster, PostError, batches
from project.shop.seed import SIMULATOR_SOURCE
from project.shop.simulate import shop_shelves, simulate

SEED = 1
VISITORS = 300
#: So many that a hundred of them are held out from each of what has an effect on them: below
#: that, nothing is said of it.
CROWD = 2600
#: Whom models find. So many that the smallest group they are in, two of the kinds, is over a
#: twentieth of all who have been here: smaller ones are not looked for (`ChoiceConfig.smallest`).
PLANTED = 400
BATCH_SIZE = 60
#: How long the worker may take to make profiles of those who were introduced, in seconds.
PATIENCE = 180.0
#: Identities that are looked for in one query.
_CHUNK = 500

Cast = SimulationRun.Cast
Progress = Callable[[int], None]


class Played(Protocol):
    """Somebody with all they did."""

    @property
    def id(self) -> str: ...

    @property
    def events(self) -> list[Json]: ...


def unfinished_run(*, seed: int, visitors: int, cast: Cast = Cast.PERSONAS) -> SimulationRun | None:
    """Return the run to play: one that was interrupted, or a new one; None when it is done.

    An interrupted run is played again from its start with the `now` it had. Its message
    ids are the same, so that what had arrived already is not counted twice.
    """
    if not visitors:
        return None
    run, _ = SimulationRun.objects.get_or_create(
        cast=cast, seed=seed, visitors=visitors, defaults={"now": timezone.now()}
    )
    return run if run.finished_at is None else None


@contextmanager
def passing_key(source: Source) -> Iterator[str]:
    """Give a write key that ends with the block, or in a day if the block is killed."""
    key = add_write_key(source, expires_at=timezone.now() + timedelta(days=1))
    try:
        yield key
    finally:
        WriteKey.objects.filter(digest=digest_of(key)).delete()


def play(run: SimulationRun, *, url: str, progress: Progress) -> int:
    """Send the visitors of `run` to the ingest API at `url`; return the number of events.

    `progress` is told how many visitors have been sent, after each batch; it may wait there.

    :raises PostError: when the site does not take them, or makes no profiles of them in time.
    """
    source = Source.objects.get(slug=SIMULATOR_SOURCE)
    sent = done = 0
    with passing_key(source) as write_key, Poster(url, write_key=write_key) as poster:
        shown = run.cast != Cast.PLANTED
        profiles = introduced(run, poster=poster, progress=progress) if shown else {}
        histories = (visitor.events for visitor in people(run, profiles=profiles))
        for batch in batches(histories, size=BATCH_SIZE):
            poster.send(list(chain.from_iterable(batch)))
            sent += sum(map(len, batch))
            done += len(batch)
            progress(done)
    run.finished_at = timezone.now()
    run.save(update_fields=["finished_at"])
    return sent


def people(run: SimulationRun, *, profiles: Mapping[str, int]) -> Iterable[Played]:
    """Yield who plays. Those of whom the profile is known are shown what the site decides, unless
    they are planted."""
    shelves = shop_shelves()
    if run.cast == Cast.PLANTED:
        return planted_until(run.now, seed=run.seed, visitors=run.visitors, shelves=shelves)
    make = crowd if run.cast == Cast.CROWD else simulate
    return make(
        seed=run.seed,
        now=run.now,
        visitors=run.visitors,
        shelves=shelves,
        site=Site.now(),
        profiles=profiles,
    )


def introduced(run: SimulationRun, *, poster: Poster, progress: Progress) -> dict[str, int]:
    """Send the first event of everybody; return their profiles once there are such.

    :raises PostError: when nobody makes them.
    """
    first = {visitor.id: visitor.events[:1] for visitor in people(run, profiles={})}
    for batch in batches(first.values(), size=BATCH_SIZE):
        poster.send(list(chain.from_iterable(batch)))
        progress(0)
    deadline = time.monotonic() + PATIENCE
    while len(profiles := profiles_of(first)) < len(first):
        if time.monotonic() > deadline:
            raise PostError(
                f"Of {len(first)} visitors, {len(profiles)} have a profile: does the worker run?"
            )
        time.sleep(0.1)
        progress(0)
    return profiles


def profiles_of(visitor_ids: Iterable[str]) -> dict[str, int]:
    """Return the profiles of the visitors who have one, by their ids."""
    ids = list(visitor_ids)
    found: dict[str, int] = {}
    for begin in range(0, len(ids), _CHUNK):
        some = ids[begin : begin + _CHUNK]
        rows = Identity.objects.filter(namespace=Identity.ANONYMOUS, value__in=some)
        found.update(rows.values_list("value", "profile_id"))
    return found
