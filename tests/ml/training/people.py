"""Visits of many people, and versions that learned from them: what is watched for drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Options
from personalization.ml.examples import Examples
from personalization.ml.features.table import feature_table
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.predictors.logistic import Logistic
from personalization.ml.threads import one_thread
from personalization.ml.training.versions import promote
from personalization.profiles.models import Identity, Profile, Snapshot, Visit
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW

Log: TypeAlias = Callable[..., list[int]]
Status = ModelVersion.Status
FEATURES = ("pages.count", "visits.count")
TRAINED = NOW - 20 * DAY
SINCE = TRAINED - 30 * DAY


def logging(source: Any) -> Log:
    """Return what logs a visit of each of `people`: how many pages, and whether they order a day
    after its end."""
    number = iter(range(10**6))

    def fill(
        *, at: datetime, pages: Callable[[Any], int], orders: float = 0.0, people: int = 210,
        seed: int = 1, consent: bool = True,
    ) -> list[int]:  # fmt: skip
        rng = np.random.default_rng(seed)
        profiles = Profile.objects.bulk_create(Profile() for _ in range(people))
        identities = Identity.objects.bulk_create(
            Identity(profile=profile, namespace="anonymous", value=f"v{next(number)}")
            for profile in profiles
        )
        events, visits, snapshots = [], [], []
        for profile, identity in zip(profiles, identities, strict=True):
            names = ["Page Viewed"] * (1 + pages(rng))
            ends = at + len(names) * MINUTE
            when = [at + step * MINUTE for step in range(len(names))]
            if rng.random() < orders:
                names, when = [*names, "Order Completed"], [*when, ends + DAY]
            events += [
                Event(
                    identity=identity, source=source, message_id=f"{identity.value}-{step}",
                    type="track", name=name, timestamp=moment, properties={},
                )
                for step, (name, moment) in enumerate(zip(names, when, strict=True))
            ]  # fmt: skip
            visits.append(Visit(profile=profile, started_at=at, ended_at=ends, events=len(names)))
            snapshots.append(
                Snapshot(
                    profile=profile, consents={"personalization": consent}, first_seen=at,
                    last_seen=ends,
                )
            )  # fmt: skip
        Snapshot.objects.bulk_create(snapshots)
        Event.objects.bulk_create(events)
        Visit.objects.bulk_create(visits)
        return [profile.pk for profile in profiles]

    return fill


def few(rng: Any) -> int:
    return int(rng.integers(0, 6))


def many(rng: Any) -> int:
    return int(rng.integers(4, 10))


def learned(ids: list[int], *, base: float) -> tuple[bytes, str]:
    """Return the artefact of a model that learned a chance of `base` from what people had done by
    the end of its window, and the version of its features."""
    table = feature_table([(pk, microseconds(TRAINED) - 1) for pk in ids], features=FEATURES)
    examples = Examples(
        rows=table.rows,
        labels=(np.random.default_rng(0).random(len(table)) < base).astype(float),
        features=FEATURES,
        at=table.at,
        visitor=table.visitors,
    )
    with one_thread():
        return packed(Logistic().fit(examples, Options())), table.version


def version_of(ids: list[int], *, base: float = 0.3, **fields: Any) -> ModelVersion:
    """Return a version that serves, of a model that learned from these people."""
    return kept(*learned(ids, base=base), **fields)


def kept(content: bytes, features: str, **fields: Any) -> ModelVersion:
    """Return a version that serves, with this artefact."""
    given = {
        "name": "propensity.order", "number": 1, "algorithm": "logistic", "status": Status.SERVING,
        "features_version": features, "window_from": SINCE, "window_until": TRAINED,
        "metrics": {"ap": 0.4, "ece": 0.01}, "remarks": ["As trained."],
    }  # fmt: skip
    version = ModelVersion.objects.create(checksum=checksum(content), **given | fields)
    ModelArtefact.objects.create(version=version, content=content)
    return version


def nightly(
    ids: list[int], *, nights: int, base: float = 0.2, now: datetime = NOW, **fields: Any
) -> Sequence[ModelVersion]:
    """Train and promote a version in each of the nights before `now`, the oldest first, as a
    worker does: what is not kept is pruned. All have learned the same."""
    made = []
    content, features = learned(ids, base=base)
    for number, night in enumerate(range(nights, 0, -1), start=1):
        at = now - night * DAY + 15 * HOUR
        version = kept(
            content, features, number=number, status=Status.CANDIDATE, window_from=at - 97 * DAY,
            window_until=at, created_at=at, **fields,
        )  # fmt: skip
        promote(version, now=at + 10 * MINUTE)
        made.append(version)
    return made


def days(log: Log, *, first: int, last: int, people: int = 20, **said: Any) -> None:
    """Log the visits of `people` others on each day from `first` to `last` days ago."""
    for ago in range(first, last - 1, -1):
        log(at=NOW - timedelta(days=ago), people=people, seed=ago, **said)
