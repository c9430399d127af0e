"""The model that serves, in memory: looked for every few seconds, read when it is another one.

Only `recommend.py` asks for it by name, as numpy comes along, which the extra `ml` brings.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from django.db.models import Case, IntegerField, QuerySet, Value, When

from personalization import metrics
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Model
from personalization.ml.goal_events import of_its_goal
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.serving.kept import Kept

logger = logging.getLogger(__name__)

#: How soon a promoted or rolled back version serves.
FRESH: Final = timedelta(seconds=5)
#: How soon one that could not be read is tried again: its artefact may have been restored.
AGAIN: Final = timedelta(minutes=5)
#: A version that is asked for by its number goes from memory when nobody asked for so long.
UNUSED: Final = timedelta(minutes=10)
#: So many versions that served before are tried where one cannot be read.
TRIES: Final = 3


#: Of a version: its primary key, the checksum of its artefact, its number.
_Stored: TypeAlias = tuple[int, str, int]


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model with the number of its version; `serving_id` is the version that was to serve,
    which is another one where that could not be read. No model: none can serve."""

    name: str
    serving_id: int | None = None
    #: Of the artefact of that version: one that serves is renewed in its place.
    checksum: str = ""
    number: int = 0
    model: Model[Any] | None = None
    #: When all this was read.
    read_at: datetime | None = None

    def stays(self, version: _Stored, *, now: datetime) -> bool:
        """Return whether it need not be read again: it is what is stored of the version now, or
        that could not be read a short time ago."""
        pk, checksum, number = version
        if (self.serving_id, self.checksum) != (pk, checksum):
            return False
        if self.model is not None and self.number == number:
            return True
        return self.read_at is not None and timedelta(0) <= now - self.read_at < AGAIN


class _Names:
    """What is kept for each name, and for each of its versions that is asked for by number."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Kept[Loaded]] = {}
        #: When those that are asked for by number last were.
        self._asked: dict[tuple[str, int], datetime] = {}

    def at(self, name: str, now: datetime, *, number: int = 0) -> Loaded:
        if number:
            self._asked[name, number] = now
        kept = self._kept.get((name, number))
        if kept is None:
            fresh = Kept[Loaded](
                lambda before, now: self._read(name, number, before, now), fresh=FRESH
            )
            kept = self._kept.setdefault((name, number), fresh)
        return kept.at(now)

    def forget(self) -> None:
        self._kept.clear()
        self._asked.clear()

    def _read(self, name: str, number: int, before: Loaded | None, now: datetime) -> Loaded:
        for other, asked in list(self._asked.items()):  # other threads ask meanwhile
            if now - asked >= UNUSED:
                self._asked.pop(other, None)
                self._kept.pop(other, None)
        return _read(name, number, before, now)


def loaded(name: str, *, now: datetime) -> Loaded:
    """Return the model that serves as `name`, with the number of its version."""
    return _names.at(name, now)


def loaded_version(name: str, number: int, *, now: datetime) -> Loaded:
    """Return version `number` of a model, whether it serves or not; without a model where there
    is no such version, or it cannot be read."""
    return _names.at(name, now, number=number)


def serving(name: str, *, now: datetime) -> Model[Any] | None:
    """Return the model that serves as `name`; None if there is none that can be read."""
    return loaded(name, now=now).model


def forget() -> None:
    """Read the models anew (tests that roll the database back need it)."""
    _names.forget()


def _read(name: str, number: int, before: Loaded | None, now: datetime) -> Loaded:
    if number:
        return _read_version(name, number, before, now=now)
    return _read_serving(name, before, now=now)


def _read_version(name: str, number: int, before: Loaded | None, *, now: datetime) -> Loaded:
    """Return one version: as before, where nothing of it was renewed (one query)."""
    version = _versions(name).filter(number=number).exclude(checksum="").first()
    if version is None:
        return Loaded(name)
    stored = (version.pk, version.checksum, number)
    if before is not None and before.stays(stored, now=now):
        return before
    return Loaded(name, *stored, _attempted(version), now)


def _read_serving(name: str, before: Loaded | None, *, now: datetime) -> Loaded:
    """Return what serves: as before, where it is the same version (one query). Nothing does that
    was made for another event than its goal has now: it would say that under the goal's name."""
    serves = _versions(name).filter(status=ModelVersion.Status.SERVING)
    found = of_its_goal(serves, name).values_list("pk", "checksum", "number").first()
    if found is None:
        return Loaded(name)
    if before is not None and before.stays(found, now=now):
        return before
    serving_id, checksum, _ = found
    for version in _served(name):
        if (model := _attempted(version)) is not None:
            return Loaded(name, serving_id, checksum, version.number, model, now)
    return Loaded(name, serving_id, checksum, read_at=now)


def _attempted(version: ModelVersion) -> Model[Any] | None:
    """Return the model of a version; None if it cannot be read."""
    try:
        return _unpacked(version)
    except CorruptArtefact as error:
        metrics.count("models.corrupt")
        logger.error(
            "%s cannot be read, so something else serves: %s", version, error,
            extra={"action": "model_corrupt"},
        )  # fmt: skip
        return None


def _versions(name: str) -> QuerySet[ModelVersion]:
    return ModelVersion.objects.filter(name=name).order_by()


def _served(name: str) -> QuerySet[ModelVersion]:
    """Return the version that serves, and those before it that last served first."""
    status = ModelVersion.Status
    first = Case(When(status=status.SERVING, then=Value(0)), default=1, output_field=IntegerField())
    served = _versions(name).filter(status__in=(status.SERVING, status.RETIRED))
    return of_its_goal(served, name).order_by(first, "-promoted_at", "-number")[: TRIES + 1]


def _unpacked(version: ModelVersion) -> Model[Any]:
    # Both by one query: the artefact of a version that serves is renewed with its checksum.
    artefact = ModelArtefact.objects.filter(version=version).select_related("version").first()
    if artefact is None:
        raise CorruptArtefact(f"Nothing is stored of {version}.")
    return unpacked(bytes(artefact.content), sha256=artefact.version.checksum)


_names = _Names()
