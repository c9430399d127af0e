"""Play simulated visitors to a running site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain

from django.utils import timezone

from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import add_write_key, digest_of
from project.shop.models import SimulationRun
from project.shop.post import Poster, batches
from project.shop.seed import SIMULATOR_SOURCE
from project.shop.simulate import shop_shelves, simulate

SEED = 1
VISITORS = 300
BATCH_SIZE = 60


def unfinished_run(*, seed: int, visitors: int) -> SimulationRun | None:
    """Return the run to play: one that was interrupted, or a new one; None when it is done.

    An interrupted run is played again from its start with the `now` it had. Its message
    ids are the same, so that what had arrived already is not counted twice.
    """
    run, _ = SimulationRun.objects.get_or_create(
        seed=seed, visitors=visitors, defaults={"now": timezone.now()}
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


def play(run: SimulationRun, *, url: str, progress: Callable[[int], None]) -> int:
    """Send the visitors of `run` to the ingest API at `url`; return the number of events.

    `progress` is told how many visitors have been sent, after each batch; it may wait there.
    """
    source = Source.objects.get(slug=SIMULATOR_SOURCE)
    people = simulate(seed=run.seed, now=run.now, visitors=run.visitors, shelves=shop_shelves())
    sent = done = 0
    with passing_key(source) as write_key, Poster(url, write_key=write_key) as poster:
        for batch in batches((visitor.events for visitor in people), size=BATCH_SIZE):
            poster.send(list(chain.from_iterable(batch)))
            sent += sum(map(len, batch))
            done += len(batch)
            progress(done)
    run.finished_at = timezone.now()
    run.save(update_fields=["finished_at"])
    return sent
