"""A training: asked for, held by one worker at a time, and kept or failed.

The row of the version is the request and the lease in one, so that no message is needed
for a training to be found. While a version is in training, `trained_at` is when its worker
was last heard of: empty, nobody has taken it up; each write moves it on and names the value
it expects there, so that a worker that was given up for dead writes nothing any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q, QuerySet

from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.arrivals import last_event
from personalization.ml.training.plans import Plan
from personalization.ml.training.schedule import due

#: A worker that has not been heard of for so long has died; the training begins anew. Longer
#: than the longest silence of a model: there are steps of linear algebra that report nothing.
LEASE = timedelta(minutes=15)
#: Workers that a training may cost before it is given up: it may be what kills them.
LOST = 3
#: Numbers that others may take while one asks for a training: they begin few at once.
TRIES = 20
#: A training that was begun so long ago at most goes on; of an older one nothing holds.
AGAIN = timedelta(days=1)
#: Seconds between two writes of how far it is.
PAUSE = 2.0
LOST_REMARK = "Begun anew: its worker was not heard of any more."
_WORDS, _ERROR = 200, 2000
_TRAINING = ModelVersion.Status.TRAINING


class TrainingLost(PersonalizationError):
    """The training was stopped, or another worker has taken it over."""


def request(plan: Plan, *, now: datetime) -> ModelVersion:
    """Return the open training of a model: one for each, however many ask at once.

    :raises IntegrityError: if the database refuses the version, or all numbers that were tried
        were taken meanwhile.
    """
    version = _requested(plan, now=now, if_due=False)
    assert version is not None
    return version


def request_due(plan: Plan, *, now: datetime) -> ModelVersion | None:
    """Return the open training of a model as `request` does; None if there is none and it is not
    due: another worker may have trained it since it was looked.

    :raises IntegrityError: as `request` does.
    """
    return _requested(plan, now=now, if_due=True)


def _requested(plan: Plan, *, now: datetime, if_due: bool) -> ModelVersion | None:
    versions, tries = ModelVersion.objects.filter(name=plan.name), 0
    while True:
        if (already := versions.filter(status=_TRAINING).first()) is not None:
            return already
        # In one statement: whoever asks at the same time either is seen or has this number.
        found = versions.aggregate(
            newest=Max("number"), training=Count("pk", filter=Q(status=_TRAINING))
        )
        if found["training"]:
            continue
        # After the number was read: whoever trains it meanwhile has that, and it is looked anew.
        if if_due and not due([plan], now=now):
            return None
        number, tries = (found["newest"] or 0) + 1, tries + 1
        try:
            with transaction.atomic():
                return ModelVersion.objects.create(
                    name=plan.name,
                    number=number,
                    algorithm=plan.algorithm,
                    config=plan.config,
                    seed=plan.seed,
                    created_at=now,
                )
        except IntegrityError:
            if tries == TRIES or not versions.filter(number=number).exists():
                raise


def open_trainings() -> QuerySet[ModelVersion]:
    """Return the trainings that wait for a worker or have one, the oldest first."""
    return ModelVersion.objects.filter(status=_TRAINING).order_by("created_at", "pk")


def take(version: ModelVersion, *, now: datetime) -> Attempt | None:
    """Take a training up, unless it is over or another worker is at it.

    One that has cost too many workers fails instead.
    """
    if version.status != _TRAINING or (
        version.trained_at is not None and version.trained_at > now - LEASE
    ):
        return None
    remarks = list(version.remarks)
    if version.trained_at is not None:
        remarks.append(LOST_REMARK)
    attempt = Attempt(version, heard_at=version.trained_at, now=now)
    try:
        attempt._write(remarks=remarks, progress=0, progress_words="")
    except TrainingLost:
        return None
    version.remarks = remarks
    if remarks.count(LOST_REMARK) >= LOST:
        attempt.fail(f"Given up: {LOST} workers in a row were not heard of any more.")
        return None
    return attempt


def stop(version: ModelVersion, *, by: str, now: datetime) -> bool:
    """Stop a training; its worker hears of it when it next reports. False if it was over."""
    return bool(
        ModelVersion.objects.filter(pk=version.pk, status=_TRAINING).update(
            status=ModelVersion.Status.FAILED, error=f"Stopped by {by}."[:_ERROR], trained_at=now
        )
    )


@dataclass(kw_only=True)
class _Told:
    at: float = float("-inf")
    words: str = ""


@dataclass
class Attempt:
    """A training and the right to write it. Its clock goes on from the `now` it was given."""

    version: ModelVersion
    #: When its worker was last heard of, as it stands in the database.
    heard_at: datetime | None
    now: datetime
    _started: float = field(default_factory=time.monotonic)
    _told: _Told = field(default_factory=_Told)

    def progress(self, share: float, words: str) -> None:
        """Tell how far it is, from 0 to 1; most calls write nothing.

        :raises TrainingLost: if it is not this worker's any more.
        """
        since = time.monotonic() - self._told.at
        if since < PAUSE and (words == self._told.words or since < PAUSE / 4):
            return
        self._told.at, self._told.words = time.monotonic(), words
        self._write(progress=min(max(share, 0.0), 1.0), progress_words=words[:_WORDS])

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep all that is written inside, or nothing, and know in both cases what stands there."""
        heard_at = self.heard_at
        try:
            with transaction.atomic():
                yield
        except BaseException:
            self.heard_at = heard_at
            raise

    def keep(
        self,
        *,
        content: bytes,
        sha256: str,
        algorithm: str,
        config: Mapping[str, Any],
        window: tuple[datetime, datetime],
        rows: int,
        metrics: Mapping[str, float],
        features_version: str = "",
        remarks: Sequence[str] = (),
    ) -> None:
        """Keep what was learned, with where it came from, all of it or nothing.

        :raises TrainingLost: as `progress` does; nothing is kept then.
        """
        with self.together():
            self._write(
                status=ModelVersion.Status.CANDIDATE,
                algorithm=algorithm,
                config=config,
                window_from=window[0],
                window_until=window[1],
                rows=rows,
                metrics=metrics,
                features_version=features_version,
                remarks=[*self.version.remarks, *remarks],
                progress=1,
                progress_words="",
                checksum=sha256,
                error="",
            )
            ModelArtefact.objects.update_or_create(
                version=self.version, defaults={"content": content}
            )
        self.version.refresh_from_db()

    def fail(self, error: str, *, lacks: bool = False) -> None:
        """Keep why nothing came of it: of one that `lacks` data, what is missing. Says nothing if
        it is not this worker's any more."""
        states = ModelVersion.Status
        status = states.LACKING if lacks else states.FAILED
        try:
            self._write(status=status, error=error[:_ERROR])
        except TrainingLost:
            return
        ModelArtefact.objects.filter(version=self.version).delete()  # what was learned so far
        self.version.refresh_from_db()

    def until(self, *, window: timedelta) -> datetime:
        """Return up to when is learned: as whoever had it before, if that is not long ago, so
        that what they learned holds."""
        until = self.version.window_until
        if until is None or not timedelta(0) <= self.now - until < AGAIN:
            until = self.now
            self._write(window_from=until - window, window_until=until, last_event=last_event())
        return until

    def clock(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._started)

    def _write(self, **values: object) -> None:
        mine = ModelVersion.objects.filter(
            pk=self.version.pk, status=_TRAINING, trained_at=self.heard_at
        )
        at = self.clock()
        if not mine.update(**{"trained_at": at, **values}):
            raise TrainingLost
        self.heard_at = at
