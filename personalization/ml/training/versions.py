"""Versions of models: which one serves, back to the one before, what is different, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import F

from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.artefacts import problem_of
from personalization.ml.training.decisions import without_decisions
from personalization.profiles.modelled import publishes
from personalization.registry import Registry

_Status = ModelVersion.Status
#: Artefacts of trained versions that never served are kept of so many of the newest.
CANDIDATES = 2
#: Who needs the artefacts of versions besides: each yields the numbers of those of a name.
needed: Registry[Callable[[str], Iterable[int]]] = Registry("need of versions")


class NotPromotable(PersonalizationError):
    """This version cannot serve."""


class ServesNoMore(PersonalizationError):
    """Meanwhile another version serves, or another artefact of it."""


#: What is told of a version: in words, a figure, or an instant.
Told: TypeAlias = str | float | datetime


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that two versions do not share; empty where one has no such thing."""

    what: str
    one: Told
    other: Told


def serving(name: str) -> ModelVersion | None:
    """Return the version of a model that serves."""
    return ModelVersion.objects.filter(name=name, status=_Status.SERVING).first()


def previous(name: str) -> ModelVersion | None:
    """Return the version that served last before the one that does."""
    retired = ModelVersion.objects.filter(name=name, status=_Status.RETIRED)
    return retired.order_by(F("promoted_at").desc(nulls_last=True), "-number").first()


def hold(name: str) -> None:
    """Have others who change what serves wait for the end of this transaction."""
    # A write, not a lock: SQLite knows no other way, and reads what is read after it afresh.
    first = ModelVersion.objects.filter(name=name).order_by("number").values_list("pk").first()
    if first is not None:
        ModelVersion.objects.filter(pk=first[0]).update(number=F("number"))


def promote(version: ModelVersion, *, now: datetime) -> None:
    """Let a version serve instead of the one that does, at once.

    :raises NotPromotable: if it is not trained, serves already, or its artefact is gone or
        is not what was stored.
    """
    with transaction.atomic():
        hold(version.name)
        version.refresh_from_db()
        if version.status not in (_Status.CANDIDATE, _Status.RETIRED):
            raise NotPromotable(
                f"Version {version.number} of “{version.name}” is “{version.get_status_display()}”; "
                f"allowed: “{_Status.CANDIDATE.label}” and “{_Status.RETIRED.label}”."
            )
        _check_artefact(version)
        of_name = ModelVersion.objects.filter(name=version.name, status=_Status.SERVING)
        of_name.update(status=_Status.RETIRED)
        version.status, version.promoted_at = _Status.SERVING, now
        version.scored_up_to = 0 if publishes(version.name) else None
        version.save(update_fields=("status", "promoted_at", "scored_up_to"))
        prune(version.name)


def roll_back(version: ModelVersion, *, now: datetime) -> ModelVersion:
    """Let the version serve again that did before the one that is given, and return it.

    :raises ServesNoMore: if that one does not serve: somebody else has gone back from it.
    :raises NotPromotable: if there is none, or its artefact is gone or damaged.
    """
    name = version.name
    with transaction.atomic():
        hold(name)
        version.refresh_from_db()
        if version.status != _Status.SERVING:
            raise ServesNoMore(f"Version {version.number} of “{name}” does not serve any more.")
        before = previous(name)
        if before is None:
            raise NotPromotable(f"No other version of “{name}” has served before.")
        promote(before, now=now)
    return before


def renew(
    version: ModelVersion,
    *,
    content: bytes,
    sha256: str,
    since: datetime,
    until: datetime,
    last_event: int,
    rows: int,
) -> None:
    """Replace the artefact of a version that serves by one that has seen more: `rows` rows of
    the events of [since, until) that were stored up to `last_event`.

    The version stays what it is: the same configuration, the same weights, judged once. What
    takes long to learn is not learned anew, and may know of events before `since`.

    :raises ServesNoMore: if it does not serve any more, or was renewed meanwhile.
    """
    with transaction.atomic():
        mine = ModelVersion.objects.filter(
            pk=version.pk, status=_Status.SERVING, checksum=version.checksum
        )
        seen = {"window_from": since, "window_until": until, "last_event": last_event}
        if not mine.update(checksum=sha256, rows=rows, **seen):
            raise ServesNoMore
        ModelArtefact.objects.filter(version=version).update(content=content)
    version.refresh_from_db()


def prune(name: str) -> int:
    """Delete artefacts nobody goes back to; return how many. What came to be stays told.

    Kept are that of the version that serves, of the one that served before, of the newest
    trained ones, unless they learned from somebody who was erased, and of those that are `needed`.
    """
    versions = ModelVersion.objects.filter(name=name)
    before = previous(name)
    numbers = {number for _, numbers in needed.items() for number in numbers(name)}
    kept = [
        *versions.filter(number__in=numbers).values_list("pk", flat=True),
        *versions.filter(status=_Status.SERVING).values_list("pk", flat=True),
        *([before.pk] if before else []),
        *versions.filter(status=_Status.CANDIDATE, outdated_since=None)
        .order_by("-number")
        .values_list("pk", flat=True)[:CANDIDATES],
    ]
    old = ModelArtefact.objects.filter(version__name=name).exclude(version__in=kept)
    return old.delete()[0]


def artefact_problem(version: ModelVersion) -> str:
    """Return why the artefact of a version cannot be used, in a sentence; empty if it can."""
    content = ModelArtefact.objects.filter(version=version).values_list("content", flat=True)
    return problem_of(version, content.first())


def differences(one: ModelVersion, other: ModelVersion) -> Sequence[Difference]:
    """Return what is different between two versions: how, from what and how well they learned."""
    first, second = _told(one), _told(other)
    return [
        Difference(what=what, one=first.get(what, ""), other=second.get(what, ""))
        for what in dict.fromkeys([*first, *second])
        if first.get(what) != second.get(what)
    ]


def _check_artefact(version: ModelVersion) -> None:
    if problem := artefact_problem(version):
        raise NotPromotable(problem)


def _told(version: ModelVersion) -> Mapping[str, Told]:
    return {
        "algorithm": version.algorithm,
        **{f"config.{path}": str(value) for path, value in _leaves(version.config)},
        "seed": str(version.seed),
        "features": version.features_version,
        "learned from events since": version.window_from or "",
        "learned from events until": version.window_until or "",
        "rows": str(version.rows),
        **{f"metrics.{path}": value for path, value in _leaves(without_decisions(version.metrics))},
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value below with the way to it: “engines.ease.regularization”."""
    if not isinstance(value, dict) or (not value and path):
        yield path, float(f"{value:.6g}") if isinstance(value, float) else value
        return
    for key, below in sorted(value.items()):
        yield from _leaves(below, f"{path}.{key}" if path else str(key))
